//! A benchmark that is ended or killed leaves nothing either: what it started is found by its names alone, at once where
//! it can still be done, else by the next one.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, umount2};
use tokio::signal::unix::{SignalKind, signal};

use super::account;
use super::engine::runtime;
use crate::host::{self, Snapshot};

/// With what the names of all engines, groups and folders of the benchmarks begin, and nobody else's.
pub(super) const MARK_PREFIX: &str = "throng-benchmark-own-";
/// Where it lies how kernel settings and the hosts file were before.
const BEFORE: &str = "/run/throng-benchmark-before.json";
/// Where there are folders of theirs.
const PARENTS: [&str; 3] = ["/run", "/tmp", "/var/tmp"];
/// How long processes may take to be gone after they were killed.
const END_TIMEOUT: Duration = Duration::from_secs(20);
/// As a shell says it of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// What is removed when the benchmarks end, however they end.
#[derive(Debug)]
pub(super) struct Clean(());

impl Clean {
    /// Takes note of how the machine is, and from now on removes everything before a signal ends this process.
    pub(super) fn begin() -> Self {
        let before = serde_json::to_vec(&Snapshot::take()).expect("plain values serialise");
        fs::write(BEFORE, before).expect("a file below /run can be written");
        thread::spawn(|| {
            runtime().block_on(async {
                let listen = |kind| signal(kind).expect("signals can be listened to");
                let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt()), listen(SignalKind::terminate()));
                let mut hangup = listen(SignalKind::hangup());
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
            });
            remove_leftovers();
            std::process::exit(INTERRUPTED);
        });
        Self(())
    }
}

impl Drop for Clean {
    fn drop(&mut self) {
        remove_leftovers();
    }
}

/// Removes it all.
pub(crate) fn remove_leftovers() {
    let deadline = Instant::now() + END_TIMEOUT;
    loop {
        let living = processes();
        if living.is_empty() || Instant::now() > deadline {
            break;
        }
        living.into_iter().for_each(host::kill_now);
        thread::sleep(Duration::from_millis(100));
    }
    for (_, point) in host::mounts(MARK_PREFIX).iter().rev() {
        let _ = umount2(point, MntFlags::MNT_DETACH);
    }
    account::remove_named(MARK_PREFIX);
    if let Some(before) = fs::read(BEFORE).ok().and_then(|text| serde_json::from_slice::<Snapshot>(&text).ok()) {
        before.put_back();
        let _ = fs::remove_file(BEFORE);
    }
    for folder in PARENTS.into_iter().flat_map(|parent| children(Path::new(parent))) {
        let _ = fs::remove_dir_all(folder);
    }
}

/// All that runs for them: by its arguments and variables, and, of what runs in containers, by its control group.
fn processes() -> Vec<i32> {
    let named = host::processes(MARK_PREFIX).into_iter().map(|process| process.pid);
    named.chain(account::members(MARK_PREFIX)).filter(|pid| host::is_alive(*pid)).collect()
}

fn children(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_ours = |name: &OsStr| name.to_string_lossy().starts_with(MARK_PREFIX);
    entries.filter(|path| path.is_dir() && path.file_name().is_some_and(is_ours)).collect()
}
