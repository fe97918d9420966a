//! Ctrl-C: the first tears down, the second leaves; a lost terminal leaves at once.

use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::fake::Script;
use crate::support::{Bench, ended, finish, interrupt, number, phase_ended, script, started};

fn endless(after_cancel: bool) -> Script {
    let after =
        vec![started("down", 2), phase_ended("down", 500), phase_ended("audit", 50), ended("interrupted", false)];
    Script {
        progress: script(vec![started("up worker", 2)]),
        after_cancel: if after_cancel { number(1, after) } else { Vec::new() },
        ..Script::default()
    }
}

#[tokio::test]
async fn the_first_ctrl_c_tears_down_gracefully_and_waits_for_the_end() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let bench = Bench::new(endless(true));
        let child = bench.spawn(&["run", &bench.scenario()], Stdio::null());
        bench.until_called("follow").await;
        interrupt(&child, signal);
        let done = finish(child).await;
        assert_eq!(done.code, Some(130), "{}", done.stderr);
        assert!(bench.fake.calls().contains(&"cancel run-abcdef".to_owned()));
        assert!(done.stderr.contains("again to detach"), "{}", done.stderr);
        assert!(done.stdout.contains("nothing left behind"), "{}", done.stdout);
    }
}

#[tokio::test]
async fn the_second_ctrl_c_detaches_and_prints_how_to_go_on() {
    let bench = Bench::new(endless(false));
    let child = bench.spawn(&["up", &bench.scenario()], Stdio::null());
    bench.until_called("follow").await;
    interrupt(&child, Signal::SIGINT);
    bench.until_called("cancel").await;
    interrupt(&child, Signal::SIGINT);
    let done = finish(child).await;
    assert_eq!(done.code, Some(130));
    let state = bench.path("").display().to_string();
    let state = state.trim_end_matches('/');
    let command = |words: &str| format!("{} --state-dir {state} {words}", env!("CARGO_BIN_EXE_throng"));
    assert!(done.stderr.contains(&command("follow up-abcdef")), "{}", done.stderr);
    // That is what goes on already.
    assert!(!done.stderr.contains(&command("down")), "{}", done.stderr);
    assert!(!bench.fake.calls().iter().any(|call| call.starts_with("stop")));
}

#[tokio::test]
async fn a_lost_terminal_only_detaches() {
    let bench = Bench::new(endless(true));
    let child = bench.spawn(&["run", &bench.scenario()], Stdio::null());
    bench.until_called("follow").await;
    interrupt(&child, Signal::SIGHUP);
    let done = finish(child).await;
    assert_eq!(done.code, Some(130));
    assert!(!bench.fake.calls().iter().any(|call| call.starts_with("cancel")), "{:?}", bench.fake.calls());
}

#[tokio::test]
async fn ctrl_c_during_a_teardown_does_not_stop_it() {
    let cluster = throng_proto::operator::Cluster { cluster: "demo-k3f9".into(), ..Default::default() };
    let bench = Bench::new(Script { clusters: vec![cluster], ..endless(false) });
    let child = bench.spawn(&["down", "--yes"], Stdio::null());
    bench.until_called("follow").await;
    interrupt(&child, Signal::SIGINT);
    let done = finish(child).await;
    assert_eq!(done.code, Some(130));
    assert!(!bench.fake.calls().iter().any(|call| call.starts_with("cancel")));
}
