//! A listener with its authority, store and fleet, in a state directory of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use throng::authz::{Caller, OperatorBook};
use throng::fleet::{EnrolmentService, Fleet};
use throng::listener::{Listener, Served, with_standard_services};
use throng::paths::{StateDir, StateEnvironment};
use throng::pki::{Authority, ServerTls};
use throng::store::{HostRecord, Store};
use throng_common::ids::HostId;
use throng_common::status::UnixMillis;
use throng_proto::operator::enrolment_server::EnrolmentServer;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

pub(crate) const DAY: Duration = Duration::from_hours(24);

pub(crate) struct Port {
    pub(crate) state: StateDir,
    pub(crate) authority: Arc<Authority>,
    pub(crate) store: Store,
    pub(crate) fleet: Fleet,
    pub(crate) enrolment: EnrolmentService,
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) operators: OperatorBook,
    _folder: tempfile::TempDir,
}

pub(crate) fn state_in(folder: &tempfile::TempDir) -> StateDir {
    let flag = Some(folder.path().join("state"));
    let state = StateDir::resolve(&StateEnvironment { flag, ..StateEnvironment::default() }).unwrap();
    state.create().unwrap();
    state
}

impl Port {
    /// Serves joining, health and reflection; every other RPC answers UNIMPLEMENTED once it got past the table.
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = state_in(&folder);
        let store = Store::open(&state.database()).unwrap();
        let life = store.begin_life(None, UnixMillis(1)).await.unwrap();
        let authority = Arc::new(Authority::open(&state, &life.fleet, SystemTime::now()).unwrap());
        let fleet = Fleet::new(life.fleet.clone(), life.epoch);
        let enrolment = EnrolmentService::new(authority.clone(), store.clone());
        let listener = Listener::bind(&state, None).unwrap();
        let address = listener.address();
        let shutdown = CancellationToken::new();
        let operators = OperatorBook::default();
        let served = Served {
            tls: ServerTls::new(&authority, &[], SystemTime::now()).unwrap(),
            fleet_id: life.fleet,
            fleet: fleet.clone(),
            store: store.clone(),
            readmits_hosts: false,
            operators: operators.clone(),
        };
        let routes = Routes::new(EnrolmentServer::new(enrolment.clone()));
        let routes = with_standard_services(routes).await.unwrap();
        tokio::spawn(listener.serve(served, routes, shutdown.clone()));
        Self { state, authority, store, fleet, enrolment, address, shutdown, operators, _folder: folder }
    }

    /// An authority of the same fleet's name with another key.
    pub(crate) fn impostor(&self) -> Authority {
        let folder = tempfile::tempdir().unwrap();
        Authority::open(&state_in(&folder), self.authority.fleet(), SystemTime::now()).unwrap()
    }

    /// Makes a host known, as joining does.
    pub(crate) async fn know(&self, host: &HostId) {
        let caller = Caller::anonymous("127.0.0.1".to_owned());
        let record = HostRecord {
            host: host.clone(),
            hostname: host.to_string(),
            address: caller.origin,
            certificate_serial: "00".to_owned(),
            first_seen: UnixMillis(1),
            last_enrolled: UnixMillis(1),
        };
        self.store.save_host(record).await.unwrap();
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
