//! A disk that takes two seconds for each write: whoever waits for it waits, and nobody is taken for dead.

use std::time::{Duration, Instant};

use throng_tests::site::{COMMAND_TIMEOUT, Site, in_site, nodes, pids};
use throng_tests::slow_disk::SlowDisk;
use throng_tests::wait::patiently;
use throng_tests::{agent, coordinator};

/// How long a write takes.
const WRITE: Duration = Duration::from_secs(2);
/// The longest that a question may take which needs no write.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Asks how everything is, until it is told to end; the longest answer.
fn watch(site: &Site, mut goes_on: impl FnMut() -> bool) -> Duration {
    let mut longest = Duration::ZERO;
    while goes_on() {
        let begun = Instant::now();
        let status = site.throng(&["status", "--format", "json"]).expect_code(0).json();
        longest = longest.max(begun.elapsed());
        assert_eq!(status["hosts"][0]["connected"], true, "{status:#}");
        let ps = site.ps();
        let down = nodes(&ps).iter().find(|node| node["phase"] == "lost" || node["phase"] == "failed");
        assert!(down.is_none(), "{down:#?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    longest
}

#[test]
fn on_a_slow_disk_everything_takes_its_time_and_nobody_is_taken_for_dead() {
    in_site(|site| {
        let _ = site.up();
        let before = pids(&site.wait_for_count("worker", 3));
        let slow = SlowDisk::begin(&[agent::pid(site), coordinator::pid(site)], WRITE);
        let begun = Instant::now();
        let scale = site.start("throng", &["scale", "worker=5"]);
        let longest = watch(site, || scale.is_running());
        assert!(begun.elapsed() > WRITE, "the disk is slow: {:?}", begun.elapsed());
        assert!(longest < patiently(ANSWER_MAX), "an answer took {longest:?}");
        let _ = scale.end(COMMAND_TIMEOUT).expect_code(0);
        let now = pids(&site.wait_for_count("worker", 5));
        assert!(before.iter().all(|(node, pid)| now.get(node) == Some(pid)), "{before:?} {now:?}");
        let events = site.throng(&["events"]).expect_code(0).stdout;
        let lost: Vec<&str> = events.lines().filter(|line| line.contains("lost")).collect();
        assert!(lost.is_empty(), "{lost:#?}");
        let _ = site.throng_within(COMMAND_TIMEOUT * 2, &["down", "--yes"]).expect_code(0);
        drop(slow);
    });
}
