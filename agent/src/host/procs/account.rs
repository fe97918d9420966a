//! What a process has used, as the kernel accounts for it.

use std::io;

use super::table::{self, ProcStat, Procs};

/// What a process has used since it began, and holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The short name of its program.
    pub name: String,
    /// Its parent, and when it began.
    pub stat: ProcStat,
    /// CPU time of all its threads, in clock ticks.
    pub own_ticks: u64,
    /// CPU time of its children that it has seen end, and of theirs, in clock ticks.
    pub children_ticks: u64,
    /// Pages that it holds in memory, shared ones too.
    pub resident_pages: u64,
    /// Read from disks and given to be written, in bytes, that of children that it has seen end included.
    pub io_bytes: u64,
}

impl Procs {
    /// What a process has used. Two files; input and output need root for others' processes, and count nothing without.
    pub fn account(&self, pid: u32) -> io::Result<Account> {
        let odd = || io::Error::new(io::ErrorKind::InvalidData, format!("odd stat of process {pid}"));
        let account = parse_stat(&self.text(pid, "stat")?).ok_or_else(odd)?;
        let io_bytes = self.text(pid, "io").map_or(0, |text| parse_io(&text));
        Ok(Account { io_bytes, ..account })
    }
}

/// Fields of the file, counted from 1: the four CPU times are 14 to 17, resident pages 24.
pub(super) fn parse_stat(text: &str) -> Option<Account> {
    let (before, after) = text.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Account {
        name: name.to_owned(),
        stat: table::parse_stat(text)?,
        own_ticks: number(14)? + number(15)?,
        children_ticks: number(16)? + number(17)?,
        resident_pages: number(24)?,
        io_bytes: 0,
    })
}

fn parse_io(text: &str) -> u64 {
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.and_then(|value| value.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    let cancelled = field("cancelled_write_bytes");
    field("read_bytes") + field("write_bytes").saturating_sub(cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_whatever_the_programs_name() {
        let text = "77 (a (b) c) S 5 76 77 0 -1 4194560 1 0 0 0 11 22 33 44 20 0 1 0 4242 1000 7 3";
        let account = parse_stat(text).unwrap();
        assert_eq!((account.name.as_str(), account.stat.parent, account.stat.start_ticks), ("a (b) c", 5, 4242));
        assert_eq!((account.own_ticks, account.children_ticks, account.resident_pages), (33, 77, 7));
        assert_eq!(parse_stat("77 (x"), None);
    }

    #[test]
    fn what_was_written_and_thrown_away_again_does_not_count() {
        assert_eq!(parse_io("rchar: 9\nread_bytes: 100\nwrite_bytes: 50\ncancelled_write_bytes: 20\n"), 130);
        assert_eq!(parse_io(""), 0);
    }

    #[test]
    fn this_process_has_used_something() {
        let account = Procs::default().account(std::process::id()).unwrap();
        assert!(account.resident_pages > 0 && account.stat.start_ticks > 0 && account.stat.parent > 0, "{account:?}");
    }
}
