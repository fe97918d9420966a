//! This machine's kernel, read without throng's code.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use throng_common::sysctl_keys::{ALL, CONNTRACK_COUNT, RESERVED_PORTS};

use crate::tiny::PORTS;
use crate::wait::wait_for;

/// The list that all throngs of a host share.
const RESERVED: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";

/// What throng changes on a host and must put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    alone: bool,
    settings: BTreeMap<PathBuf, String>,
    hosts_file: String,
}

impl Snapshot {
    /// As it is now.
    pub fn take() -> Self {
        // Of the keys that throng may write those that nothing else changes. One that this kernel lacks is left out.
        let keys = ALL.into_iter().filter(|key| ![RESERVED_PORTS, CONNTRACK_COUNT].contains(key));
        let read = |key: &str| {
            let path = Path::new("/proc/sys").join(key.replace('.', "/"));
            Some((path.clone(), fs::read_to_string(path).ok()?.trim().to_owned()))
        };
        let hosts_file = fs::read_to_string("/etc/hosts").expect("/etc/hosts can be read");
        // Somebody else's throng on this machine changes settings as it likes.
        let alone = agents().is_empty();
        Self { alone, settings: keys.filter_map(read).collect(), hosts_file }
    }

    /// What is different now, one line each; of settings nothing while somebody else's throng is or was at work.
    pub fn differences(&self) -> Vec<String> {
        let now = Self::take();
        let ours = reserved().into_iter().filter(|(from, to)| *from <= *PORTS.end() && *to >= *PORTS.start());
        let ports = ours.map(|(from, to)| format!("reserved ports {from}-{to}"));
        let comparable = self.alone && now.alone;
        let changed = self.changed(&now).filter(|_| comparable);
        let settings = changed.map(|(path, before)| {
            format!("setting {}: {before:?} became {:?}", path.display(), now.settings.get(path))
        });
        ports.chain(settings).collect()
    }

    fn changed<'a>(&'a self, now: &'a Self) -> impl Iterator<Item = (&'a PathBuf, &'a String)> {
        self.settings.iter().filter(|(path, before)| now.settings.get(*path) != Some(before))
    }

    /// Writes back what is different now.
    pub fn put_back(&self) {
        let now = Self::take();
        for (path, before) in self.changed(&now) {
            fs::write(path, format!("{before}\n")).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        release_range(PORTS);
        if now.hosts_file != self.hosts_file {
            fs::write("/etc/hosts", &self.hosts_file).expect("/etc/hosts can be written");
        }
    }
}

/// Adds a port to the reserved ones.
pub fn reserve(port: u16) {
    change_reserved(|ranges| ranges.into_iter().chain([(port, port)]).collect());
}

/// Takes ports that nobody else could have reserved out again.
pub fn release_range(ports: RangeInclusive<u16>) {
    let other = |(from, to): &(u16, u16)| to < ports.start() || from > ports.end();
    change_reserved(|ranges| ranges.into_iter().filter(other).collect());
}

/// Takes a port out of the reserved ones.
pub fn release(port: u16) {
    release_range(port..=port);
}

/// Writes the list where it changes. Another throng may write it at the same moment, so that the kernel refuses.
fn change_reserved(change: impl Fn(Vec<(u16, u16)>) -> Vec<(u16, u16)>) {
    wait_for("the reserved ports are written", Duration::from_secs(2), || {
        let before = reserved();
        let ranges = change(before.clone());
        let list: Vec<_> = ranges.iter().map(|(from, to)| format!("{from}-{to}")).collect();
        let list = format!("{}\n", list.join(","));
        if ranges == before { Ok(()) } else { fs::write(RESERVED, &list).map_err(|error| format!("{list}: {error}")) }
    });
}

/// Rewrites the hosts file without some of its lines, which come with their ends.
pub fn keep_hosts_lines(keep: impl Fn(&str) -> bool) {
    let text = fs::read_to_string("/etc/hosts").expect("/etc/hosts can be read");
    let kept: String = text.split_inclusive('\n').filter(|line| keep(line)).collect();
    if kept != text {
        fs::write("/etc/hosts", kept).expect("/etc/hosts can be written");
    }
}

/// The ranges of reserved ports.
pub fn reserved() -> Vec<(u16, u16)> {
    // In one call: the kernel answers a second one with nothing, however much there is.
    let mut buffer = vec![0; 1 << 16];
    let length = File::open(RESERVED).and_then(|mut file| file.read(&mut buffer)).expect("reserved ports can be read");
    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
    let range = |range: &str| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        Some((from.parse().ok()?, to.parse().ok()?))
    };
    text.trim().split(',').filter_map(range).collect()
}

/// How many ports of the tests' pool are reserved.
pub fn reserved_of_pool() -> usize {
    let within = |(from, to): (u16, u16)| (from.max(*PORTS.start())..=to.min(*PORTS.end())).count();
    reserved().into_iter().map(within).sum()
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// Living processes of which an argument or a variable contains the text; this one excepted.
pub fn processes(text: &str) -> Vec<Process> {
    let own = i32::try_from(std::process::id()).expect("process ids fit");
    let entries = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| *pid != own).filter_map(|pid| process(pid, text)).collect()
}

/// All agents of this machine.
fn agents() -> Vec<Process> {
    let mut found = processes("throng-agent");
    found.retain(|process| process.arguments.get(1).is_some_and(|word| word == "run"));
    found
}

/// Whether an agent runs that has not this mark.
pub fn has_other_agents(mark: &str) -> bool {
    let own: Vec<i32> = processes(mark).into_iter().map(|process| process.pid).collect();
    agents().iter().any(|agent| !own.contains(&agent.pid))
}

fn process(pid: i32, text: &str) -> Option<Process> {
    let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).ok();
    let strings = |bytes: &[u8]| -> Vec<String> {
        let parts = bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty());
        parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    };
    let arguments = strings(&read("cmdline")?);
    // A zombie has neither arguments nor an environment.
    let environment = strings(&read("environ").unwrap_or_default());
    let mentions = |strings: &[String]| strings.iter().any(|string| string.contains(text));
    (mentions(&arguments) || mentions(&environment)).then_some(Process { pid, arguments })
}

/// The children of these processes, their children, and so on.
pub fn descendants(of: &[i32]) -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let parents: Vec<(i32, i32)> = pids.filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found: Vec<i32> = Vec::new();
    let mut at: Vec<i32> = of.to_vec();
    while let Some(parent) = at.pop() {
        let children = parents.iter().filter(|(pid, of)| *of == parent && !found.contains(pid)).map(|(pid, _)| *pid);
        let children: Vec<i32> = children.collect();
        found.extend(&children);
        at.extend(children);
    }
    found
}

fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

/// Whether a process lives (a zombie does not).
pub fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).unwrap_or_default().to_owned();
    !matches!(state.as_str(), "" | "Z" | "X")
}

/// Ends a process at once.
pub fn kill_now(pid: i32) {
    // It may just have ended by itself.
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
}

/// Stops a process, so that it hangs.
pub fn hang(pid: i32) {
    // It may just have ended by itself.
    let _ = kill(Pid::from_raw(pid), Signal::SIGSTOP);
}

/// Has a process that hangs go on.
pub fn go_on(pid: i32) {
    let _ = kill(Pid::from_raw(pid), Signal::SIGCONT);
}

/// Gives a kernel setting a value.
pub fn set(key: &str, value: &str) {
    let path = Path::new("/proc/sys").join(key.replace('.', "/"));
    fs::write(&path, format!("{value}\n")).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Mounts in this mount namespace whose source or mount point contains the text: source and mount point.
pub fn mounts(text: &str) -> Vec<(String, PathBuf)> {
    let table = fs::read_to_string("/proc/self/mounts").expect("the mount table can be read");
    let lines = table.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some((words.next()?.to_owned(), PathBuf::from(words.next()?)))
    });
    lines.filter(|(source, point)| source.contains(text) || point.to_string_lossy().contains(text)).collect()
}

/// Control groups below a `throng` of any hierarchy in whose path the text occurs, the innermost first.
pub fn cgroups(text: &str) -> Vec<PathBuf> {
    let folders = |parent: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir() && !path.is_symlink()).collect()
    };
    let root = Path::new("/sys/fs/cgroup");
    let mut found: Vec<_> = folders(root).into_iter().chain([root.to_owned()]).map(|top| top.join("throng")).collect();
    let mut at = 0;
    while at < found.len() {
        found.extend(folders(&found[at]));
        at += 1;
    }
    found.retain(|path| path.to_string_lossy().contains(text));
    found.reverse();
    found
}
