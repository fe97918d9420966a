//! Run and drain.
//!
//! The order of the end, within [`DRAIN_DEADLINE`]:
//! 1. the link: no new calls, those under way are answered, the connection is closed;
//! 2. the reconcile loop, and the work on nodes that is under way;
//! 3. the status file, then the lock of the state directory.
//!
//! *Invariant:* nothing here ends a node. Nodes go on, and the next agent finds them again.

use std::sync::Arc;
use std::time::Duration;

use throng_common::ca_pin::CaPin;
use throng_common::ids::HostId;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::{AppError, system};
use super::{build, identity};
use crate::enrol::{Identity, IdentityStore, JoinToken, keep_renewed};
use crate::link::{self, LinkStatus, TlsDialer};
use crate::paths::Paths;
use crate::state_dir::lock::StateLock;
use crate::state_dir::status::{self, DaemonStatus};

/// How long the end may take: starts and stops under way are short, and the next agent looks at what they left.
const DRAIN_DEADLINE: Duration = Duration::from_secs(15);

/// What the agent is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The coordinator's address, `host:port`.
    pub coordinator: String,
    /// The pin of its CA.
    pub ca_pin: CaPin,
    /// This host's id.
    pub host: HostId,
    /// Where things lie.
    pub paths: Paths,
    /// For a host that has not joined yet.
    pub token: Option<JoinToken>,
}

/// Runs the agent until it is told to end, by its coordinator or by SIGTERM or SIGINT.
pub async fn run(options: Options) -> Result<(), AppError> {
    let _lock = StateLock::take(&options.paths)?;
    let listen = |kind| signal(kind).map_err(system("listen for signals"));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let ledger = build::ledger(&options.paths)?;
    let machine = build::machine()?;
    let identity = identity::obtain(&options, &ledger, &machine).await?;
    let host = build::host(identity.fleet().clone(), options.paths.clone(), ledger, machine)?;
    let shutdown = CancellationToken::new();
    let work = build::work(host, options.host.clone(), shutdown.clone())?;
    tracing::info!(host = %options.host, coordinator = options.coordinator, "the agent begins");

    tokio::join!(serve(&options, identity, &work, &shutdown), end_on_signal(&mut terminate, &mut interrupt, &shutdown),);
    drain(&work).await;
    status::remove(&options.paths);
    Ok(())
}

/// Keeps the link, the certificate and the status file until the agent is to end.
async fn serve(options: &Options, identity: Identity, work: &build::Work, shutdown: &CancellationToken) {
    let store = IdentityStore::new(&options.paths.identity_dir());
    let (identities, newest) = watch::channel(Arc::new(identity));
    let dialer = TlsDialer::new(newest);
    let status = watch::Sender::new(LinkStatus::Connecting { attempt: 0, problem: String::new() });
    let routes = || work.service.routes();
    tokio::join!(
        link::run(&dialer, routes, shutdown, &status),
        keep_renewed(&store, &identities, shutdown),
        tell(options, status.subscribe(), &work.greeted),
    );
}

/// Writes the status file at every change, until the link is closed.
async fn tell(options: &Options, mut link: watch::Receiver<LinkStatus>, greeted: &watch::Sender<bool>) {
    let mut hello = greeted.subscribe();
    loop {
        let (linked, problem) = match &*link.borrow_and_update() {
            LinkStatus::Connected => (true, None),
            LinkStatus::Connecting { problem, .. } => (false, Some(problem.clone()).filter(|text| !text.is_empty())),
            LinkStatus::Closed => return,
        };
        if !linked {
            greeted.send_if_modified(|greeted| std::mem::replace(greeted, false));
        }
        let connected = linked && *hello.borrow_and_update();
        let told = DaemonStatus {
            pid: std::process::id(),
            coordinator: options.coordinator.clone(),
            ca_pin: options.ca_pin,
            host: options.host.clone(),
            connected,
            problem,
        };
        if let Err(error) = status::write(&options.paths, &told) {
            tracing::warn!(%error, "the status file cannot be written");
        }
        // Both only wait for a newer value; their senders live as long as this.
        tokio::select! {
            _ = link.changed() => {}
            _ = hello.changed() => {}
        }
    }
}

async fn end_on_signal(terminate: &mut Signal, interrupt: &mut Signal, shutdown: &CancellationToken) {
    // All arms are cancel safe, and the first one ends the wait.
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: the agent ends"),
        _ = interrupt.recv() => tracing::info!("SIGINT: the agent ends"),
        () = shutdown.cancelled() => return,
    }
    shutdown.cancel();
}

/// Step 2 of the end: the loop, and what it began.
async fn drain(work: &build::Work) {
    work.stop.cancel();
    work.tasks.close();
    if tokio::time::timeout(DRAIN_DEADLINE, work.tasks.wait()).await.is_err() {
        let unfinished = work.tasks.len();
        tracing::warn!(unfinished, "work on nodes did not end in time: the next agent looks at what it left");
    }
    tracing::info!("the agent has ended; nodes go on");
}
