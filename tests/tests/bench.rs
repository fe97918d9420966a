//! The benchmarks at their smallest: what they measure is measured for show only, but the gates must hold, and nothing
//! may be left.

use std::process::Command;
use std::time::{Duration, Instant};

/// With three nodes and one pair every step takes a moment.
const SMALL: [(&str, &str); 4] = [
    ("BENCH_NODES", "3"),
    ("BENCH_PAIRS", "1"),
    ("BENCH_IDLE_SECONDS", "1"),
    ("BENCH_ONLY", "updown,idle,adopt,exec,density"),
];
/// How long it may take on a machine that is busy.
const TIMEOUT: Duration = Duration::from_secs(600);

#[test]
fn the_benchmarks_pass_their_gates_and_print_their_table() {
    let program = env!("CARGO_BIN_EXE_bench");
    let began = Instant::now();
    let output = Command::new(program).envs(SMALL).output().expect("it can be run");
    let said = String::from_utf8_lossy(&output.stdout);
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}\n{problems}", output.status);
    assert!(began.elapsed() < TIMEOUT, "it took {:?}", began.elapsed());
    for row in [
        "up s: throng / floor ",
        "down s: throng / floor ",
        "up s: floor again / floor",
        "throng adopted ms / floor labelled list ms",
        "exec on all s: throng / engine's exec",
        "agent, 3 nodes: resident",
        "throng: last starts / first starts",
        "throng: ps ms",
    ] {
        assert!(said.contains(row), "`{row}` is not in:\n{said}\n{problems}");
    }
    // A bare machine has no interpreter for it; then that is said.
    assert!(said.contains("up s: throng / compose") || said.contains("Not measured: compose"), "{said}");
    let kept = said.lines().find_map(|line| line.strip_prefix("kept in ")).expect("it says where the figures are");
    let kept = std::fs::read_to_string(kept).expect("the figures are kept");
    let kept: serde_json::Value = serde_json::from_str(&kept).expect("they are JSON");
    assert!(kept["machine"]["kernel"].is_string() && kept["samples"].as_array().is_some_and(|all| all.len() > 20));
}
