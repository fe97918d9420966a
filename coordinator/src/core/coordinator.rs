//! What the coordinator holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use throng_common::error_chain::chain;
use throng_common::ids::{ClusterId, Epoch, FleetId, HostId, OperationId};
use throng_common::status::UnixMillis;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::hosts::HostBook;
use super::reserved::Reservations;
use crate::authz::OperatorBook;
use crate::clock;
use crate::cluster::{ClusterRecord, LiveCluster};
use crate::content::ContentStore;
use crate::fleet::{Fleet, FleetError};
use crate::image::ImageShelf;
use crate::measure::Measurements;
use crate::operation::Operations;
use crate::paths::StateDir;
use crate::planner::render::RenderError;
use crate::store::{ClusterRow, NewEvent, Store, StoreError};

/// What can go wrong under the coordinator's roof.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// There is no such cluster.
    #[error("there is no cluster {0}: `throng status` lists those that there are")]
    NoCluster(String),
    /// Hosts hold it, and that is all that is known of it.
    #[error("the journal does not know {0}, which hosts still hold: `throng down --orphans` takes it down")]
    Unknown(String),
    /// There is none at all.
    #[error("no cluster is up: begin one with `throng up SCENARIO`")]
    NoneUp,
    /// There are several.
    #[error("several clusters are up ({0}): name one")]
    Several(String),
    /// The journal failed.
    #[error("{}", journal_failed(.0))]
    Store(#[from] StoreError),
    /// A document in the journal cannot be read.
    #[error("the journal's record of cluster {cluster} cannot be read")]
    Record {
        /// The cluster.
        cluster: ClusterId,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A host did not do it.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// A node's texts cannot be filled in.
    #[error(transparent)]
    Render(#[from] RenderError),
}

/// What failed, and what can be done about it where that is known.
fn journal_failed(error: &StoreError) -> &'static str {
    if error.is_full() {
        "the journal could not be written: is there room in the state directory?"
    } else {
        "the journal failed"
    }
}

impl CoreError {
    /// Whether it is about a host that is or was away.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Fleet(error) if error.is_away())
    }
}

/// What the coordinator holds. Shared by its tasks.
#[derive(Debug)]
pub struct Core {
    /// The fleet's id.
    pub fleet_id: FleetId,
    /// The number of this life.
    pub epoch: Epoch,
    /// Since when it lives.
    pub started: UnixMillis,
    /// Its state directory.
    pub state: StateDir,
    /// Its journal.
    pub store: Store,
    /// What scripts and programs read.
    pub contents: ContentStore,
    /// The images that scripts built.
    pub images: ImageShelf,
    /// Held while a script builds an image: they are heavy, and two may want the same.
    pub building: tokio::sync::Mutex<()>,
    /// The agents' links.
    pub fleet: Fleet,
    /// What is known of hosts.
    pub hosts: HostBook,
    /// What runs record of hosts and nodes.
    pub measurements: Measurements,
    /// Plans in the making.
    pub reservations: Arc<Reservations>,
    /// Long-running commands.
    pub operations: Operations,
    /// Its tasks.
    pub tasks: TaskTracker,
    /// Ends it.
    pub stop: CancellationToken,
    /// What a person should know of the coordinator itself.
    pub warnings: Vec<String>,
    /// The certificates that are good.
    pub operators: OperatorBook,
    clusters: Mutex<BTreeMap<ClusterId, Arc<LiveCluster>>>,
}

/// What a coordinator is made of.
#[derive(Debug)]
pub struct CoreParts {
    /// The fleet's id.
    pub fleet_id: FleetId,
    /// The number of this life.
    pub epoch: Epoch,
    /// Its state directory.
    pub state: StateDir,
    /// Its journal.
    pub store: Store,
    /// The agents' links.
    pub fleet: Fleet,
    /// Ends it.
    pub stop: CancellationToken,
    /// What a person should know of the coordinator itself.
    pub warnings: Vec<String>,
    /// The certificates that are good.
    pub operators: OperatorBook,
}

impl Core {
    /// A coordinator that knows what its journal knows, also of operations that were under way: they are there, and wait
    /// for whoever goes on with them. Clusters that cannot be read are reported and left: they can
    /// still be torn down from what is really there.
    pub async fn open(parts: CoreParts) -> Result<Arc<Self>, CoreError> {
        let stored = parts.store.list_clusters().await?;
        let mut clusters = BTreeMap::new();
        for row in stored {
            let row = match row {
                Ok(row) => row,
                Err(error) => {
                    tracing::error!(error = chain(&error), "the journal's record cannot be read");
                    continue;
                }
            };
            match serde_json::from_str::<ClusterRecord>(&row.record) {
                Ok(record) => drop(clusters.insert(row.cluster, Arc::new(LiveCluster::new(record)))),
                Err(error) => tracing::error!(cluster = %row.cluster, %error, "the journal's record cannot be read"),
            }
        }
        remove_strays(&parts.state, &clusters);
        let operations = Operations::default();
        for record in parts.store.list_operations().await? {
            let id = record.operation.clone();
            if let Err(error) = operations.take_up(record, parts.epoch) {
                tracing::error!(operation = %id, %error, "the journal's record cannot be read");
                parts.store.delete_operation(id).await?;
            }
        }
        let images = ImageShelf::new(parts.state.images_dir());
        images.sweep();
        Ok(Arc::new(Self {
            fleet_id: parts.fleet_id,
            epoch: parts.epoch,
            started: clock::now(),
            contents: ContentStore::new(parts.state.contents_dir()),
            images,
            building: tokio::sync::Mutex::default(),
            state: parts.state,
            store: parts.store,
            fleet: parts.fleet,
            hosts: HostBook::default(),
            measurements: Measurements::default(),
            reservations: Arc::default(),
            operations,
            tasks: TaskTracker::new(),
            stop: parts.stop,
            warnings: parts.warnings,
            operators: parts.operators,
            clusters: Mutex::new(clusters),
        }))
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<ClusterId, Arc<LiveCluster>>> {
        // Every change is a single insert or remove: a panic elsewhere leaves the map sound.
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All clusters.
    pub fn clusters(&self) -> Vec<Arc<LiveCluster>> {
        self.map().values().cloned().collect()
    }

    /// A cluster by its id.
    pub fn cluster(&self, id: &ClusterId) -> Option<Arc<LiveCluster>> {
        self.map().get(id).cloned()
    }

    /// The cluster that is meant: by its id, by its scenario's name where that is clear, or the only one.
    pub fn find(&self, text: &str) -> Result<Arc<LiveCluster>, CoreError> {
        let map = self.map();
        let matching: Vec<&Arc<LiveCluster>> = map
            .iter()
            .filter(|(id, cluster)| {
                text.is_empty() || id.as_str() == text || cluster.record().scenario.scenario.name.as_str() == text
            })
            .map(|(_, cluster)| cluster)
            .collect();
        match matching[..] {
            [one] => Ok(Arc::clone(one)),
            [] if text.is_empty() => Err(CoreError::NoneUp),
            [] if self.hosts.unknown().iter().any(|id| id.as_str() == text) => Err(CoreError::Unknown(text.to_owned())),
            [] => Err(CoreError::NoCluster(text.to_owned())),
            _ => Err(CoreError::Several(
                matching.iter().map(|c| c.record().id.to_string()).collect::<Vec<_>>().join(", "),
            )),
        }
    }

    /// Takes a new cluster in: it is in the journal when this returns.
    pub async fn add(&self, record: ClusterRecord) -> Result<Arc<LiveCluster>, CoreError> {
        let id = record.id.clone();
        let cluster = Arc::new(LiveCluster::new(record));
        self.journal(&cluster).await?;
        self.map().insert(id, Arc::clone(&cluster));
        Ok(cluster)
    }

    /// Writes a cluster as it stands to the journal, unless it was forgotten meanwhile. One at a time: what is written later
    /// is newer.
    pub async fn journal(&self, cluster: &LiveCluster) -> Result<(), CoreError> {
        let is_forgotten = cluster.journalling().await;
        if *is_forgotten {
            return Ok(());
        }
        let record = cluster.record();
        let json = serde_json::to_string(record.as_ref());
        let json = json.map_err(|source| CoreError::Record { cluster: record.id.clone(), source })?;
        let row = ClusterRow { cluster: record.id.clone(), created: record.created, record: json };
        Ok(self.store.save_cluster(row).await?)
    }

    /// Forgets a cluster of which nothing is left. One that stays in the journal stays here: it can be taken down again,
    /// and would come back with the next life.
    pub async fn remove(&self, id: &ClusterId) -> Result<(), CoreError> {
        if let Some(cluster) = self.cluster(id) {
            let mut is_forgotten = cluster.journalling().await;
            self.store.delete_cluster(id.clone()).await?;
            *is_forgotten = true;
        }
        self.map().remove(id);
        Ok(())
    }

    /// Notes something in the event log. The log is for people: that it could not be written stops nothing.
    pub async fn note(
        &self,
        cluster: Option<&ClusterId>,
        subject: impl ToString,
        kind: &str,
        message: impl Into<String>,
    ) {
        let event = NewEvent {
            at: clock::now(),
            cluster: cluster.cloned(),
            subject: subject.to_string(),
            kind: kind.to_owned(),
            message: message.into(),
        };
        self.write_down(vec![event]).await;
    }

    /// Writes down what happened.
    pub(super) async fn write_down(&self, events: Vec<NewEvent>) {
        if events.is_empty() {
            return;
        }
        if let Err(error) = self.store.append_events(events).await {
            tracing::error!(%error, "what happened could not be written down");
        }
    }

    /// Asks an operation to stop, also in the lives to come; false where there is none of this id.
    pub async fn cancel(&self, id: &OperationId) -> bool {
        let known = self.operations.cancel(id);
        if known && let Err(error) = self.store.cancel_operation(id.clone()).await {
            tracing::warn!(operation = %id, error = chain(&error), "that it is to stop is not in the journal");
        }
        known
    }

    /// The hosts that hold nodes of a cluster, or held some.
    pub fn hosts_of(cluster: &LiveCluster) -> Vec<HostId> {
        cluster.record().hosts()
    }
}

/// Removes what is kept of scenarios whose clusters the journal does not know: left by a coordinator that died, or of a
/// journal that was lost. While they lie there, agents take their clusters for this coordinator's.
fn remove_strays(state: &StateDir, known: &BTreeMap<ClusterId, Arc<LiveCluster>>) {
    for entry in std::fs::read_dir(state.clusters_dir()).into_iter().flatten().flatten() {
        let is_known = entry
            .file_name()
            .to_str()
            .is_some_and(|name| known.keys().any(|id| id.as_str() == name.split('.').next().unwrap_or(name)));
        if !is_known && let Err(error) = std::fs::remove_dir_all(entry.path()) {
            tracing::warn!(path = %entry.path().display(), %error, "a folder that no cluster needs could not be removed");
        }
    }
}
