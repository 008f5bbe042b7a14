// Runs `hostile` in V8, compiled by its optimising compiler alone, as Envoy does, and by the clock of the processor, so that what
// else the machine does matters less:
//
//   cargo build --release -p toolgate-pattern --example hostile --target wasm32-wasip1
//   node --no-liftoff filter/engine/pattern/examples/hostile.mjs target/wasm32-wasip1/release/examples/hostile.wasm
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';

const [module, ...args] = process.argv.slice(2);
const wasi = new WASI({ version: 'preview1', args: ['hostile', ...args] });
const compiled = await WebAssembly.compile(await readFile(module));
const imports = wasi.getImportObject();
imports.wasi_snapshot_preview1.clock_time_get = (clock, precision, place) => {
  const { user, system } = process.cpuUsage();
  const memory = new DataView(instance.exports.memory.buffer);
  memory.setBigUint64(place, BigInt(user + system) * 1000n, true);
  return 0;
};
const instance = await WebAssembly.instantiate(compiled, imports);
process.exit(wasi.start(instance));
