// Reads one body a line, in hex, and prints what JSON.parse reads in it; `!` where it reads nothing.
import { createInterface } from "node:readline";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const text = (value) => "s" + Buffer.from(value, "utf8").toString("hex");
const bits = new DataView(new ArrayBuffer(8));

function dump(value) {
  if (value === undefined) return "-";
  if (value === null) return "n";
  if (value === true) return "t";
  if (value === false) return "f";
  if (typeof value === "string") return text(value);
  if (typeof value === "number") {
    bits.setFloat64(0, value === 0 ? 0 : value);
    return "#" + bits.getBigUint64(0).toString(16).padStart(16, "0");
  }
  if (Array.isArray(value)) return "[" + value.map(dump).join(",") + "]";
  return "{" + Object.keys(value).map((key) => text(key) + ":" + dump(value[key])).sort().join(",") + "}";
}

const own = (value, key) =>
  value !== null && typeof value === "object" && !Array.isArray(value) && Object.hasOwn(value, key) ? value[key] : undefined;
const message = (value) =>
  [own(value, "method"), own(own(value, "params"), "name"), own(own(value, "params"), "arguments")].map(dump).join(";");

for await (const line of createInterface({ input: process.stdin })) {
  let reading;
  try {
    const root = JSON.parse(decoder.decode(Buffer.from(line, "hex")));
    reading = Array.isArray(root) ? root.map(message).join("|") : message(root);
  } catch {
    reading = "!";
  }
  process.stdout.write(reading + "\n");
}
