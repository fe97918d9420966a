//! All processes of a process node, and ending them.
//!
//! A node's processes are found in its control groups, in the groups that it made below them, and in its session: a
//! process that leaves the session is still in the groups, and where a host gives no groups the session is what there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::record::ProcessId;
use crate::host::procs::table::{ProcStat, Procs};

/// Between two blows: a killed process takes a moment to go.
const KILL_PAUSE: Duration = Duration::from_millis(5);

/// What is written to which file of a control group in order to end, freeze and thaw all that is below it.
const KILL: (&str, &str) = ("cgroup.kill", "1");
const FREEZE: [(&str, &str); 2] = [("cgroup.freeze", "1"), ("freezer.state", "FROZEN")];
const THAW: [(&str, &str); 2] = [("cgroup.freeze", "0"), ("freezer.state", "THAWED")];

/// Where a node's processes are found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    /// The `cgroup.procs` files of its control groups.
    pub procs_files: Vec<PathBuf>,
    /// Its first process, who began its session; none if it never ran in this boot.
    pub leader: Option<ProcessId>,
}

impl Members {
    /// The ids of all processes that are there now, without those that merely wait to be reaped.
    pub fn pids(&self) -> BTreeSet<u32> {
        let mut pids = self.in_groups();
        pids.extend(self.in_session());
        pids
    }

    /// The same, but those of the session only where the groups have none: every process of the host is asked for those.
    fn next(&self) -> BTreeSet<u32> {
        let pids = self.in_groups();
        if pids.is_empty() { self.in_session() } else { pids }
    }

    fn in_groups(&self) -> BTreeSet<u32> {
        let procs = Procs::default();
        let lives = |pid: &u32| *pid > 1 && procs.stat(*pid).is_ok_and(|stat| is_living(&stat));
        self.groups().flat_map(pids_below).filter(lives).collect()
    }

    fn groups(&self) -> impl Iterator<Item = &Path> {
        self.procs_files.iter().filter_map(|file| file.parent())
    }

    fn in_session(&self) -> BTreeSet<u32> {
        let procs = Procs::default();
        let Some(leader) = self.leader.filter(|leader| leader.pid > 1) else { return BTreeSet::new() };
        // A later process with the leader's id began a session of its own: ours had no member left by then.
        if procs.stat(leader.pid).is_ok_and(|stat| stat.start_ticks != leader.start_ticks) {
            return BTreeSet::new();
        }
        let is_member = |pid: &u32| procs.stat(*pid).is_ok_and(|stat| stat.session == leader.pid && is_living(&stat));
        procs.pids().unwrap_or_default().into_iter().filter(is_member).collect()
    }

    /// Kills all, again and again until none is left or the time is over; gives those that are left. Blocks.
    pub fn kill_all(&self, within: Duration) -> BTreeSet<u32> {
        let deadline = Instant::now() + within;
        let mut left = self.next();
        kill_each(&left);
        while !left.is_empty() && Instant::now() < deadline {
            thread::sleep(KILL_PAUSE);
            left = self.next();
            if !left.is_empty() {
                self.kill_at_once(&left);
            }
        }
        left
    }

    /// One blow at those that do not stand still: what forks faster than it is killed would never be done with.
    fn kill_at_once(&self, pids: &BTreeSet<u32>) {
        // Whatever these files refuse, each process is killed by itself, too.
        self.groups().for_each(|group| write_any(group, &[KILL]));
        self.groups().for_each(|group| write_any(group, &FREEZE));
        kill_each(pids);
        self.groups().for_each(|group| write_any(group, &THAW));
    }
}

/// Whether it is more than an entry that waits to be reaped.
fn is_living(stat: &ProcStat) -> bool {
    !matches!(stat.state, 'Z' | 'X')
}

fn kill_each(pids: &BTreeSet<u32>) {
    for pid in pids {
        // It may have ended meanwhile; one that cannot be killed is found again and given back.
        let _: Result<(), Errno> = send(*pid, Some(Signal::SIGKILL));
    }
}

/// The members of a group and of all groups below it; none where it does not exist.
fn pids_below(group: &Path) -> BTreeSet<u32> {
    let mut pids = BTreeSet::new();
    let mut groups = vec![group.to_owned()];
    while let Some(group) = groups.pop() {
        let members = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        pids.extend(members.lines().filter_map(|line| line.parse::<u32>().ok()));
        // A group may go while it is looked at.
        let entries = fs::read_dir(&group).into_iter().flatten().flatten();
        groups.extend(
            entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()),
        );
    }
    pids
}

/// Writes those of the files that the group has: which depends on the version and the hierarchy.
fn write_any(group: &Path, writes: &[(&str, &str)]) {
    for (file, value) in writes {
        let _: Result<(), std::io::Error> = fs::write(group.join(file), value);
    }
}

/// Sends a signal; none only asks whether the process is there.
pub fn send(pid: u32, signal: Option<Signal>) -> Result<(), Errno> {
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 1).ok_or(Errno::ESRCH)?;
    kill(Pid::from_raw(pid), signal)
}

/// How many processes of these control groups the kernel has killed for memory.
pub fn oom_kills(procs_files: &[PathBuf]) -> u64 {
    let count = |procs_file: &PathBuf| {
        let folder = procs_file.parent()?;
        // The second version's file, and the first's.
        let text = ["memory.events", "memory.oom_control"].map(|file| fs::read_to_string(folder.join(file)));
        let text = text.into_iter().flatten().next()?;
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse::<u64>().ok())
    };
    procs_files.iter().filter_map(count).sum()
}
