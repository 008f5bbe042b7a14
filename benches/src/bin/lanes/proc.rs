//! CPU time of another process.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// User and system time of all threads of a process so far.
///
/// `/proc/<pid>/task/*/schedstat` counts nanoseconds; where the kernel does not keep it, `/proc/<pid>/stat` counts ticks
/// of 10 ms.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    match nanoseconds(pid)? {
        0 => ticks(pid),
        nanos => Ok(Duration::from_nanos(nanos)),
    }
}

fn nanoseconds(pid: u32) -> Result<u64> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // Envoy's threads live as long as it does; one that has gone has little on its account.
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        let first = text.split(' ').next().unwrap_or_default();
        total += first.parse::<u64>().unwrap_or(0);
    }
    Ok(total)
}

fn ticks(pid: u32) -> Result<Duration> {
    /// `utime` and `stime`, counted after the name in parentheses, which may hold anything.
    const FIELDS: std::ops::Range<usize> = 11..13;
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = text.rsplit_once(')').context("reading /proc/<pid>/stat")?;
    let fields: Vec<u64> = fields
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    let ticks: u64 = fields.get(FIELDS).unwrap_or_default().iter().sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// Resident memory of a process, in bytes.
pub fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    let kib: u64 = kib.context("no VmRSS")?.parse()?;
    Ok(kib << 10)
}
