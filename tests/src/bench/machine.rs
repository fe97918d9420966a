//! What a result was taken on: without it the result is of no use.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// This machine, its engine, and how the programs were built.
pub(super) fn describe(engine: &Value) -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let line = |path: &str, key: &str| {
        let text = read(path);
        let found = text.lines().find(|line| line.starts_with(key));
        found.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    json!({
        "kernel": read("/proc/sys/kernel/osrelease"),
        "cpu": line("/proc/cpuinfo", "model name"),
        "cpus": std::thread::available_parallelism().map_or(0, usize::from),
        "memory": line("/proc/meminfo", "MemTotal"),
        "control_groups": if fs::exists("/sys/fs/cgroup/cgroup.controllers").unwrap_or(false) { 2 } else { 1 },
        "load_after": read("/proc/loadavg"),
        "engine": engine,
        "build": build(),
    })
}

/// The load averages of one, five and fifteen minutes.
pub(super) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// How the programs were built: figures of an unoptimised build mean nothing.
pub(super) fn build() -> &'static str {
    if cfg!(debug_assertions) { "unoptimised" } else { "release" }
}

/// Seconds since 1970: names the files of a result.
pub(super) fn stamp() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
