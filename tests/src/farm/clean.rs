//! What an earlier loop left that was killed itself: removed by names alone.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::Command;

use crate::invariants::Decoys;
use crate::{host, leftovers};

/// With what the names of all sites of this loop begin; no other site's does.
pub(super) const NAME_PREFIX: &str = "kl-";
/// With what the marks of all sites of this loop begin.
pub(super) const MARK_PREFIX: &str = "throng-kill-";
/// Ports that no other site uses.
pub(super) const PORTS: RangeInclusive<u16> = 29_000..=29_999;
/// The part of throng's addresses that no other site uses.
pub(super) const NETWORK: [u8; 3] = [198, 18, 84];
/// In a folder of a site's that outlives a harness that fails: the settings as they were before it.
pub(super) const SETTINGS_FILE: &str = "settings-before";

/// Removes it all.
pub(crate) fn remove_leftovers() {
    Decoys::remove_leftovers(NAME_PREFIX);
    for mark in marks() {
        leftovers::remove_named(NAME_PREFIX, &mark);
    }
    host::keep_hosts_lines(|line| {
        let word = line.trim_end().rsplit(' ').next().unwrap_or_default();
        !(line.contains("throng") && word.starts_with(NAME_PREFIX))
    });
    host::release_range(PORTS);
    for last in 1..=254 {
        let address = format!("{}.{}.{}.{last}/32", NETWORK[0], NETWORK[1], NETWORK[2]);
        if fs::read_to_string("/proc/net/fib_trie").unwrap_or_default().contains(address.trim_end_matches("/32")) {
            // It may be gone already.
            let _ = Command::new("ip").args(["address", "delete", &address, "dev", "lo"]).output();
        }
    }
    for folder in folders("/tmp") {
        let _ = fs::remove_dir_all(folder);
    }
    for folder in folders("/run") {
        put_back(&folder.join(SETTINGS_FILE));
        let _ = fs::remove_dir_all(folder);
    }
}

/// Writes settings down, a line each, for whoever must put them back.
pub(super) fn note(mark: &str, settings: &std::collections::BTreeMap<String, String>) {
    let lines: Vec<String> = settings.iter().map(|(key, value)| format!("{key} {value}")).collect();
    let folder = Path::new("/run").join(format!("{mark}-settings"));
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join(SETTINGS_FILE), lines.join("\n")));
    written.expect("a folder below /run can be made");
}

fn put_back(note: &Path) {
    let text = fs::read_to_string(note).unwrap_or_default();
    for (key, value) in text.lines().filter_map(|line| line.split_once(' ')) {
        let path = Path::new("/proc/sys").join(key.replace('.', "/"));
        let now = fs::read_to_string(&path).unwrap_or_default();
        if now.trim() != value {
            // A setting that cannot be written was not changed either.
            let _ = fs::write(path, format!("{value}\n"));
        }
    }
}

fn folders(parent: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let own = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(MARK_PREFIX));
    own.map(|entry| entry.path()).collect()
}

/// The marks of all sites that left a folder.
fn marks() -> BTreeSet<String> {
    let names = folders("/tmp").into_iter().chain(folders("/run"));
    let mark = |path: std::path::PathBuf| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        // throng-kill-abcdef, or throng-kill-abcdef-Xy12Zz
        Some(name.split('-').take(3).collect::<Vec<_>>().join("-"))
    };
    names.filter_map(mark).collect()
}
