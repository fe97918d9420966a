//! Waiting for the end of a process that is no child of ours: the kernel tells it, nobody asks again and again.

use std::io;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::net::unix::pipe::Receiver;
use tokio::time::timeout;

/// The end of one process, whoever gets its id later.
#[derive(Debug)]
pub struct ProcessEnd {
    /// None: it has come already.
    process: Option<Receiver>,
}

impl ProcessEnd {
    /// The end of the process that has this id now. Taken before a signal is sent, it cannot be another one's.
    pub fn of(pid: u32) -> io::Result<Self> {
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(Self { process: None }) };
        match pidfd_open(pid, PidfdFlags::empty()) {
            // No pipe, and never read: of the runtime's own types, this is the one that only waits to be readable.
            Ok(process) => Ok(Self { process: Some(Receiver::from_owned_fd_unchecked(process)?) }),
            Err(Errno::SRCH) => Ok(Self { process: None }),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends this very process a signal; whether it was still there to get it.
    pub fn signal(&self, number: i32) -> io::Result<bool> {
        let Some(process) = &self.process else { return Ok(false) };
        let signal = Signal::from_named_raw(number).ok_or(io::ErrorKind::InvalidInput)?;
        match pidfd_send_signal(process, signal) {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for it, for so long at the most; whether it came. One that only waits to be reaped has ended.
    pub async fn within(&self, limit: Duration) -> bool {
        match &self.process {
            None => true,
            Some(process) => timeout(limit, process.readable()).await.is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn the_end_of_a_process_is_told_when_it_comes_and_not_before() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let early = ProcessEnd::of(child.id()).unwrap();
        assert!(!early.within(Duration::from_millis(50)).await, "it runs");
        let end = ProcessEnd::of(child.id()).unwrap();
        assert!(end.signal(9).unwrap(), "it was there to be killed");
        assert!(end.within(LONG).await, "it was killed, and nobody has reaped it yet");
        child.wait().unwrap();
        assert!(!end.signal(9).unwrap(), "whoever has its id now gets nothing");
        assert!(ProcessEnd::of(child.id()).unwrap().within(Duration::ZERO).await, "nobody has that id any more");
    }
}
