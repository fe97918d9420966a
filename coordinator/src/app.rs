//! Build, run, drain: the life of the coordinator.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use throng_common::ca_pin::CaPin;
use throng_proto::operator::enrolment_server::EnrolmentServer;
use throng_proto::operator::throng_server::ThrongServer;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::api::{ApiParts, ApiService};
use crate::authz::OperatorBook;
use crate::clock;
use crate::core::{Core, CoreError, CoreParts};
use crate::fleet::{EnrolmentService, Fleet};
use crate::listener::{Listener, ListenerError, Served, with_standard_services};
use crate::paths::{LockError, StateDir, StateDirError, StateLock};
use crate::pki::{Authority, PkiError, ServerTls, fleet_of};
use crate::recovery::recover;
use crate::rollout;
use crate::store::{Store, StoreError};

/// How long tasks may take to end before the coordinator goes all the same.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// Bundles hold a scenario's files: far more than gRPC's 4 MiB.
const REQUEST_MAX_BYTES: usize = 128 << 20;

/// Why the coordinator could not live.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Its state directory.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// Another one uses it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Its journal.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its certificates.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// Its port and socket.
    #[error(transparent)]
    Listener(#[from] ListenerError),
    /// What it knows.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// Reflection could not be built.
    #[error("the reflection service could not be made")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// What the coordinator is told.
#[derive(Debug, Clone)]
pub struct AppOptions {
    /// Its state directory.
    pub state: StateDir,
    /// Where it listens; none: 127.0.0.1 and the kept port.
    pub listen: Option<SocketAddr>,
}

/// A coordinator whose port and socket are bound and that does not run yet.
#[derive(Debug)]
pub struct App {
    core: Arc<Core>,
    listener: Listener,
    ca_pin: CaPin,
    served: Served,
    routes: Routes,
    /// Held for as long as it lives.
    _lock: StateLock,
}

impl App {
    /// Builds: everything that can fail does so here, before anything runs.
    pub async fn build(options: AppOptions, stop: CancellationToken) -> Result<Self, AppError> {
        let AppOptions { state, listen } = options;
        state.create()?;
        let lock = StateLock::take(&state)?;
        let (store, aside) = Store::open_or_set_aside(&state.database(), clock::now())?;
        let life = store.begin_life(fleet_of(&state)?, clock::now()).await?;
        let warnings = recover(&store, &state, &life, aside).await?;
        let operators = store.list_operators().await?.into_iter().map(|record| record.serial);
        let operators = OperatorBook::new(operators);
        let now = SystemTime::now();
        let authority = Arc::new(Authority::open(&state, &life.fleet, now)?);
        let ca_pin = authority.ca_pin();
        let fleet = Fleet::new(life.fleet.clone(), life.epoch);
        let listener = Listener::bind(&state, listen)?;
        let address = listener.address();
        let tls = ServerTls::new(&authority, &["throng".to_owned(), address.ip().to_string()], now)?;
        let parts = CoreParts {
            fleet_id: life.fleet.clone(),
            epoch: life.epoch,
            state,
            store: store.clone(),
            fleet: fleet.clone(),
            stop,
            warnings,
            operators: operators.clone(),
        };
        let core = Core::open(parts).await?;
        let enrolment = EnrolmentService::new(Arc::clone(&authority), store.clone());
        let api =
            ApiService::new(ApiParts { core: Arc::clone(&core), authority, enrolment: enrolment.clone(), address });
        let routes = Routes::new(ThrongServer::new(api).max_decoding_message_size(REQUEST_MAX_BYTES))
            .add_service(EnrolmentServer::new(enrolment));
        let routes = with_standard_services(routes).await?;
        let served = Served { tls, fleet_id: life.fleet, fleet, store, readmits_hosts: life.rebuilt, operators };
        Ok(Self { core, listener, ca_pin, served, routes, _lock: lock })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// By what an agent that has not joined knows it.
    pub fn ca_pin(&self) -> CaPin {
        self.ca_pin
    }

    /// Runs until it is told to stop, then drains in this order:
    ///
    /// 1. operations are left as they are: the next coordinator goes on with them;
    /// 2. the listener ends, calls under way get their time;
    /// 3. the links to agents are closed; agents go on without the coordinator;
    /// 4. tasks end, within [`DRAIN_DEADLINE`];
    /// 5. the journal is closed.
    pub async fn run(self) -> Result<(), AppError> {
        let core = self.core;
        core.tasks.spawn(Arc::clone(&core).keep_sessions());
        rollout::go_on(&core);
        let served = self.listener.serve(self.served, self.routes, core.stop.clone()).await;
        core.stop.cancel();
        core.fleet.close().await;
        core.tasks.close();
        if tokio::time::timeout(DRAIN_DEADLINE, core.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = core.tasks.len(), "some tasks did not end in time");
        }
        core.store.close().await;
        Ok(served?)
    }
}
