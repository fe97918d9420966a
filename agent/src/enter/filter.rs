//! The seccomp filters of another process, as the kernel has them, and other calls for which there is no safe function.
//!
//! *Invariant:* with `inherited_files` the one place of the project with `unsafe` code. Each block is a single system
//! call whose memory is owned here.

#![expect(unsafe_code, reason = "the kernel gives a process's filters only through ptrace, and no crate calls that")]

use std::ptr;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use seccompiler::{BpfProgram, sock_filter};

use super::error::{EnterError, step};

/// The request of ptrace(2), which libc does not name.
const PTRACE_SECCOMP_GET_FILTER: libc::c_uint = 0x420c;
/// The operation of keyctl(2) that begins a session keyring.
const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
/// Most filters of a process: each more makes every system call slower.
const FILTERS_MAX: usize = 32;
/// How long other tracers may hold the process: a command that enters at the same moment takes a millisecond, and on a
/// loaded host dozens of them take seconds.
const TRACER_DEADLINE: Duration = Duration::from_secs(10);
const TRACER_RETRY: Duration = Duration::from_millis(1);
/// How long it may take to stop, and how often it is looked at: it does so at once, where it is not frozen.
const STOP_DEADLINE: Duration = Duration::from_secs(1);
const STOP_LOOK: Duration = Duration::from_micros(50);

/// The filters of a process of this very process namespace, the oldest first. It is stopped for the moment that takes.
/// `is_it` says, once it is held, whether it is the right one.
pub(super) fn filters_of(
    pid: i32,
    is_it: impl FnOnce() -> Result<bool, EnterError>,
) -> Result<Vec<BpfProgram>, EnterError> {
    let pid = Pid::from_raw(pid);
    seize(pid)?;
    let stopped = stop(pid);
    // A signal that was on its way to it must get there all the same.
    let signal = stopped.as_ref().ok().copied().flatten();
    let read = stopped.and_then(|_| if is_it()? { read_all(pid) } else { Err(EnterError::Gone) });
    // One that has ended meanwhile cannot be let go of, and need not be.
    let _ = ptrace::detach(pid, signal);
    read
}

/// A process has one tracer at a time.
fn seize(pid: Pid) -> Result<(), EnterError> {
    let deadline = Instant::now() + TRACER_DEADLINE;
    loop {
        match ptrace::seize(pid, ptrace::Options::empty()) {
            Err(Errno::EPERM) if Instant::now() < deadline => std::thread::sleep(TRACER_RETRY),
            done => return done.map_err(step("look at its first process")),
        }
    }
}

/// Stops it; the signal that it was about to get, if any.
fn stop(pid: Pid) -> Result<Option<Signal>, EnterError> {
    ptrace::interrupt(pid).map_err(step("stop its first process for a moment"))?;
    let deadline = Instant::now() + STOP_DEADLINE;
    loop {
        match waitpid(pid, Some(WaitPidFlag::WNOHANG)).map_err(step("wait for its first process"))? {
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => return Err(EnterError::Gone),
            WaitStatus::Stopped(_, signal) => return Ok(Some(signal)),
            WaitStatus::PtraceEvent(..) | WaitStatus::PtraceSyscall(_) => return Ok(None),
            WaitStatus::Continued(_) | WaitStatus::StillAlive if Instant::now() < deadline => {
                std::thread::sleep(STOP_LOOK);
            }
            // One that is frozen does not stop.
            WaitStatus::Continued(_) | WaitStatus::StillAlive => {
                return Err(EnterError::Unknown { what: "a first process that cannot be looked at" });
            }
        }
    }
}

fn read_all(pid: Pid) -> Result<Vec<BpfProgram>, EnterError> {
    let mut filters = Vec::new();
    // The kernel counts from the newest.
    while let Some(filter) = read(pid, filters.len())? {
        filters.push(filter);
        if filters.len() > FILTERS_MAX {
            return Err(EnterError::Unknown { what: "more seccomp filters than are looked for" });
        }
    }
    filters.reverse();
    Ok(filters)
}

/// A filter by its number; none where there are no more.
fn read(pid: Pid, number: usize) -> Result<Option<BpfProgram>, EnterError> {
    let ask = |buffer: *mut sock_filter| {
        // SAFETY: with a null buffer the kernel writes nothing and gives the number of instructions; else the buffer
        // holds as many of them as it has just given, and filters never change.
        let length = unsafe {
            libc::ptrace(
                PTRACE_SECCOMP_GET_FILTER,
                pid.as_raw(),
                ptr::without_provenance_mut::<libc::c_void>(number),
                buffer,
            )
        };
        Errno::result(length)
    };
    let failed = step("read the seccomp filter of its first process");
    let length = match ask(ptr::null_mut()) {
        Err(Errno::ENOENT) => return Ok(None),
        length => usize::try_from(length.map_err(&failed)?).unwrap_or_default(),
    };
    let mut filter = vec![sock_filter { code: 0, jt: 0, jf: 0, k: 0 }; length];
    ask(filter.as_mut_ptr()).map_err(&failed)?;
    Ok(Some(filter))
}

/// Leaves the agent's session keyring for one of its own, as the engine's exec does.
pub(super) fn leave_session_keyring() -> Result<(), EnterError> {
    // SAFETY: the operation takes a null pointer for a keyring without a name, and touches no memory.
    let joined = unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, ptr::null::<libc::c_char>()) };
    match Errno::result(joined) {
        // A kernel without keyrings.
        Ok(_) | Err(Errno::ENOSYS) => Ok(()),
        Err(error) => Err(step("leave the agent's keyring")(error)),
    }
}
