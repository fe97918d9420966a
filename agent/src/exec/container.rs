//! One command in a container, to its end.
//!
//! It enters the container's namespaces by itself: the engine's own exec starts half a dozen programs for each command.
//! Where it cannot enter, the engine runs it.

use std::fs::File;
use std::io;
use std::thread;

use nix::sched::{CloneFlags, setns};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::process::{Bounds, attend, pipe};
use super::target::{Means, TargetError};
use crate::enter::program::SealedProgram;
use crate::host::engine::model::{ContainerId, ExecEnd, ExecRequest};
use crate::launcher::report::Token;
use crate::launcher::variables::marked;
use crate::shim::record::ProcessId;

/// Runs a command as the container's own: `process` is its first one.
pub(super) async fn run(
    means: &Means,
    id: &ContainerId,
    process: Option<ProcessId>,
    request: ExecRequest,
) -> Result<ExecEnd, TargetError> {
    if let (Some(program), Some(process)) = (&means.entrance, process) {
        match enter(program, id, process, request.clone()).await {
            Err(TargetError::NotEntered(why)) => tracing::info!(container = %id, why, "the engine runs the command"),
            done => return done,
        }
    }
    Ok(means.engine()?.exec(id, request).await?)
}

async fn enter(
    program: &SealedProgram,
    id: &ContainerId,
    process: ProcessId,
    request: ExecRequest,
) -> Result<ExecEnd, TargetError> {
    let token = Token::random();
    let mut command = Command::new(program.path());
    command.args(["enter", "--pid", &process.pid.to_string(), "--started", &process.start_ticks.to_string()]);
    command.args(["--container", id.as_str(), "--token", token.as_str(), "--"]).args(&request.argv);
    command.env_clear().envs(marked(request.env)).current_dir("/").kill_on_drop(true);
    pipe(&mut command, request.stdin.is_some());
    let child = spawn_among(process, command).await.map_err(|error| TargetError::NotEntered(error.to_string()))?;
    let bounds = Bounds { output_max_bytes: request.output_max_bytes, timeout: request.timeout };
    attend(child, &token, request.stdin, bounds).await
}

/// Starts a program in the process namespace of another process. That namespace holds for all later children of the
/// thread that asks for it, so the thread is one of this child's own.
async fn spawn_among(process: ProcessId, mut command: Command) -> io::Result<Child> {
    let (done, spawned) = oneshot::channel();
    let runtime = Handle::current();
    let mut spawn = move || {
        let _runtime = runtime.enter();
        let namespace = File::open(format!("/proc/{}/ns/pid", process.pid))?;
        setns(namespace, CloneFlags::CLONE_NEWPID)?;
        command.spawn()
    };
    // Nobody waits any more where the caller has gone; the child then ends with its handle.
    thread::Builder::new().name("enter".to_owned()).spawn(move || drop(done.send(spawn())))?;
    spawned.await.map_err(io::Error::other)?
}
