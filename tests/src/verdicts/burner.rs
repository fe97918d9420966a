//! Load that somebody else makes: programs of their own session each, so that the kernel gives every one of them a share of the
//! CPUs, as it gives every container.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Whatever becomes of the harness, they end after so many seconds.
const LIFE_SECONDS: &str = "90";

/// Programs that run for as long as it lives.
#[derive(Debug, Default)]
pub struct Burners(Vec<Child>);

impl Burners {
    /// Programs that do nothing but to use a CPU.
    pub fn cpu(count: u32) -> Self {
        Self((0..count).map(|_| start("while :; do :; done")).collect())
    }

    /// Programs that write to a file each and wait for the disk; always the same part of it.
    pub fn disk(folder: &Path) -> Self {
        let write = |number: u32| {
            let file = folder.join(format!("burner-{number}")).display().to_string();
            start(&format!("while :; do dd if=/dev/zero of='{file}' bs=1M count=64 oflag=direct conv=notrunc; done"))
        };
        Self((0..3).map(write).collect())
    }

    /// The process ids of their sessions.
    pub(super) fn sessions(&self) -> Vec<u32> {
        self.0.iter().map(Child::id).collect()
    }
}

/// A shell in a session of its own. `setsid` does not fork where it leads no group: the child is the session's leader.
fn start(script: &str) -> Child {
    let mut command = Command::new("setsid");
    command.args(["timeout", "--foreground", LIFE_SECONDS, "sh", "-c", script]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("setsid is part of every Linux")
}

impl Drop for Burners {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let group = Pid::from_raw(i32::try_from(child.id()).expect("process ids fit"));
            // One that has ended already has nothing left to kill.
            let _ = killpg(group, Signal::SIGKILL);
            let _ = child.wait();
        }
    }
}
