//! A disk that takes its time: every write that a daemon waits for comes to the disk later, by the kernel's own tracing.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::programs::{repository, script};
use crate::wait::wait_for;

/// How long until all threads of a process are traced.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(10);

/// Processes whose disk is slow. It is as it was when this value ends.
#[derive(Debug)]
pub struct SlowDisk {
    tracer: Child,
}

impl SlowDisk {
    /// From now on each `fsync` and `fdatasync` of these processes, threads that are yet to come included, takes longer by
    /// this.
    pub fn begin(pids: &[i32], delay: Duration) -> Self {
        script("scripts/unpack-packages", &["build/strace", "strace"]);
        let mut command = Command::new(repository().join("build/strace/bin/strace"));
        let delays = format!("--inject=fsync,fdatasync:delay_enter={}", delay.as_micros());
        command.args(["-f", "-qq", "-o", "/dev/null", "--trace=fsync,fdatasync", &delays]);
        command.args(pids.iter().flat_map(|pid| ["-p".to_owned(), pid.to_string()]));
        let tracer = command.stdin(Stdio::null()).spawn().expect("the unpacked strace can be started");
        for pid in pids {
            wait_for("the daemon is traced", ATTACH_TIMEOUT, || {
                let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
                if status.contains(&format!("TracerPid:\t{}\n", tracer.id())) { Ok(()) } else { Err(status) }
            });
        }
        Self { tracer }
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        // It lets go of what it traces, and a killed one does not always.
        let pid = Pid::from_raw(i32::try_from(self.tracer.id()).expect("the kernel's ids fit"));
        let _ = kill(pid, Signal::SIGTERM);
        let _ = self.tracer.wait();
    }
}
