// Consoles for tests, and a browser in front of them.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TARGET = process.env.CARGO_TARGET_DIR ?? `${ROOT}target`;

// Starts the program; its first line says where things are.
async function start(...options) {
  const child = spawn(`${TARGET}/debug/console-stage`, options, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout);
  const ended = new Promise((_, reject) => child.once("exit", (code) => reject(new Error(`console-stage ended with ${code}`))));
  ended.catch(() => {});
  const line = () => Promise.race([ended, new Promise((resolve) => lines.once("line", (text) => resolve(JSON.parse(text))))]);
  const close = () => new Promise((resolve) => { child.once("exit", resolve); child.stdin.end(); });
  return { child, line, close, ...await line() };
}

// A console without a proxy; `direct(what, body)` says what happens at the gates.
export async function openStage() {
  const { console: url, control, close } = await start();
  const direct = async (what, body) => {
    const reply = await fetch(`${control}/${what}`, { method: "POST", body: JSON.stringify(body) });
    const value = await reply.json();
    if (!reply.ok) throw new Error(`${what}: ${value.error}`);
    return value;
  };
  return { url, direct, close };
}

// A real proxy; `calls()` says how many calls have reached the server behind it.
export async function openProxy() {
  const { console: url, gate, child, line, close } = await start("--proxy");
  const calls = async () => { child.stdin.write("calls\n"); return (await line()).calls; };
  return { url, gate, calls, close };
}

// Chromium as the system has it, or as TOOLGATE_CHROMIUM names it.
export function openBrowser() {
  const places = [process.env.TOOLGATE_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const executablePath = places.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("no Chromium: install it (Debian: apt-get install chromium) or name it in TOOLGATE_CHROMIUM");
  return chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
}
