//! The daemons' clock jumps, back and forth: what runs goes on, and so does all that is asked. The machine's own clock is
//! left alone, and so is the nodes'.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use throng_tests::programs::faketime;
use throng_tests::site::{COMMAND_TIMEOUT, SETTLE_TIMEOUT, Site, in_site, nodes, pids};
use throng_tests::wait::wait_for;
use throng_tests::{agent, coordinator};

/// How long a clock that is off is left so: longer than the daemons' own timers.
const STAYS: Duration = Duration::from_secs(3);
/// How long it strobes, and how long each way.
const STROBES: Duration = Duration::from_secs(6);
const STROBE: Duration = Duration::from_millis(100);

/// The clock of a site's programs.
struct Clock(PathBuf);

impl Clock {
    fn of(site: &Site) -> Self {
        let path = site.folder().join("clock");
        let clock = Self(path.clone());
        clock.off_by("+0");
        for (name, value) in [
            ("LD_PRELOAD", faketime().display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", path.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ] {
            site.set_variable(name, &value);
        }
        clock
    }

    /// `+5m`, `-1d`: so much later, or earlier, than the machine says. One who looks meanwhile sees the one or the other.
    fn off_by(&self, offset: &str) {
        let new = self.0.with_extension("new");
        fs::write(&new, format!("{offset}\n")).unwrap();
        fs::rename(&new, &self.0).unwrap();
    }
}

fn now_unix_millis() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// When the coordinator says that something happened last.
fn newest_event(site: &Site) -> u64 {
    let events = site.throng(&["events", "--tail", "1", "--format", "json"]).expect_code(0).json();
    events["at_unix_millis"].as_u64().unwrap_or_else(|| panic!("an event has a time: {events:#}"))
}

/// All nodes are there, are seen, and are the processes that they were.
fn expect_untouched(site: &Site, before: &std::collections::BTreeMap<String, i32>, when: &str) {
    let ps = site.wait_for_count("worker", 3);
    assert_eq!(pids(&ps), *before, "{when}");
    assert!(nodes(&ps).iter().all(|node| node["restarts"] == 0), "{when}: {ps:#}");
}

#[test]
fn a_clock_that_jumps_back_and_forth_costs_no_node_and_no_command() {
    in_site(|site| {
        let clock = Clock::of(site);
        let _ = site.up();
        let before = pids(&site.wait_for_count("worker", 3));
        for offset in ["+5m", "-5m", "+1d", "-1d", "+0"] {
            clock.off_by(offset);
            thread::sleep(STAYS);
            expect_untouched(site, &before, offset);
            let status = site.throng(&["status", "--format", "json"]).expect_code(0).json();
            assert_eq!(status["hosts"][0]["connected"], true, "{offset}: {status:#}");
            let _ = site.throng(&["exec", "worker", "--", "cat", "/data/name"]).expect_code(0);
            let _ = site.throng(&["scale", "worker=4"]).expect_code(0);
            let _ = site.throng(&["scale", "worker=3"]).expect_code(0);
            // Else nothing was tried.
            let day = 86_400_000;
            let apart = newest_event(site).abs_diff(now_unix_millis());
            assert_eq!(apart > day / 2, offset.ends_with('d'), "{offset}: the daemons' clock is {apart} ms off");
        }
        site.down();
    });
}

#[test]
fn what_is_under_way_while_the_clock_strobes_comes_to_its_end() {
    in_site(|site| {
        let clock = Clock::of(site);
        let scenario = site.tiny();
        let strobe = || {
            let begun = Instant::now();
            while begun.elapsed() < STROBES {
                for offset in ["+1d", "-5m", "+5m", "-1d"] {
                    clock.off_by(offset);
                    thread::sleep(STROBE);
                }
            }
            clock.off_by("+0");
        };
        thread::scope(|scope| {
            let up = site.start("throng", &["up", &scenario]);
            scope.spawn(strobe).join().unwrap();
            let _ = up.end(COMMAND_TIMEOUT).expect_code(0);
        });
        site.wait_for_count("worker", 3);
        thread::scope(|scope| {
            let restart = site.start("throng", &["restart", "worker", "--rolling"]);
            scope.spawn(strobe).join().unwrap();
            let _ = restart.end(COMMAND_TIMEOUT).expect_code(0);
        });
        thread::scope(|scope| {
            let down = site.start("throng", &["down", "--yes"]);
            scope.spawn(strobe).join().unwrap();
            let _ = down.end(COMMAND_TIMEOUT).expect_code(0).expect_said(&["nothing left behind"]);
        });
    });
}

#[test]
fn daemons_that_begin_anew_by_another_clock_find_each_other_and_all_nodes() {
    in_site(|site| {
        let clock = Clock::of(site);
        let _ = site.up();
        let before = pids(&site.wait_for_count("worker", 3));
        for offset in ["+5m", "-5m", "+12h", "-1d", "+0"] {
            clock.off_by(offset);
            agent::lose(site);
            agent::start(site);
            expect_untouched(site, &before, offset);
            coordinator::kill(site);
            let _anew = coordinator::start(site);
            wait_for("the agent is back", SETTLE_TIMEOUT, || {
                let status = site.throng(&["status", "--format", "json"]).expect_code(0).json();
                if status["hosts"][0]["connected"] == true { Ok(()) } else { Err(format!("{status:#}")) }
            });
            expect_untouched(site, &before, offset);
            let _ = site.throng(&["exec", "worker", "--", "true"]).expect_code(0);
        }
        site.down();
    });
}
