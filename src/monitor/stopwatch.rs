//! What work costs: CPU time of the thread that does it.

use std::time::Duration;

/// Measures the CPU time of the current thread from its start on.
pub struct Stopwatch(Option<Duration>);

impl Stopwatch {
    /// Starts it.
    pub fn start() -> Stopwatch {
        Stopwatch(cpu_time())
    }

    /// CPU time since its start, asked on the same thread; `None` on a kernel that does not count.
    pub fn elapsed(&self) -> Option<Duration> {
        cpu_time()?.checked_sub(self.0?)
    }
}

/// The first number of the thread's schedstat, nanoseconds (proc_pid_schedstat in the kernel's sched-stats.rst).
fn cpu_time() -> Option<Duration> {
    // The kernel adds up when a thread leaves the CPU: without that, the last few milliseconds are missing.
    std::thread::sleep(Duration::from_micros(1));
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn sleeping_costs_nothing_and_working_costs_time() {
        let watch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(50));
        let asleep = watch.elapsed().expect("a kernel that counts");
        assert!(asleep < Duration::from_millis(20), "{asleep:?}");
        let start = Instant::now();
        let mut sum = 0u64;
        while watch.elapsed().expect("a kernel that counts") < asleep + Duration::from_millis(5) {
            assert!(start.elapsed() < Duration::from_secs(60), "work costs nothing");
            sum = (0..100_000u64).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
        }
    }
}
