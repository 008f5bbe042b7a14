// A console without a proxy, and a browser in front of it.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TARGET = process.env.CARGO_TARGET_DIR ?? `${ROOT}target`;

// The console on `port` (0: a free one); `direct(what, body)` says what happens at the gates.
export async function openStage(port = 0) {
  const child = spawn(`${TARGET}/debug/console-stage`, [String(port)], { stdio: ["pipe", "pipe", "inherit"] });
  const line = await new Promise((resolve, reject) => {
    createInterface(child.stdout).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`the stage ended with ${code}`)));
  });
  const { console: url, control } = JSON.parse(line);
  const direct = async (what, body) => {
    const reply = await fetch(`${control}/${what}`, { method: "POST", body: JSON.stringify(body) });
    const value = await reply.json();
    if (!reply.ok) throw new Error(`${what}: ${value.error}`);
    return value;
  };
  const close = () => new Promise((resolve) => { child.once("exit", resolve); child.stdin.end(); });
  return { url, direct, close };
}

// Chromium as the system has it, or as TOOLGATE_CHROMIUM names it.
export function openBrowser() {
  const places = [process.env.TOOLGATE_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const executablePath = places.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("no Chromium: install it (Debian: apt-get install chromium) or name it in TOOLGATE_CHROMIUM");
  return chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
}
