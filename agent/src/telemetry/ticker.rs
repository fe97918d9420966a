//! A ticker that tells how late it is woken: the host's own starvation, as this agent feels it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

/// Runs for as long as it is held.
#[derive(Debug)]
pub struct Ticker {
    late_max_micros: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Ticker {
    /// Starts it. Needs a runtime with timers.
    pub fn start(interval: Duration) -> Self {
        let late_max_micros = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&late_max_micros);
        let task = tokio::spawn(async move {
            let mut due = Instant::now() + interval;
            loop {
                sleep_until(due).await;
                let now = Instant::now();
                let late = now.saturating_duration_since(due);
                told.fetch_max(u64::try_from(late.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
                // Ticks that were missed are not made up for: the one that came late has told of them.
                due = (due + interval).max(now);
            }
        });
        Self { late_max_micros, task: task.abort_handle() }
    }

    /// How late the latest tick came since this was last asked.
    pub fn late_max(&self) -> Duration {
        Duration::from_micros(self.late_max_micros.swap(0, Ordering::Relaxed))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thread_that_is_held_up_shows_as_a_late_tick_once() {
        let ticker = Ticker::start(Duration::from_millis(10));
        tokio::time::sleep(Duration::from_millis(30)).await;
        ticker.late_max();
        // The only thread of this runtime does something else: as if the host had given it no time.
        std::thread::sleep(Duration::from_millis(300));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let late = ticker.late_max();
        assert!(late >= Duration::from_millis(250), "{late:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        let after = ticker.late_max();
        assert!(after < late, "{after:?} after {late:?}");
    }

    #[tokio::test]
    async fn it_ends_when_nobody_holds_it_any_more() {
        let ticker = Ticker::start(Duration::from_millis(1));
        let task = ticker.task.clone();
        drop(ticker);
        let ended = async {
            while !task.is_finished() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the task has ended");
    }
}
