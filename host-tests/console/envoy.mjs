// The whole way: a real client calls through a real proxy, a person decides in the page, and the waiting client gets its
// result, its refusal, or nothing at all.
import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { openBrowser, openProxy } from "./stage.mjs";

const proxy = await openProxy();
const browser = await openBrowser();
const page = await (await browser.newContext({ viewport: { width: 1200, height: 900 } })).newPage();
page.setDefaultTimeout(20000);
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error)));

async function connect() {
  const client = new Client({ name: "agent", version: "1" });
  const requestInit = { headers: { authorization: "Bearer token-agent" } };
  await client.connect(new StreamableHTTPClientTransport(new URL(proxy.gate), { requestInit }));
  return client;
}
const agent = await connect();
const pay = (amount) => agent.callTool({ name: "create_payment", arguments: { amount, currency: "EUR" } });
const text = (result) => result.content.map((item) => item.text).join("\n");
const card = (part) => page.locator(".card:not(.done)", { hasText: part });
const unresolved = async (call) => assert.equal(await Promise.race([call.then(() => "over"), page.waitForTimeout(1200).then(() => "waits")]), "waits");

let failed = false;
async function check(name, run) {
  const began = Date.now();
  try {
    await run();
    assert.deepEqual(complaints, []);
    console.log(`ok    ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed = true;
    console.log(`FAIL  ${name}\n${error.stack}`);
  }
}

await check("the door, in Envoy", async () => {
  await page.goto(proxy.url);
  await page.fill("#token", "token-operator");
  await page.click("button.main");
  await page.locator("#pulse", { hasText: "Enforcing" }).waitFor();
  assert.equal(text(await pay(40)).includes("40"), true, "small payments go through");
});

await check("approved by a click: the waiting client gets its result", async () => {
  const before = await proxy.calls();
  const call = pay(501);
  await card("501").waitFor();
  assert.ok((await card("501").innerText()).includes("agent waits"));
  await unresolved(call);
  assert.equal(await proxy.calls(), before, "nothing has gone to the server");
  await card("501").locator("button.yes").click();
  const result = await call;
  assert.ok(!result.isError, text(result));
  assert.equal(await proxy.calls(), before + 1);
});

await check("approved by keyboard", async () => {
  const call = pay(502);
  await card("502").waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("a");
  await page.keyboard.press("Enter");
  const result = await call;
  assert.ok(!result.isError, text(result));
});

await check("rejected: the client is told why, and the server nothing", async () => {
  const before = await proxy.calls();
  const call = pay(503);
  await card("503").locator("input").fill("ask for at most 500");
  await card("503").locator("button.no").click();
  const result = await call;
  assert.equal(result.isError, true);
  assert.ok(text(result).includes("ask for at most 500"), text(result));
  assert.equal(await proxy.calls(), before);
});

await check("the same call twice at once: one answer, one question, the second asks anew", async () => {
  const before = await proxy.calls();
  const calls = [pay(504), pay(504)];
  await card("504").waitFor();
  await page.waitForTimeout(1200);
  assert.equal(await card("504").count(), 1);
  await card("504").locator("button.yes").click();
  const first = await Promise.race(calls);
  assert.ok(!first.isError, text(first));
  await card("504").waitFor();
  assert.equal(await proxy.calls(), before + 1, "an approval is good for one call");
  await card("504").locator("button.yes").click();
  for (const result of await Promise.all(calls)) assert.ok(!result.isError, text(result));
});

await check("stopped: held and new calls are refused; resumed: they go on", async () => {
  const before = await proxy.calls();
  const call = pay(505);
  await card("505").waitFor();
  await page.click("#stop");
  await page.fill("#ask-reason", "a bot runs wild");
  await page.click("#ask-yes");
  await page.waitForSelector("#stopped:not([hidden])");
  const [held, next] = [await call, await pay(1)];
  assert.equal(held.isError, true);
  assert.equal(next.isError, true);
  assert.equal(next._meta["toolgate/denial"].rule, "/stopped");
  assert.equal(await proxy.calls(), before);
  await page.click("#resume");
  await page.click("#ask-yes");
  await page.waitForSelector("#stopped[hidden]", { state: "attached" });
  assert.ok(!(await pay(1)).isError);
});

await check("a grant is revoked and given back", async () => {
  await page.click("#tab-grants");
  const row = page.locator("#grants tbody tr", { hasText: "The agent" });
  await row.getByText("active").waitFor();
  await row.locator("button").click();
  await page.click("#ask-yes");
  await row.getByText("revoked by operator").waitFor();
  await assert.rejects(pay(1), /401|nauthori/);
  await row.getByRole("button", { name: "Reinstate" }).click();
  await page.click("#ask-yes");
  await row.getByText("active").waitFor();
  assert.ok(!(await pay(1)).isError);
});

await check("what happened is there to read, of both workers and the main thread", async () => {
  await page.click("#tab-gate");
  await page.waitForFunction(() => document.querySelectorAll("#gate tbody tr").length === 3, null, { polling: 200 });
  await page.click("#tab-decisions");
  for (const word of ["allow", "hold", "approve", "deny", "reject", "stop", "resume", "revoke", "reinstate"]) {
    await page.locator("#decisions .chip", { hasText: new RegExp(`^${word}$`) }).first().waitFor();
  }
});

await browser.close();
await agent.close().catch(() => {});
await proxy.close();
console.log(failed ? "not everything holds" : "everything holds");
process.exit(failed ? 1 : 0);
