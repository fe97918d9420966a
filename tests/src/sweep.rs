//! What a test, a loop or a benchmark left that was killed itself. How the machine was is written down beforehand and all
//! names begin alike, so that it is found without it: at once by a guard beside it, or by the next one on this machine.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, umount2};

use crate::host::{self, Snapshot};
use crate::programs::beside;
use crate::{bench, engine, farm, leftovers};

/// Sites share kernel settings, `/etc/hosts`, ports and addresses: one at a time on this machine, whatever the process.
const LOCK: &str = "/tmp/throng-end-to-end.lock";
/// Where it lies how kernel settings and the hosts file were before a site.
const BEFORE: &str = "/run/throng-end-to-end-before.json";
/// With what the marks and the names of sites begin.
const SITES: [(&str, &str); 2] = [(SITE_MARK, "t"), (BESIDE_MARK, "b")];
pub(crate) const SITE_MARK: &str = "throng-test-";
pub(crate) const BESIDE_MARK: &str = "throng-beside-";
/// With what the folders of engines begin that are one test's own.
pub(crate) const ENGINE_MARK: &str = "throng-own-engine-";
/// Where sites and engines have folders.
const PARENTS: [&str; 3] = ["/run", "/tmp", "/var/tmp"];
/// The program that guards.
const GUARD: &str = "sweep";

/// Waits until no other site is on this machine, and removes what is left of those that were; none comes while the lock
/// is held.
pub(crate) fn alone() -> Flock<File> {
    engine::require();
    guard();
    let lock = lock();
    all();
    lock
}

/// Sweeps, once nobody is at work on this machine.
pub fn run() {
    let _alone = lock();
    all();
}

fn lock() -> Flock<File> {
    let file = File::create(LOCK).unwrap_or_else(|error| panic!("{LOCK}: {error}"));
    Flock::lock(file, FlockArg::LockExclusive).expect("a lock on a file of ours can be waited for")
}

/// Starts the program that sweeps as soon as this process has ended, however it does; once.
fn guard() {
    static GUARDED: OnceLock<Option<(Child, ChildStdin)>> = OnceLock::new();
    let _ = GUARDED.get_or_init(|| {
        // Where only the one program was built, the next one on this machine sweeps.
        let program = beside(GUARD);
        let mut command = program.is_file().then(|| Command::new(program))?;
        // In a group of its own, so that whatever ends this process spares it; its input ends with this process.
        command.arg("afterwards").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut guard = command.spawn().ok()?;
        let input = guard.stdin.take()?;
        Some((guard, input))
    });
}

/// Writes down how the machine is, until the note is dropped.
#[derive(Debug)]
pub(crate) struct Note(());

impl Note {
    pub(crate) fn of(before: &Snapshot) -> Self {
        let text = serde_json::to_vec(before).expect("plain values serialise");
        fs::write(BEFORE, text).expect("a file below /run can be written");
        Self(())
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let _ = fs::remove_file(BEFORE);
    }
}

fn all() {
    for folder in folders(ENGINE_MARK) {
        remove_engine(&folder);
    }
    for (mark_prefix, name_prefix) in SITES {
        for folder in folders(mark_prefix) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // throng-test-abcdef, or throng-test-abcdef-Xy12Zz
            let suffix = name[mark_prefix.len()..].split('-').next().unwrap_or_default();
            let (mark, name) = (format!("{mark_prefix}{suffix}"), format!("{name_prefix}{suffix}"));
            leftovers::remove_named(&name, &mark);
            engine::remove_images(&format!("throng/{name}"));
            let _ = fs::remove_dir_all(folder);
        }
    }
    if let Some(before) = fs::read(BEFORE).ok().and_then(|text| serde_json::from_slice::<Snapshot>(&text).ok()) {
        before.put_back();
        let _ = fs::remove_file(BEFORE);
    }
    farm::remove_leftovers();
    bench::remove_leftovers();
}

/// An engine of a test's own with all that runs in it.
fn remove_engine(folder: &Path) {
    let mark = folder.display().to_string();
    // What runs in containers is known by its parents alone.
    let mut living = host::processes(&mark).into_iter().map(|process| process.pid).collect::<Vec<_>>();
    living.extend(host::descendants(&living));
    living.into_iter().for_each(host::kill_now);
    for (_, point) in host::mounts(&mark).iter().rev() {
        let _ = umount2(point, MntFlags::MNT_DETACH);
    }
    let _ = fs::remove_dir_all(folder);
}

fn folders(prefix: &str) -> Vec<PathBuf> {
    let entries = PARENTS.into_iter().filter_map(|parent| fs::read_dir(parent).ok()).flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)).map(|entry| entry.path()).collect()
}
