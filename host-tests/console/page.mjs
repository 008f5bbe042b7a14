// The page, driven as people drive it: by mouse and by keyboard, with callers who mean ill.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { openBrowser, openStage } from "./stage.mjs";

const option = (name) => { const at = process.argv.indexOf(name); return at < 0 ? "" : process.argv[at + 1]; };
const [SHOTS, ONLY] = [option("--shots"), option("--only")];
const browser = await openBrowser();
const checks = [];
const check = (name, run) => checks.push({ name, run });

// A stage, a page on it that `who` has signed in to, and an end that looks at what the page complained of.
async function signedIn(who, { before, ...options } = {}) {
  const stage = await openStage();
  await before?.(stage);
  const context = await browser.newContext({ colorScheme: "light", viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints = [], requests = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().includes("Failed to load resource")) complaints.push(message.text());
  });
  page.on("request", (request) => requests.push(request.url()));
  page.setDefaultTimeout(15000);
  await page.goto(stage.url);
  if (who) {
    await page.fill("#token", `token-${who}`);
    await page.keyboard.press("Enter");
    await page.waitForSelector("#room:not([hidden])");
  }
  const end = async () => {
    await context.close();
    await stage.close();
    assert.deepEqual(complaints, []);
    const elsewhere = requests.filter((url) => !url.startsWith(stage.url) && !url.startsWith("data:"));
    assert.deepEqual(elsewhere, [], "the page asks nobody else");
  };
  return { stage, page, context, complaints, end };
}

const card = (page, tool) => page.locator(".card", { has: page.locator("h3", { hasText: tool }) });
const look = (stage, id) => stage.direct("look", { id });
const focused = (page) => page.evaluate(() => document.activeElement.textContent);

check("a wrong token is refused in words, a right one opens the door", async () => {
  const { page, end } = await signedIn(null);
  await page.fill("#token", "guess");
  await page.click("button.main");
  await page.waitForFunction(() => document.querySelector("#door .problem").textContent.includes("not known here"));
  assert.equal(await page.locator("#room").isVisible(), false);
  await page.fill("#token", "token-ana");
  await page.click("button.main");
  await page.waitForSelector("#room:not([hidden])");
  assert.equal(await page.evaluate(() => sessionStorage.getItem("token")), "token-ana");
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  await page.click("#leave");
  await page.waitForSelector("#door:not([hidden])");
  assert.equal(await page.evaluate(() => sessionStorage.getItem("token")), null);
  await end();
});

check("approved by a click", async () => {
  const { stage, page, end } = await signedIn("ana");
  await page.waitForFunction(() => document.querySelector("#approvals .empty").textContent.includes("Nothing waits"));
  assert.equal(await page.title(), "Toolgate console");
  const raw = '{"id":9007199254740993,"amount":"120.50"}';
  const { id } = await stage.direct("ask", { raw, label: "Payments bot", hold: 40, approvers: ["finance"] });
  const it = card(page, "create_refund");
  await it.waitFor();
  assert.equal(await page.title(), "(1) Toolgate console");
  await page.waitForFunction(() => document.querySelector("#news").textContent === "New approval: create_refund by payments-bot. 1 waiting.");
  const text = await it.innerText();
  for (const part of ["Payments bot", "payments-bot", "9007199254740993", "/tools/create_refund/approval", "for finance", "agent waits"]) {
    assert.ok(text.includes(part), part);
  }
  const left = await it.locator(".left").innerText();
  await page.waitForFunction((old) => document.querySelector(".left").textContent !== old, left);
  await it.locator("button.yes").click();
  await it.getByText("Approved by you.").waitFor();
  const question = await look(stage, id);
  assert.equal(question.state, "approved");
  assert.equal(question.decided_by, "ana");
  await page.waitForFunction(() => document.title === "Toolgate console");
  await end();
});

check("decided by keyboard alone; the focus stays where it is while new ones arrive", async () => {
  const { stage, page, end } = await signedIn("ana", { before: (stage) => stage.direct("ask", { tool: "first" }) });
  await card(page, "first").waitFor();
  await page.keyboard.press("j");
  assert.ok(await card(page, "first").evaluate((node) => node === document.activeElement));
  await page.keyboard.press("a");
  assert.equal(await focused(page), "Approve");
  await stage.direct("ask", { tool: "second", arguments: { n: 2 } });
  await card(page, "second").waitFor();
  assert.equal(await focused(page), "Approve");
  await page.keyboard.press("Enter");
  await card(page, "first").getByText("Approved by you.").waitFor();
  // On to the next, without a search for it.
  assert.ok(await card(page, "second").evaluate((node) => node === document.activeElement));
  await page.keyboard.press("r");
  await page.keyboard.type("ask for jar");
  await page.waitForTimeout(1500);
  assert.equal(await page.evaluate(() => document.activeElement.value), "ask for jar", "letters are letters in a field");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Reject");
  await page.keyboard.press("Enter");
  await card(page, "second").getByText("Rejected by you: ask for jar").waitFor();
  await page.locator("#tab-approvals").focus();
  await page.keyboard.press("ArrowRight");
  assert.ok(await page.locator("#decisions").isVisible());
  await page.keyboard.press("End");
  assert.ok(await page.locator("#gate").isVisible());
  assert.equal(await page.evaluate(() => document.activeElement.id), "tab-gate");
  await page.uncheck("#keys");
  await page.click("#tab-approvals");
  await stage.direct("ask", { tool: "third" });
  await card(page, "third").waitFor();
  await page.keyboard.press("j");
  assert.equal(await page.evaluate(() => document.activeElement.id), "tab-approvals", "letters can be switched off");
  await end();
});

check("a rejection needs a reason", async () => {
  const { stage, page, end } = await signedIn("ana");
  const { id } = await stage.direct("ask", {});
  const it = card(page, "create_refund");
  await it.locator("button.no").click();
  await it.getByText("Say why").waitFor();
  assert.equal((await look(stage, id)).state, "pending");
  assert.ok(await it.locator("input").evaluate((node) => node === document.activeElement));
  await it.locator("input").fill("ask for at most 100");
  await it.locator("button.no").click();
  await it.getByText("Rejected by you").waitFor();
  assert.equal((await look(stage, id)).decided_reason, "ask for at most 100");
  await end();
});

check("others decide about one's own calls, and groups about theirs", async () => {
  const { stage, page, end } = await signedIn("ben");
  await stage.direct("ask", { tool: "own", principal: "ben-laptop" });
  await stage.direct("ask", { tool: "theirs", approvers: ["finance"] });
  await card(page, "own").getByText("The call is your own").waitFor();
  assert.equal(await card(page, "own").locator("button.yes").isVisible(), false);
  assert.equal(await card(page, "own").locator("button.no").isVisible(), true);
  await card(page, "theirs").getByText("none of the groups").waitFor();
  assert.equal(await card(page, "theirs").locator(".act").isVisible(), false);
  await end();
});

check("decided elsewhere, or run out: the card says so and stays", async () => {
  const { stage, page, end } = await signedIn("ana");
  const { id } = await stage.direct("ask", { tool: "elsewhere" });
  await stage.direct("ask", { tool: "brief", timeout: 4 });
  await card(page, "elsewhere").waitFor();
  await card(page, "brief").waitFor();
  const headers = { authorization: "Bearer token-ben", "content-type": "application/json" };
  const reply = await fetch(`${stage.url}/api/v1/approvals/${id}/approve`, { method: "POST", headers, body: "{}" });
  assert.equal(reply.status, 200);
  await card(page, "elsewhere").getByText("Decided elsewhere").waitFor();
  await card(page, "brief").getByText("expired").first().waitFor();
  await end();
});

check("stop and resume, each confirmed", async () => {
  const { stage, page, end } = await signedIn("ana");
  await page.waitForSelector("#approvals .empty:not([hidden])");
  await page.click("#stop");
  assert.ok((await page.locator("#ask").innerText()).includes("stopped: true"), "what makes it last is said");
  await page.keyboard.press("Escape");
  assert.equal((await stage.direct("stopped", {})).by, null);
  await page.click("#stop");
  await page.keyboard.type("a bot runs wild");
  await page.click("#ask-yes");
  await page.waitForSelector("#stopped:not([hidden])");
  assert.equal((await stage.direct("stopped", {})).by, "ana");
  const banner = await page.locator("#stopped").innerText();
  for (const part of ["Stopped by ana", "a bot runs wild", "restart", "stopped: true"]) assert.ok(banner.includes(part), banner);
  await page.click("#resume");
  await page.click("#ask-yes");
  await page.waitForSelector("#stopped[hidden]", { state: "attached" });
  assert.equal((await stage.direct("stopped", {})).by, null);
  await page.click("#tab-decisions");
  for (const word of ["stop", "resume"]) await page.locator("#decisions .chip", { hasText: new RegExp(`^${word}$`) }).waitFor();
  await end();
});

const GATE = {
  version: "1", default: "deny",
  grants: [
    { id: "payments-bot", label: "Payments bot", token_sha256: "1".repeat(64) },
    { id: "ci", token_sha256: "2".repeat(64), expires: "2020-01-01T00:00:00Z" },
    { id: "intern", token_sha256: "3".repeat(64), revoked: true },
  ],
};

check("grants are revoked and reinstated", async () => {
  const { page, end } = await signedIn("ana", { before: (stage) => stage.direct("gate", GATE) });
  await page.click("#tab-grants");
  const row = (text) => page.locator("#grants tbody tr", { hasText: text });
  await row("payments-bot").getByText("active").waitFor();
  await row("ci").getByText("expired").waitFor();
  await row("intern").getByText("revoked in the configuration").waitFor();
  assert.equal(await row("intern").locator("button").count(), 0);
  await row("payments-bot").locator("button").click();
  assert.ok((await page.locator("#ask").innerText()).includes("revoked: true"));
  await page.click("#ask-yes");
  await row("payments-bot").getByText("revoked by ana").waitFor();
  await row("payments-bot").getByRole("button", { name: "Reinstate" }).click();
  await page.click("#ask-yes");
  await row("payments-bot").getByText("active").waitFor();
  await page.fill("#f-grant", "nobody");
  await page.getByText("No grant matches.").waitFor();
  await end();
});

check("what is live is shown", async () => {
  const { page, end } = await signedIn("ana", { before: (stage) => stage.direct("gate", GATE) });
  await page.click("#tab-gate");
  await page.locator("#gate tbody tr").nth(1).waitFor();
  assert.match(await page.locator("#gate dl").first().innerText(), /[0-9a-f]{64}[^]*enforce/);
  assert.equal(await page.locator("#pulse").innerText(), "Enforcing");
  await end();
});

const record = (n, fields) => ({
  vm: 1, n,
  line: JSON.stringify({
    time: new Date(Date.now() - n * 1000).toISOString(), decision_id: `1-${n}`, decision: "allow", method: "tools/call",
    target: "get_balance", principal: "ci", source: "grant", ...fields,
  }),
});

check("decisions are filtered; counters are as last seen", async () => {
  const { page, end } = await signedIn("ana", { before: async (stage) => {
    await stage.direct("remember", record(3, { counters: [{ counter: "reads", before: "1", after: "2", max: "10" }] }));
    await stage.direct("remember", record(2, { counters: [{ counter: "reads", before: "2", after: "3", max: "10" }] }));
    const denied = { decision: "deny", target: "create_refund", principal: "payments-bot", rule: "/tools/create_refund/limits/refunds", reason: "used up" };
    await stage.direct("remember", record(1, denied));
  } });
  await page.click("#tab-decisions");
  const rows = page.locator("#decisions tbody tr");
  await rows.nth(2).waitFor();
  assert.ok((await rows.first().innerText()).includes("used up"), "the newest is first");
  const left = (count) => page.waitForFunction((count) => document.querySelectorAll("#decisions tbody tr").length === count, count);
  await page.selectOption("#f-outcome", "deny");
  await left(1);
  await page.selectOption("#f-outcome", "");
  await page.fill("#f-tool", "balance");
  await left(2);
  await page.fill("#f-caller", "PAYMENTS");
  await page.getByText("Nothing matches these filters.").waitFor();
  await page.click("#tab-counters");
  const counter = page.locator("#counters tbody tr");
  await counter.first().waitFor();
  assert.equal(await counter.count(), 1);
  assert.match(await counter.innerText(), /reads\s+ci\s+3\s+10/);
  await end();
});

check("a lost connection is said, and found again", async () => {
  const { stage, page, context, end } = await signedIn("ana");
  await page.waitForSelector("#approvals .empty:not([hidden])");
  await context.setOffline(true);
  await page.locator("#lost", { hasText: "cannot be reached" }).waitFor();
  await context.setOffline(false);
  await page.waitForSelector("#lost[hidden]", { state: "attached", timeout: 30000 });
  await stage.direct("store", { down: true });
  await page.locator("#lost", { hasText: "store the gates share" }).waitFor();
  await stage.direct("store", { down: false });
  await page.waitForSelector("#lost[hidden]", { state: "attached", timeout: 30000 });
  await end();
});

const HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\u202egnp.exe\u0007\u200b";

check("what a call carries besides its arguments is shown", async () => {
  const { stage, page, end } = await signedIn("ana");
  await stage.direct("ask", { tool: "plain", arguments: { n: 1 } });
  await stage.direct("ask", { tool: "laden", arguments: { n: 1 }, besides: '{"_meta":{"vendor/target":"PROD"},"task":{"ttl":100}}' });
  await card(page, "laden").getByText("Also in the call").waitFor();
  assert.match(await card(page, "laden").locator(".besides pre").innerText(), /"vendor\/target":\s*"PROD"/);
  assert.equal(await card(page, "plain").locator(".besides").isVisible(), false);
  await end();
});

check("hostile names and arguments are text", async () => {
  const { stage, page, complaints, end } = await signedIn("ana", { before: async (stage) => {
    const everywhere = Object.fromEntries(["tool", "principal", "label", "server", "policy", "session", "reason"].map((key) => [key, HOSTILE]));
    const key = HOSTILE.replace("\u0007", "");
    await stage.direct("ask", { ...everywhere, arguments: { [key]: HOSTILE, "</pre>": "javascript:alert(3)" } });
    const counters = [{ counter: HOSTILE, before: HOSTILE, after: HOSTILE, max: HOSTILE }];
    await stage.direct("remember", record(1, { target: HOSTILE, principal: HOSTILE, reason: HOSTILE, rule: HOSTILE, decision: HOSTILE, policy: HOSTILE, counters }));
    await stage.direct("gate", { ...GATE, grants: [{ id: HOSTILE, label: HOSTILE, token_sha256: "1".repeat(64) }] });
  } });
  let alerts = 0;
  page.on("dialog", (dialog) => { alerts += 1; dialog.dismiss(); });
  const it = page.locator(".card").first();
  await it.waitFor();
  const text = await it.innerText();
  for (const part of ["<img src=x onerror=alert(1)>", "\\u202egnp.exe", "\\u0007", "\\u200b", "</pre>"]) assert.ok(text.includes(part), part);
  for (const view of ["decisions", "counters", "grants", "gate", "approvals"]) {
    await page.click(`#tab-${view}`);
    await page.waitForTimeout(400);
    assert.equal(await page.locator("#room img, #room script, #room iframe").count(), 0, view);
    assert.doesNotMatch(await page.locator(`#${view}`).innerText(), /[\u202e\u200b\u0007]/, view);
  }
  await page.click("#tab-grants");
  await page.locator("#grants tbody button").click();
  assert.ok((await page.locator("#ask").innerText()).includes("<img"));
  await page.click("#ask-yes");
  await page.locator("#grants").getByText("revoked by ana").waitFor();
  assert.equal(alerts, 0);
  assert.deepEqual(complaints, []);
  const made = await page.evaluate(() => {
    try { document.body.innerHTML = "<b>x</b>"; return "made"; } catch { return "refused"; }
  });
  assert.equal(made, "refused", "markup cannot be made from text at all");
  complaints.length = 0;
  assert.ok((await fetch(stage.url)).headers.get("content-security-policy").includes("default-src 'none'"));
  await end();
});

check("the longest call there can be is folded, said so, and leaves the page quick", async () => {
  const { stage, page, end } = await signedIn("ana");
  await stage.direct("ask", { tool: "huge", arguments: { text: "x".repeat(16000) } });
  await stage.direct("ask", { tool: "many", arguments: { list: Array.from({ length: 2800 }, (_, n) => n) } });
  await card(page, "many").getByText("Shown: 4,000 of").waitFor();
  await card(page, "many").getByText("Show the rest").click();
  await card(page, "many").getByText("Shown: 4,000 of").waitFor({ state: "hidden" });
  const spent = await page.evaluate(() => new Promise((done) => {
    const began = performance.now();
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
  }));
  assert.ok(spent < 2000, `two frames took ${spent} ms`);
  assert.ok((await card(page, "huge").innerText()).length < 6000);
  await card(page, "huge").locator("button.yes").click();
  await card(page, "huge").getByText("Approved by you.").waitFor();
  await end();
});

check("a hundred and fifty questions: the oldest hundred, and how many more", async () => {
  const { page, end } = await signedIn("ana", { before: async (stage) => {
    for (let n = 0; n < 150; n += 1) await stage.direct("ask", { tool: `tool-${n}`, arguments: { n } });
  } });
  await page.getByText("and 50 more").waitFor();
  assert.equal(await page.locator(".card").count(), 100);
  assert.equal(await page.title(), "(150) Toolgate console");
  await end();
});

check("another site can neither frame the page nor ask for it", async () => {
  const { stage, context, end } = await signedIn("ana");
  const other = await context.newPage();
  const body = `<iframe src="${stage.url}/"></iframe>`;
  await other.route("http://evil.test/", (route) => route.fulfill({ contentType: "text/html", body }));
  await other.goto("http://evil.test/");
  const stop = (mode) => other.evaluate(async ([url, mode]) => {
    const headers = mode === "cors" ? { authorization: "Bearer token-ana", "content-type": "application/json" } : {};
    try {
      return (await fetch(`${url}/api/v1/stop`, { method: "POST", mode, headers, body: '{"confirm":true}' })).type;
    } catch { return "blocked"; }
  }, [stage.url, mode]);
  assert.equal(await stop("cors"), "blocked");
  assert.ok(["opaque", "blocked"].includes(await stop("no-cors")));
  assert.equal((await stage.direct("stopped", {})).by, null);
  const framed = other.frames().find((frame) => frame !== other.mainFrame());
  assert.equal(await framed?.locator("#door").count().catch(() => 0) ?? 0, 0);
  await end();
});

for (const width of [1200, 375]) for (const colorScheme of ["light", "dark"]) {
  check(`nothing sticks out at ${width} pixels, ${colorScheme}, and contrast is enough`, async () => {
    const long = "a-name-without-any-place-to-break-it-".repeat(6);
    const options = { colorScheme, viewport: { width, height: 900 }, deviceScaleFactor: 2, reducedMotion: "reduce" };
    const { page, end } = await signedIn("ana", { ...options, before: async (stage) => {
      const raw = '{"amount":120,"currency":"EUR","customer":{"id":9007199254740993,"vip":true},"note":"Goods damaged in transit","lines":[{"sku":"A-1","qty":2},{"sku":"B-7","qty":1}]}';
      await stage.direct("ask", { label: "Payments bot", server: "payments", policy: "engineer", raw, hold: 45, approvers: ["finance"] });
      await stage.direct("ask", { tool: long, principal: long, arguments: { [long]: long } });
      await stage.direct("gate", { ...GATE, grants: [...GATE.grants, { id: long, token_sha256: "9".repeat(64) }] });
      const counters = [{ counter: "reads", before: "2", after: "9", max: "10" }];
      await stage.direct("remember", record(1, { decision: "deny", target: long, rule: `/tools/${long}/deny`, reason: "No.", counters }));
      await stage.direct("remember", record(2, { decision: "shadow_deny" }));
    } });
    await page.waitForSelector(".card");
    for (const view of ["approvals", "decisions", "counters", "grants", "gate"]) {
      await page.click(`#tab-${view}`);
      await page.waitForTimeout(600);
      if (SHOTS) {
        mkdirSync(SHOTS, { recursive: true });
        await page.screenshot({ path: `${SHOTS}/${view}-${colorScheme}-${width}.png`, fullPage: true });
      }
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${view} sticks out`);
      assert.deepEqual(await page.evaluate(faintTexts), [], view);
    }
    await end();
  });
}

// Texts with less than 4.5 to 1 against what is behind them (WCAG 2.2, 1.4.3).
function faintTexts() {
  const parts = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => {
    const linear = (part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parts(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !node.checkVisibility() || node.closest("script, style, template, .sr, :disabled")) continue;
    const [more, less] = [light(parts(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
    const ratio = (more + 0.05) / (less + 0.05);
    if (ratio < 4.5) faint.add(`${node.tagName}.${node.className}: ${ratio.toFixed(2)}`);
  }
  return Array.from(faint);
}

let failed = 0;
const wanted = checks.filter(({ name }) => name.includes(ONLY));
for (const { name, run } of wanted) {
  const began = Date.now();
  try {
    await run();
    console.log(`ok    ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n${error.stack}`);
  }
}
await browser.close();
console.log(failed ? `${failed} of ${wanted.length} do not hold` : `all ${wanted.length} hold`);
process.exit(failed ? 1 : 0);
