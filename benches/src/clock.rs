//! CPU time, and comparisons in it.
//!
//! Wall time on a machine that others use measures the others. CPU time still feels them (shared caches, clock speed),
//! so what is compared is run in turns, and what is reported is the median of the turns.

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time this thread has used.
pub fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

/// CPU time of one call of `run`.
pub fn once<T>(run: impl FnOnce() -> T) -> Duration {
    let began = thread_cpu();
    black_box(run());
    thread_cpu() - began
}

/// A contestant: what it is called and what it does.
pub type Runner<'a> = (&'a str, Box<dyn FnMut() + 'a>);

/// CPU time per call of each contestant: the median of `turns` turns, in each of which every contestant runs for about
/// `slice`.
pub fn compare(runners: &mut [Runner<'_>], turns: usize, slice: Duration) -> Vec<Duration> {
    let counts: Vec<u32> = runners
        .iter_mut()
        .map(|(_, run)| calls_in(run, slice))
        .collect();
    let mut samples = vec![Vec::with_capacity(turns); runners.len()];
    for _ in 0..turns {
        for (((_, run), &count), samples) in runners.iter_mut().zip(&counts).zip(&mut samples) {
            let spent = once(|| (0..count).for_each(|_| run()));
            samples.push(spent / count);
        }
    }
    samples.into_iter().map(median).collect()
}

fn calls_in(run: &mut Box<dyn FnMut() + '_>, slice: Duration) -> u32 {
    let mut count = 1;
    loop {
        let spent = once(|| (0..count).for_each(|_| run()));
        if spent * 2 >= slice || count >= 1 << 24 {
            return count;
        }
        count *= 2;
    }
}

/// The middle of the samples.
pub fn median<T: Copy + Ord + Default>(mut samples: Vec<T>) -> T {
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

/// A time with a unit that fits.
pub fn show(time: Duration) -> String {
    let nanos = time.as_nanos() as f64;
    match nanos {
        ..1e3 => format!("{nanos:.0} ns"),
        ..1e6 => format!("{:.2} µs", nanos / 1e3),
        _ => format!("{:.2} ms", nanos / 1e6),
    }
}

/// How many times longer.
pub fn ratio(longer: Duration, shorter: Duration) -> f64 {
    longer.as_secs_f64() / shorter.as_secs_f64().max(1e-12)
}
