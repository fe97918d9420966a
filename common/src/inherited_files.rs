//! Files that whoever started a program left open for it: a lock, a pipe that somebody reads to its end.
//!
//! *Invariant:* with the agent's `enter/filter.rs` the one place of the project with `unsafe` code: a single system call.

#![expect(unsafe_code, reason = "no crate has a safe function for it")]

use std::io;

/// The number after that of standard error.
const FIRST_OTHER_FILE: libc::c_uint = 3;

/// Has every file but standard input, output and error closed when this process becomes another program, and so keeps them
/// from all that it starts: a daemon would hold them for as long as it runs.
///
/// # Errors
///
/// The kernel's; before Linux 5.11 it cannot.
pub fn keep_to_oneself() -> io::Result<()> {
    // SAFETY: the call takes three numbers and touches no memory; with this flag nothing is closed while this program
    // still runs.
    let marked =
        unsafe { libc::syscall(libc::SYS_close_range, FIRST_OTHER_FILE, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if marked == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_started_later_gets_none_of_them() {
        let file = File::open("/proc/self/status").unwrap();
        // Open for all that comes after, as a caller's lock is: a copy that `dup` makes.
        // SAFETY: the copy is a new number that nobody else knows, and stays open until the test ends.
        let left_open = unsafe { libc::dup(file.as_raw_fd()) };
        let sees =
            || Command::new("test").args(["-e", &format!("/proc/self/fd/{left_open}")]).status().unwrap().success();
        assert!(sees(), "it is handed down");
        keep_to_oneself().unwrap();
        assert!(!sees());
    }
}
