//! The few WASI calls Envoy offers a module. There is no file system, no environment and no arguments.

use wasmtime::{Caller, Linker};

use super::abi::{Done, Fail, Guest, Status};
use super::hostcalls::guard;
use super::state::{HostState, Level};

const BADF: i32 = 8;
const FAULT: i32 = 21;
const NOSYS: i32 = 52;

/// Runs a WASI call under the same fault injection as the others; its failures are errno, not proxy-wasm statuses.
fn errno(
    caller: &mut Caller<'_, HostState>,
    name: &'static str,
    call: impl FnOnce(&mut Guest<'_, '_>) -> Done,
) -> wasmtime::Result<i32> {
    guard(caller, name, call).map(|code| {
        if code == Status::InvalidMemoryAccess as i32 {
            FAULT
        } else {
            code
        }
    })
}

pub(crate) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    const M: &str = "wasi_snapshot_preview1";
    linker.func_wrap(
        M,
        "fd_write",
        |mut c: Caller<'_, HostState>, fd: u32, iovs: u32, count: u32, out: u32| {
            if !matches!(fd, 1 | 2) {
                return Ok(BADF);
            }
            errno(&mut c, "fd_write", |g| fd_write(g, fd, iovs, count, out))
        },
    )?;
    linker.func_wrap(
        M,
        "clock_time_get",
        |mut c: Caller<'_, HostState>, _id: u32, _precision: u64, out: u32| {
            errno(&mut c, "clock_time_get", |g| {
                let now = g.state().options.clock.nanos();
                g.write_u64(out, now)
            })
        },
    )?;
    linker.func_wrap(
        M,
        "random_get",
        |mut c: Caller<'_, HostState>, at: u32, len: u32| {
            errno(&mut c, "random_get", |g| {
                let bytes: Vec<u8> = (0..len).map(|_| next_random(g.state())).collect();
                g.write(at, &bytes)
            })
        },
    )?;
    for (name, _) in [("environ_sizes_get", ()), ("args_sizes_get", ())] {
        linker.func_wrap(
            M,
            name,
            move |mut c: Caller<'_, HostState>, count: u32, size: u32| {
                errno(&mut c, name, |g| {
                    g.write_u32(count, 0)?;
                    g.write_u32(size, 0)
                })
            },
        )?;
    }
    for name in ["environ_get", "args_get"] {
        linker.func_wrap(M, name, |_: u32, _: u32| 0)?;
    }
    linker.func_wrap(M, "sched_yield", || 0)?;
    linker.func_wrap(M, "fd_close", |_: u32| 0)?;
    linker.func_wrap(M, "fd_seek", |_: u32, _: u64, _: u32, _: u32| 0)?;
    linker.func_wrap(M, "fd_read", |_: u32, _: u32, _: u32, _: u32| NOSYS)?;
    linker.func_wrap(M, "fd_fdstat_get", |_: u32, _: u32| BADF)?;
    linker.func_wrap(M, "fd_prestat_get", |_: u32, _: u32| BADF)?;
    linker.func_wrap(M, "fd_prestat_dir_name", |_: u32, _: u32, _: u32| BADF)?;
    linker.func_wrap(
        M,
        "proc_exit",
        |_: Caller<'_, HostState>, code: u32| -> wasmtime::Result<()> {
            Err(wasmtime::Error::msg(format!(
                "the guest called proc_exit({code})"
            )))
        },
    )?;
    Ok(())
}

/// stdout is logged as info, stderr as error, as in Envoy. A Rust panic arrives here before its trap.
fn fd_write(g: &mut Guest<'_, '_>, fd: u32, iovs: u32, count: u32, out: u32) -> Done {
    let mut text = Vec::new();
    for n in 0..count {
        let at = n
            .checked_mul(8)
            .and_then(|o| o.checked_add(iovs))
            .ok_or(Fail::Status(Status::InvalidMemoryAccess))?;
        let entry = g.read(at, 8)?;
        let (at, len) = entry.split_at(4);
        text.extend(g.read(word(at), word(len))?);
    }
    let written = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let level = if fd == 1 { Level::Info } else { Level::Error };
    let text = String::from_utf8_lossy(&text);
    let line = text.strip_suffix('\n').unwrap_or(&text).to_owned();
    if !line.is_empty() {
        g.state().log(level, line);
    }
    g.write_u32(out, written)
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |n, b| (n << 8) | u32::from(*b))
}

/// xorshift64*: repeatable from the seed, so that a run can be repeated byte for byte.
fn next_random(state: &mut HostState) -> u8 {
    let mut x = state.random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    state.random = x;
    x.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes()[7]
}
