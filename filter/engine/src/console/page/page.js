"use strict";
// The page of the console. Everything that comes from outside is put in as text, never as markup; the policy of the page
// would not let it be anything else.

const $ = (id) => document.getElementById(id);
const API = "/api/v1/";
const OUTCOMES = { allow: "good", approve: "good", deny: "bad", reject: "bad", expire: "warn", hold: "warn", shadow_deny: "warn" };

let token = sessionStorage.getItem("token");
let state = null, skew = 0, failures = 0, timer = 0, turns = 0, view = "approvals", known = null, pointing = false;
const cards = new Map(), counters = new Map();

// ---- Text

// Characters that have no shape, or change how others are read, are spelled out.
const ODD = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;
const spell = (char) => char.replace(/[^]/g, (unit) => "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0"));

function add(parent, text, kind) {
  let at = 0;
  const target = kind ? el(parent, "span", kind) : parent;
  for (const { 0: char, index } of text.matchAll(ODD)) {
    target.append(text.slice(at, index));
    el(target, "span", "odd").textContent = spell(char);
    at = index + char.length;
  }
  target.append(text.slice(at));
  return target;
}

function el(parent, name, kind, text) {
  const node = document.createElement(name);
  if (kind) node.className = kind;
  if (text !== undefined) add(node, String(text ?? ""));
  parent?.append(node);
  return node;
}

function put(node, text, kind) {
  if (node.dataset.text === text && (kind === undefined || node.className === kind)) return;
  node.dataset.text = text;
  node.replaceChildren();
  add(node, text);
  if (kind !== undefined) node.className = kind;
}

function short(text, most = 200) {
  const chars = Array.from(text.slice(0, 2 * most + 2));
  return chars.length > most ? chars.slice(0, most).join("") + "…" : text;
}

// JSON set out in lines, from its text: reading it would round its numbers. What is short stays on one line.
function setOut(pre, text) {
  const parts = text.match(/"(?:[^"\\]|\\[^])*"?|[{}[\],:]|[^{}[\],:"\s]+/g) ?? [];
  const opens = (part) => part === "{" || part === "[", closes = (part) => part === "}" || part === "]";
  let depth = 0, flat = false;
  const line = () => add(pre, "\n" + "  ".repeat(Math.min(depth, 40)));
  parts.forEach((part, at) => {
    if (opens(part)) {
      let end = at + 1, size = 0;
      while (end < parts.length && size <= 60 && !opens(parts[end]) && !closes(parts[end])) size += parts[end++].length + 1;
      flat = size <= 60 && closes(parts[end] ?? "") && (at === 0 ? end === at + 1 : true);
      add(pre, part);
      depth += 1;
      if (!flat) line(); else if (end > at + 1 && part === "{") add(pre, " ");
    } else if (closes(part)) {
      depth -= 1;
      if (!flat) line(); else if (part === "}" && parts[at - 1] !== "{") add(pre, " ");
      flat = false;
      add(pre, part);
    } else if (part === ",") {
      add(pre, ",");
      if (flat) add(pre, " "); else line();
    } else if (part === ":") {
      if (pre.lastChild.className === "s") pre.lastChild.className = "k";
      add(pre, ": ");
    } else add(pre, part, part[0] === "\"" ? "s" : "n");
  });
}

const seconds = (time) => time - (Date.now() + skew) / 1000;
function span(s) {
  s = Math.max(0, Math.ceil(s));
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + ":" + String(s % 60).padStart(2, "0");
  if (s < 172800) return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
  return Math.floor(s / 86400) + " days";
}
const clock = (time) => {
  const date = new Date(typeof time === "number" ? time * 1000 : time);
  if (isNaN(date)) return String(time ?? "");
  const today = date.toDateString() === new Date().toDateString();
  return today ? date.toLocaleTimeString() : date.toLocaleString();
};
const many = (n, one, several) => n + " " + (n === 1 ? one : several ?? one + "s");

// ---- The interface

class Trouble extends Error { constructor(status, message) { super(message); this.status = status; } }

async function ask(path, body) {
  let reply, text;
  const headers = { authorization: "Bearer " + token };
  if (body) headers["content-type"] = "application/json";
  try {
    reply = await fetch(API + path, {
      method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body),
      cache: "no-store", redirect: "error", signal: AbortSignal.timeout(10000),
    });
    text = await reply.text();
  } catch { throw new Trouble(0, "The console cannot be reached."); }
  let value = {};
  try { value = JSON.parse(text); } catch { if (reply.ok) throw new Trouble(502, "The answer is not the console’s."); }
  if (reply.ok) return value;
  const said = value.message ? value.message + (value.hint ? ": " + value.hint : "") : "The console answered with status " + reply.status + ".";
  throw new Trouble(reply.status, said);
}

async function refresh() {
  clearTimeout(timer);
  const turn = turns += 1;
  let wait = document.hidden ? 5000 : 1000;
  try {
    const [now, list] = await Promise.all([ask("state"), ask("approvals")]);
    if (turn !== turns) return;
    failures = 0;
    skew = now.now * 1000 + 500 - Date.now();
    state = now;
    $("lost").hidden = true;
    showState();
    showCards(list);
    if (view === "decisions" || view === "counters") await showDecisions();
  } catch (trouble) {
    if (turn !== turns) return;
    if (trouble.status === 401) return leave("This token is not known here any more.");
    if (!(trouble instanceof Trouble)) throw trouble;
    failures += 1;
    wait = Math.min(1000 * 2 ** failures, 15000);
    $("lost").hidden = false;
    put($("lost"), trouble.message + " What you see is old. Trying again every " + span(wait / 1000) + ".");
  }
  if (turn === turns) timer = setTimeout(refresh, wait);
}

// ---- State

function showState() {
  const { gate, stop, workers, you } = state;
  put($("you"), you.id);
  const stopped = stop || gate?.stopped;
  const [word, kind] = stopped ? ["Stopped", "bad"] : !gate ? ["No gate yet", "warn"] : gate.mode === "shadow" ? ["Shadow: nothing is refused", "warn"] : ["Enforcing", "good"];
  put($("pulse"), word, "chip " + kind);
  $("stopped").hidden = !stopped;
  $("stop").hidden = Boolean(stop);
  $("resume").hidden = !stop;
  if (stopped) put($("stopped").firstChild, stop
    ? "Every call is refused. Stopped by " + stop.by + " at " + clock(stop.at) + (stop.reason ? ": " + stop.reason : "") + ". This ends with a restart of the proxy, unless the configuration says stopped: true."
    : "Every call is refused: the gate’s configuration says stopped: true.");
  const live = new Set(workers.map((worker) => worker.digest));
  $("drift").hidden = live.size < 2;
  put($("drift"), "Workers run " + live.size + " different configurations: an update may still be on its way, or was refused by some.");

  const rows = [];
  if (gate) rows.push(["Configuration", gate.digest], ["Mode", gate.mode], ["Grants", String(gate.grants_total)]);
  rows.push(["You", you.id + (you.groups.length ? " (" + you.groups.join(", ") + ")" : "")]);
  const facts = $("gate").querySelector("dl");
  if (facts.dataset.rows !== JSON.stringify(rows)) {
    facts.dataset.rows = JSON.stringify(rows);
    facts.replaceChildren();
    for (const [name, value] of rows) { el(facts, "dt", "", name); el(facts, "dd", name === "Configuration" ? "mono" : "", value); }
  }
  table($("gate"), workers, (worker) => String(worker.vm), (worker) => [
    ["num", worker.vm], ["mono", worker.digest.slice(0, 16)], ["", worker.mode + (worker.stopped ? ", stopped" : "")], ["num", worker.held], ["num", clock(worker.at)],
  ], "No worker has been heard of in the last seconds.");
  showGrants();
}

// Rows by key: those that stay are not touched, so that a selection or the focus in them stays too.
function table(section, items, key, cells, empty) {
  const body = section.querySelector("tbody"), names = Array.from(section.querySelectorAll("th"), (head) => head.textContent);
  const old = new Map(Array.from(body.rows, (row) => [row.dataset.key, row]));
  let at = body.firstChild;
  for (const item of items) {
    const name = key(item), content = cells(item), print = JSON.stringify(content.map((cell) => cell.slice(0, 2)));
    let row = old.get(name);
    old.delete(name);
    if (!row || row.dataset.print !== print) {
      const next = el(null, "tr");
      next.dataset.key = name;
      next.dataset.print = print;
      content.forEach(([kind, value, fill], column) => {
        const cell = el(next, "td", kind, fill ? undefined : value);
        cell.dataset.name = names[column];
        fill?.(cell);
      });
      if (row) { if (at === row) at = next; row.replaceWith(next); }
      row = next;
    }
    if (row === at) at = at.nextSibling; else body.insertBefore(row, at);
  }
  for (const row of old.values()) row.remove();
  const none = section.querySelector(".empty");
  none.hidden = items.length > 0;
  put(none, empty);
}

// ---- Approvals

function showCards({ approvals, total }) {
  const seen = new Set(), fresh = [];
  for (const question of approvals) {
    seen.add(question.id);
    let card = cards.get(question.id);
    if (!card) {
      card = makeCard(question);
      cards.set(question.id, card);
      $("cards").append(card.node);
      fresh.push(question);
    }
    card.question = question;
    tick(card);
  }
  for (const [id, card] of cards) {
    if (seen.has(id) || card.over) continue;
    over(card, "Decided elsewhere, withdrawn or expired.", "");
  }
  sweep();
  $("count").hidden = !total;
  put($("count"), String(total));
  document.title = (total ? "(" + total + ") " : "") + "Toolgate console";
  const none = $("approvals").querySelector(".empty");
  none.hidden = cards.size > 0 && total <= approvals.length;
  put(none, total > approvals.length ? "and " + (total - approvals.length) + " more, shown as these are decided" : "Nothing waits for a person.\nCalls that need approval appear here by themselves.");
  if (known && fresh.length) {
    const [{ target, principal }] = fresh;
    put($("news"), (fresh.length === 1 ? "New approval: " + short(target, 60) + " by " + short(principal, 60) : fresh.length + " new approvals") + ". " + total + " waiting.");
  }
  known = true;
}

function makeCard(question) {
  const node = $("t-card").content.firstElementChild.cloneNode(true);
  const part = (name) => node.querySelector(name);
  const card = { node, question, part };
  if (known) node.classList.add("new");
  node.setAttribute("aria-label", short(question.target, 60) + " by " + short(question.principal, 60));
  add(part(".tool"), question.target);
  add(part(".server"), question.server ?? "");
  const who = part(".who");
  el(who, "b", "", short(question.label ?? question.principal));
  const about = [question.label && short(question.principal), question.issuer ? question.source + " of " + short(question.issuer, 60) : question.source, question.session && "session " + short(question.session, 40), question.policy && "policy " + question.policy, "asked " + clock(question.created)];
  add(who, " · " + about.filter(Boolean).join(" · "));
  const pre = part("pre"), more = part(".more"), text = question.arguments ?? "";
  const MOST = 4000;
  setOut(pre, text.slice(0, MOST));
  if (text.length > MOST) {
    more.hidden = false;
    add(more, "Shown: " + MOST.toLocaleString() + " of " + text.length.toLocaleString() + " characters. ");
    el(more, "button", "", "Show the rest").onclick = () => {
      pre.replaceChildren();
      setOut(pre, text);
      more.hidden = true;
      pre.focus();
    };
  }
  if (question.besides) {
    part(".besides").hidden = false;
    setOut(part(".besides pre"), question.besides);
  }
  const why = part(".why");
  add(why, short(question.reason ?? "", 600) + " ");
  el(why, "span", "mono", question.rule);
  if (question.approvers.length) add(why, " · for " + question.approvers.join(", "));
  if (question.why_not) {
    part(".blocked").hidden = false;
    add(part(".blocked"), question.why_not);
    part(".act").hidden = !question.may_decide;
    part(".yes").hidden = !question.may_approve;
  }
  const input = part("input");
  input.oninput = () => input.removeAttribute("aria-invalid");
  part(".act").onsubmit = (event) => event.preventDefault();
  part(".yes").onclick = () => decide(card, "approve");
  part(".no").onclick = () => {
    if (input.value.trim()) return decide(card, "reject");
    input.setAttribute("aria-invalid", "true");
    input.focus();
    put(part(".said"), "Say why: the agent needs a reason to do better.", "said bad");
  };
  return card;
}

function tick(card) {
  if (card.over) return;
  const left = seconds(card.question.expires), held = seconds(card.question.held_until);
  put(card.part(".left"), (held > 0 ? "agent waits " + span(held) + " · " : "") + (left > 0 ? span(left) + " left" : "expired"));
  card.part(".left").classList.toggle("soon", left < 60 || held > 0 && held < 15);
}

async function decide(card, action) {
  if (card.busy) return;
  const reason = card.part("input").value.trim();
  put(card.part(".said"), "", "said");
  card.busy = true;
  try {
    await ask("approvals/" + encodeURIComponent(card.question.id) + "/" + action, reason ? { reason } : {});
    over(card, action === "approve" ? "Approved by you." : "Rejected by you: " + reason, action === "approve" ? "good" : "bad");
  } catch (trouble) {
    if (trouble.status === 404 || trouble.status === 409) over(card, trouble.message, "bad");
    else put(card.part(".said"), trouble.message, "said bad");
    if (trouble.status === 401) leave(trouble.message);
  } finally {
    card.busy = false;
  }
  refresh();
}

// A card that is decided stays where it is for a while: nothing moves under a finger.
function over(card, text, kind) {
  if (card.over || card.busy && !kind) return;
  const inside = card.node.contains(document.activeElement);
  card.node.style.minHeight = card.node.offsetHeight + "px";
  card.over = Date.now();
  put(card.part(".left"), "", "left");
  put(card.part(".said"), text, "said " + kind);
  card.node.classList.add("done");
  if (inside) step(1, card) || card.node.focus();
}

function sweep() {
  if (pointing || $("cards").contains(document.activeElement) && document.activeElement.closest(".done")) return;
  for (const [id, card] of cards) {
    if (card.over && Date.now() - card.over > 8000 && !document.hidden) { card.node.remove(); cards.delete(id); }
  }
}

function step(by, from) {
  const open = Array.from(cards.values()).filter((card) => !card.over || card === from);
  const at = open.findIndex((card) => card === from || !from && card.node.contains(document.activeElement));
  const next = open[at < 0 ? 0 : at + by] ?? (from ? open[at - by] : null);
  next?.node.focus();
  return Boolean(next);
}

// ---- Decisions and counters

// What people do here is named after what they did.
const outcome = (record) => record.source === "console" && record.decision !== "reject" ? record.method.slice(8) : record.decision.replace("_", " ");

async function showDecisions() {
  const query = new URLSearchParams({ limit: view === "counters" ? 500 : 100 });
  if (view === "decisions") for (const name of ["outcome", "tool", "caller"]) {
    const value = $("f-" + name).value.trim();
    if (value) query.set(name, value);
  }
  const filtered = query.size > 1;
  const { decisions } = await ask("decisions?" + query);
  for (const record of decisions) for (const counter of record.counters ?? []) {
    const key = JSON.stringify([record.policy, counter.counter, record.source, record.issuer, record.principal]), old = counters.get(key);
    if (!old || old.time <= record.time) counters.set(key, { ...counter, key, time: record.time, policy: record.policy, principal: record.principal });
  }
  if (view === "decisions") table($("decisions"), decisions, (record) => record.decision_id + record.decision, (record) => [
    ["num", clock(record.time)],
    ["", record.decision, (cell) => el(cell, "span", "chip " + (OUTCOMES[record.decision] ?? ""), outcome(record))],
    ["mono", short(record.target ?? record.method ?? "", 80)],
    ["", short(record.principal ?? "", 60)],
    ["wide", JSON.stringify([record.rule, record.reason, record.approval]), (cell) => {
      if (record.rule) el(cell, "div", "mono", short(record.rule));
      if (record.reason) el(cell, "div", "", short(record.reason, 300));
      const { id, state, by } = record.approval ?? {};
      if (id) el(cell, "div", "", "approval " + id + " " + state + (by ? " by " + by : ""));
    }],
  ], filtered ? "Nothing matches these filters." : "No decision yet.\nThe last ones of every worker appear here.");
  const list = Array.from(counters.values()).sort((a, b) => a.key < b.key ? -1 : 1);
  if (view === "counters") table($("counters"), list, (counter) => counter.key, (counter) => [
    ["", counter.counter], ["", short(counter.principal, 60)], ["", counter.policy ?? ""], ["num", counter.after], ["num", counter.max],
    ["num", counter.after + "/" + counter.max, (cell) => {
      const meter = el(cell, "meter");
      meter.max = Number(counter.max) || 1;
      meter.high = meter.max * .8;
      meter.value = Number(counter.after) || 0;
      meter.setAttribute("aria-label", counter.counter);
    }],
    ["num", clock(counter.time)],
  ], "No counter was charged yet.");
}

// ---- Grants

function showGrants() {
  const revoked = new Map(state.revoked.map((entry) => [entry.grant, entry]));
  const wanted = $("f-grant").value.trim().toLowerCase();
  const grants = [...state.gate?.grants ?? []];
  for (const entry of state.revoked) if (!grants.some((grant) => grant.id === entry.grant)) grants.push({ id: entry.grant });
  const exact = $("f-grant").value.trim();
  const unlisted = state.gate && state.gate.grants_total > state.gate.grants.length;
  if (exact && unlisted && !grants.some((grant) => grant.id === exact)) grants.push({ id: exact, label: "not among those the page lists" });
  const shown = grants.filter((grant) => (grant.id + "\n" + (grant.label ?? "")).toLowerCase().includes(wanted));
  table($("grants"), shown, (grant) => grant.id, (grant) => {
    const taken = revoked.get(grant.id), ended = grant.expires && seconds(grant.expires) <= 0;
    const [word, kind] = grant.revoked ? ["revoked in the configuration", "bad"] : taken ? ["revoked by " + taken.by + " at " + clock(taken.at), "bad"] : ended ? ["expired", "warn"] : ["active", "good"];
    return [
      ["", grant.id + "\n" + (grant.label ?? ""), (cell) => { el(cell, "div", "mono", grant.id); if (grant.label) el(cell, "div", "note", grant.label); }],
      ["", grant.policy ?? ""], ["num", grant.expires ? clock(grant.expires) : "never"],
      ["", word, (cell) => el(cell, "span", "chip " + kind, word)],
      ["num", taken ? "r" : grant.revoked ? "" : "a", (cell) => {
        if (grant.revoked) return;
        const button = el(cell, "button", taken ? "" : "no", taken ? "Reinstate" : "Revoke");
        button.setAttribute("aria-label", button.textContent + " " + grant.id);
        button.onclick = () => switchGrant(grant.id, taken);
      }],
    ];
  }, grants.length ? "No grant matches." + (unlisted ? "\nWrite a whole id to revoke one that is not listed." : "") : "The gate’s configuration has no grants.");
}

function switchGrant(id, taken) {
  confirm(taken ? {
    title: "Reinstate " + short(id, 60) + "?", yes: "Reinstate", kind: "main",
    text: "Its token is good again from the next call on, as the configuration has it.",
  } : {
    title: "Revoke " + short(id, 60) + "?", yes: "Revoke", kind: "no sure",
    text: "Its next call is turned away with 401, on every worker; calls that are held for it are dropped. This ends with a restart of the proxy, unless the configuration says so too:",
    code: "grants:\n  - id: " + JSON.stringify(id) + "\n    token_sha256: …\n    revoked: true",
  }, (reason) => ask("grants/" + (taken ? "reinstate" : "revoke"), { grant: id, confirm: true, ...reason }));
}

// ---- Stop and resume

let act = null;
function confirm({ title, text, code, yes, kind }, action) {
  put($("ask-title"), title);
  put($("ask-text"), text);
  put($("ask-code"), code ?? "");
  $("ask-code").hidden = !code;
  put($("ask-yes"), yes, kind);
  put($("ask").querySelector(".problem"), "");
  $("ask-reason").value = "";
  act = action;
  $("ask").showModal();
  $("ask-reason").focus();
}
async function confirmed() {
  const reason = $("ask-reason").value.trim();
  $("ask-yes").disabled = true;
  try {
    await act(reason ? { reason } : {});
    $("ask").close();
    refresh();
  } catch (trouble) {
    put($("ask").querySelector(".problem"), trouble.message);
  } finally { $("ask-yes").disabled = false; }
}
$("ask-yes").onclick = confirmed;
$("ask-no").onclick = () => $("ask").close();
$("ask").querySelector("form").onsubmit = (event) => event.preventDefault();
$("stop").onclick = () => confirm({
  title: "Stop everything?", yes: "Stop everything", kind: "no sure",
  text: "Every call to every tool is refused from the next one on, on every worker; held calls are refused too. Lists still pass. It ends with Resume, or with a restart of the proxy unless the configuration says so too:",
  code: "stopped: true",
}, (reason) => ask("stop", { confirm: true, ...reason }));
$("resume").onclick = () => confirm({
  title: "Resume?", yes: "Resume", kind: "main",
  text: "Calls are decided by the policy again, from the next one on.",
}, (reason) => ask("resume", { confirm: true, ...reason }));

// ---- Views, keys, door

const tabs = Array.from(document.querySelectorAll("[role=tab]"));
function show(name, focus) {
  view = name;
  for (const tab of tabs) {
    const on = tab.id === "tab-" + name;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
    $(tab.getAttribute("aria-controls")).hidden = !on;
    if (on && focus) tab.focus();
  }
  history.replaceState(null, "", "#" + name);
  if (token && state) refresh();
}
for (const tab of tabs) {
  tab.onclick = () => show(tab.getAttribute("aria-controls"));
  tab.onkeydown = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const to = event.key === "Home" ? 0 : event.key === "End" ? tabs.length - 1 : by && (tabs.indexOf(tab) + by + tabs.length) % tabs.length;
    if (to === undefined) return;
    event.preventDefault();
    show(tabs[to].getAttribute("aria-controls"), true);
  };
}
document.onkeydown = (event) => {
  const writing = event.target.closest("input, select, dialog");
  if (event.key === "Escape" && writing && !$("ask").open) writing.closest(".card")?.focus();
  if (writing || event.ctrlKey || event.metaKey || event.altKey || !$("keys").checked || view !== "approvals" || !state) return;
  const card = event.target.closest(".card:not(.done)");
  if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
  else if (event.key === "a" && card) card.querySelector(".yes").focus();
  else if (event.key === "r" && card) card.querySelector("input").focus();
  else return;
  event.preventDefault();
};
$("keys").checked = sessionStorage.getItem("keys") !== "off";
$("keys").onchange = () => sessionStorage.setItem("keys", $("keys").checked ? "on" : "off");
$("cards").onpointerenter = () => { pointing = true; };
$("cards").onpointerleave = () => { pointing = false; };

for (const outcome of Object.keys(OUTCOMES)) el($("f-outcome"), "option", "", outcome.replace("_", " ")).value = outcome;
let pause = 0;
for (const form of document.querySelectorAll(".filters")) {
  form.onsubmit = (event) => event.preventDefault();
  form.oninput = () => { clearTimeout(pause); pause = setTimeout(() => state && refresh(), 250); };
}

function enter() {
  $("door").hidden = true;
  $("room").hidden = false;
  const wanted = location.hash.slice(1);
  show(tabs.some((tab) => tab.id === "tab-" + wanted) ? wanted : "approvals");
}
function leave(why) {
  clearTimeout(timer);
  turns += 1;
  token = null;
  sessionStorage.removeItem("token");
  state = known = null;
  for (const card of cards.values()) card.node.remove();
  for (const body of document.querySelectorAll("tbody")) body.replaceChildren();
  cards.clear();
  counters.clear();
  document.title = "Toolgate console";
  if ($("ask").open) $("ask").close();
  $("room").hidden = true;
  $("door").hidden = false;
  $("token").value = "";
  put($("door").querySelector(".problem"), why ?? "");
  $("token").focus();
}
$("leave").onclick = () => leave();
$("door").querySelector("form").onsubmit = async (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  try {
    await ask("state");
    sessionStorage.setItem("token", token);
    $("token").value = "";
    put($("door").querySelector(".problem"), "");
    enter();
    refresh();
  } catch (trouble) {
    token = null;
    put($("door").querySelector(".problem"), trouble.status === 401 ? "This token is not known here." : trouble.message);
    $("token").select();
  }
};
document.onvisibilitychange = () => { if (token && !document.hidden) refresh(); };
window.onhashchange = () => { const name = location.hash.slice(1); if (tabs.some((tab) => tab.id === "tab-" + name) && name !== view) show(name); };
setInterval(() => { if (state) for (const card of cards.values()) tick(card); }, 1000);
if (token) { enter(); refresh(); } else leave();
