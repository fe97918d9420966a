//! Plain reads of `/proc/<pid>/…`, each of one file. A process that ends meanwhile is an error, never a panic.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::kernel_file;

/// The capability to exceed resource limits: bit 24 (linux/capability.h).
const CAP_SYS_RESOURCE: u64 = 1 << 24;
/// The user namespace in which capabilities are the machine's own (linux/proc_ns.h).
const FIRST_USER_NAMESPACE: &str = "user:[4026531837]";

/// `/proc`, or a folder made like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Procs {
    root: PathBuf,
}

impl Default for Procs {
    fn default() -> Self {
        Self { root: PathBuf::from("/proc") }
    }
}

/// What `/proc/<pid>/stat` says that outlives a look at the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcStat {
    /// `R`, `S`, `Z` …
    pub state: char,
    /// The parent's id.
    pub parent: u32,
    /// The session that it belongs to: the id of the process that began it.
    pub session: u32,
    /// When it began, in clock ticks since boot: with the id it names the process for ever.
    pub start_ticks: u64,
}

impl Procs {
    /// Another folder in the place of `/proc`.
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The ids of all processes, ascending.
    pub fn pids(&self) -> io::Result<Vec<u32>> {
        let entries = fs::read_dir(&self.root)?;
        let mut pids: Vec<u32> =
            entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        pids.sort_unstable();
        Ok(pids)
    }

    /// The short name of its program.
    pub fn comm(&self, pid: u32) -> io::Result<String> {
        Ok(self.text(pid, "comm")?.trim_end().to_owned())
    }

    /// Its arguments, joined by blanks; empty for a kernel thread or a zombie.
    pub fn command(&self, pid: u32) -> io::Result<String> {
        let arguments = self.arguments(pid)?;
        Ok(arguments.join(" "))
    }

    /// Its arguments.
    pub fn arguments(&self, pid: u32) -> io::Result<Vec<String>> {
        Ok(zero_separated(&self.bytes(pid, "cmdline")?))
    }

    /// Its environment as it was given at its start, `NAME=value`.
    pub fn environment(&self, pid: u32) -> io::Result<Vec<String>> {
        Ok(zero_separated(&self.bytes(pid, "environ")?))
    }

    /// Its control groups, as the kernel writes them.
    pub fn cgroups(&self, pid: u32) -> io::Result<String> {
        self.text(pid, "cgroup")
    }

    /// State, parent, session and start.
    pub fn stat(&self, pid: u32) -> io::Result<ProcStat> {
        let text = self.text(pid, "stat")?;
        parse_stat(&text)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("odd stat of process {pid}")))
    }

    /// The number of one of its namespaces (`mnt`, `pid`, `net` …).
    pub fn namespace(&self, pid: u32, kind: &str) -> io::Result<String> {
        let target = fs::read_link(self.folder(pid).join("ns").join(kind))?;
        Ok(target.to_string_lossy().into_owned())
    }

    /// The hard limit of open files; none for unlimited.
    pub fn nofile_hard(&self, pid: u32) -> io::Result<Option<u64>> {
        Ok(parse_nofile_hard(&self.text(pid, "limits")?))
    }

    /// Whether it may give a process limits above its own. One that cannot be read may not.
    pub fn may_lift_limits(&self, pid: u32) -> bool {
        let effective = self.text(pid, "status").ok().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
            u64::from_str_radix(line.trim(), 16).ok()
        });
        let is_first = self.namespace(pid, "user").is_ok_and(|name| name == FIRST_USER_NAMESPACE);
        is_first && effective.is_some_and(|effective| effective & CAP_SYS_RESOURCE != 0)
    }

    /// Whether it holds an open file whose link reads so, like `socket:[123]`. Needs root for others' processes.
    pub fn holds(&self, pid: u32, link: &str) -> io::Result<bool> {
        for entry in fs::read_dir(self.folder(pid).join("fd"))?.flatten() {
            if fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == link) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn folder(&self, pid: u32) -> PathBuf {
        self.root.join(pid.to_string())
    }

    fn bytes(&self, pid: u32, file: &str) -> io::Result<Vec<u8>> {
        kernel_file::read(&self.folder(pid).join(file))
    }

    pub(super) fn text(&self, pid: u32, file: &str) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&self.bytes(pid, file)?).into_owned())
    }
}

fn zero_separated(bytes: &[u8]) -> Vec<String> {
    let parts = bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

/// The program's name stands in parentheses and may itself hold blanks and parentheses: fields count from the last.
pub(super) fn parse_stat(text: &str) -> Option<ProcStat> {
    let (_, after) = text.rsplit_once(')')?;
    let mut fields = after.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    // Fields of the file, counted from 1: state is 3, parent 4, session 6, start 22.
    let session = fields.nth(1)?.parse().ok()?;
    let start_ticks = fields.nth(15)?.parse().ok()?;
    Some(ProcStat { state, parent, session, start_ticks })
}

fn parse_nofile_hard(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_ascii_whitespace().nth(4)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let text = "77 (a (b) c) S 1 76 77 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2 3";
        assert_eq!(parse_stat(text), Some(ProcStat { state: 'S', parent: 1, session: 77, start_ticks: 4242 }));
        assert_eq!(parse_stat("77 (x"), None);
    }

    #[test]
    fn this_process_is_found_and_read() {
        let (procs, me) = (Procs::default(), std::process::id());
        assert!(procs.pids().unwrap().contains(&me));
        assert_eq!(procs.stat(me).unwrap().parent, std::os::unix::process::parent_id());
        assert!(procs.command(me).unwrap().contains("throng_agent"));
        assert!(procs.namespace(me, "mnt").unwrap().starts_with("mnt:["));
        assert!(procs.nofile_hard(me).unwrap().is_some_and(|limit| limit > 0));
        let file = fs::File::open("/proc/self/stat").unwrap();
        assert!(procs.holds(me, &format!("/proc/{me}/stat")).unwrap());
        drop(file);
    }
}
