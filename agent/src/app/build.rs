//! Build: everything that runs, made of its parts.

use std::path::PathBuf;
use std::sync::Arc;

use throng_common::error_chain::chain;
use throng_common::ids::FleetId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::{AppError, system};
use crate::board::Board;
use crate::enter::program::SealedProgram;
use crate::host::engine::awaited::AwaitedEngine;
use crate::host::procs::table::Procs;
use crate::ledger::Ledger;
use crate::paths::Paths;
use crate::reconcile::effects::{Host, HostParts};
use crate::reconcile::task;
use crate::resources::cgroup::cgroups::Cgroups;
use crate::service::{AgentService, ServiceParts, make_exec};
use crate::shim::command::THIS_PROGRAM;
use crate::shim::record::boot_id;

/// Opens the ledger; one that was damaged is named in the log.
pub(super) fn ledger(paths: &Paths) -> Result<Arc<Ledger>, AppError> {
    let (ledger, aside) = Ledger::open(&paths.ledger())?;
    if let Some(aside) = aside {
        tracing::warn!(aside = %aside.display(), "the ledger was damaged: set aside, and a new one begun");
    }
    Ok(Arc::new(ledger))
}

/// The machine's own name.
pub(super) fn machine() -> Result<String, AppError> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").map_err(system("read the machine's name"))?;
    Ok(name.trim().to_owned())
}

/// The host. Its engine is not asked yet: one that is away is no reason not to begin.
pub(super) fn host(fleet: FleetId, paths: Paths, ledger: Arc<Ledger>, machine: String) -> Result<Arc<Host>, AppError> {
    std::fs::create_dir_all(paths.run_dir()).map_err(system("make the run directory"))?;
    let cgroups = Cgroups::discover();
    let cgroups = cgroups.inspect_err(|error| tracing::warn!(error = chain(error), "no limits for process nodes")).ok();
    let program = PathBuf::from(THIS_PROGRAM);
    let entrance = SealedProgram::seal(&program, &paths.sealing_place());
    let entrance = entrance.inspect_err(|error| tracing::warn!(%error, "the engine runs commands in containers")).ok();
    Ok(Arc::new(Host::new(HostParts {
        fleet,
        engine: Arc::new(AwaitedEngine::default()),
        paths,
        procs: Procs::default(),
        cgroups,
        ledger,
        boot_id: boot_id().map_err(system("read the boot's id"))?,
        machine,
        program,
        entrance: entrance.map(Arc::new),
    })))
}

/// The reconcile loop, begun, and the service in front of it.
pub(super) struct Work {
    pub(super) service: AgentService,
    pub(super) greeted: watch::Sender<bool>,
    /// Cancelled to end the loop, once nobody calls any more.
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// Begins to reconcile, and makes the service.
pub(super) fn work(
    host: Arc<Host>,
    host_id: throng_common::ids::HostId,
    shutdown: CancellationToken,
) -> Result<Work, AppError> {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let board = Arc::new(Board::default());
    let exec = make_exec(Arc::clone(&host), Arc::clone(&board));
    let reconcile = task::spawn(Arc::clone(&host), Arc::clone(&board), exec, &tasks, stop.clone())?;
    let greeted = watch::Sender::new(false);
    let parts = ServiceParts { host_id, host, board, reconcile, greeted: greeted.clone(), shutdown };
    Ok(Work { service: AgentService::new(parts), greeted, stop, tasks })
}
