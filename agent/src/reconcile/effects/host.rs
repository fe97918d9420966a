//! All that the work needs of the host.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use throng_common::error_chain::chain;
use throng_common::ids::{FleetId, Generation};
use throng_common::scenario::model::PullPolicy;
use throng_common::status::{Reason, ReasonKind};
use throng_failpoints::{Point, hit};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use super::super::command::{ActOutcome, Job, Key};
use super::super::node_state::{Action, Presence, Strays};
use super::engine::{EngineTraits, Outage, engine_failure};
use super::turns::Turns;
use crate::enter::program::SealedProgram;
use crate::host::engine::api::Engine;
use crate::host::engine::ends::Ends;
use crate::host::engine::model::Pull;
use crate::host::mounts::table::Device;
use crate::host::procs::table::Procs;
use crate::ledger::Ledger;
use crate::logs::followers::Followers;
use crate::paths::Paths;
use crate::resources::cgroup::cgroups::Cgroups;
use crate::resources::cgroup::plan::Knob;
use crate::resources::image::ensure::ImageError;

/// What a host is made of.
pub struct HostParts {
    /// The fleet that it belongs to.
    pub fleet: FleetId,
    /// The container engine; it may be away.
    pub engine: Arc<dyn Engine>,
    /// Where things lie.
    pub paths: Paths,
    /// The process table.
    pub procs: Procs,
    /// Control groups; none where the host gives none.
    pub cgroups: Option<Cgroups>,
    /// The ledger.
    pub ledger: Arc<Ledger>,
    /// This boot.
    pub boot_id: String,
    /// The machine's own name.
    pub machine: String,
    /// This agent's own file, from which shims are started.
    pub program: std::path::PathBuf,
    /// The same, sealed, from which commands enter containers; none where it could not be sealed.
    pub entrance: Option<Arc<SealedProgram>>,
}

/// Nodes to which something is done at once so that they end. A burst of it can wedge some engines for good, four at a
/// time never did.
const TURNS: usize = 4;

const NO_LIMITS: &str = "no control group of this host gives them; mount the controllers, or leave the limits out";

/// Containers whose end is looked into at once, with an inspect and a log each: hundreds may end together.
const LOOKS: usize = 8;

/// An image that was asked for: asked once, however many nodes wait for it.
type ImageCell = Arc<OnceCell<()>>;

/// The real host.
pub struct Host {
    pub(super) parts: HostParts,
    images: Mutex<BTreeMap<(String, Generation), ImageCell>>,
    /// The generation that is worked for.
    generation: AtomicU64,
    turns: Semaphore,
    looks: Semaphore,
    followers: Followers,
    known: Mutex<KnownOfEngine>,
    /// Starts that the engine works on.
    pub(super) starts: Turns,
    /// Ends that it has still to tell.
    pub(super) ends: Arc<Ends>,
    /// Nodes of which a prepare container may be there; of others too until the engine has listed what it has.
    prepares: Mutex<BTreeSet<Key>>,
    listed: AtomicBool,
    /// Limits that process nodes were to have and have not.
    unlimited: Mutex<BTreeMap<Key, BTreeSet<Knob>>>,
    /// Ramdisks that this life of the agent has found mounted as they should be.
    ramdisks: Mutex<BTreeMap<Key, Vec<(PathBuf, Device)>>>,
}

/// What is remembered of the engine.
#[derive(Debug, Default)]
pub(super) struct KnownOfEngine {
    /// None: it was not asked since it came, or came back.
    pub(super) traits: Option<EngineTraits>,
    /// When it was last away; none: never since this agent began.
    pub(super) outage: Option<Outage>,
}

/// Why a piece of work failed, with what there is of the node now, where that is known.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: Reason,
    pub(super) presence: Option<Box<Presence>>,
    pub(super) strays: Option<Strays>,
}

impl Failure {
    /// One that says nothing of what there is.
    pub(super) fn of(reason: Reason) -> Self {
        Self { reason, presence: None, strays: None }
    }

    pub(super) fn new(kind: ReasonKind, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::of(Reason::new(kind, chain(error)))
    }

    pub(super) fn text(kind: ReasonKind, message: impl Into<String>) -> Self {
        Self::of(Reason::new(kind, message))
    }

    pub(super) fn leaving(self, presence: Presence) -> Self {
        Self { presence: Some(Box::new(presence)), ..self }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("fleet", &self.parts.fleet).finish_non_exhaustive()
    }
}

impl Host {
    /// A host made of these.
    pub fn new(parts: HostParts) -> Self {
        Self {
            parts,
            images: Mutex::default(),
            generation: AtomicU64::new(0),
            turns: Semaphore::new(TURNS),
            looks: Semaphore::new(LOOKS),
            followers: Followers::default(),
            known: Mutex::default(),
            starts: Turns::default(),
            ends: Arc::default(),
            prepares: Mutex::default(),
            listed: AtomicBool::new(false),
            unlimited: Mutex::default(),
            ramdisks: Mutex::default(),
        }
    }

    /// Ends that the engine has still to tell.
    pub fn ends(&self) -> &Arc<Ends> {
        &self.ends
    }

    /// Logs that are followed through the engine.
    pub fn followers(&self) -> &Followers {
        &self.followers
    }

    /// Its parts.
    pub fn parts(&self) -> &HostParts {
        &self.parts
    }

    /// The generation that is worked for from now on.
    pub fn set_generation(&self, generation: Generation) {
        self.generation.store(generation.0, Ordering::Relaxed);
    }

    pub(super) fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Relaxed))
    }

    /// Works on a node.
    pub async fn act(self: &Arc<Self>, job: Job) -> ActOutcome {
        let done = match (&job.wanted, job.action) {
            (Some(_), Action::Start | Action::Replace) => self.start(&job).await,
            (_, Action::Stop) => self.stop(&job).await.map(ActOutcome::Stopped),
            (None, _) | (Some(_), Action::Remove) => self.remove(&job).await.map(|()| ActOutcome::Removed),
        };
        done.unwrap_or_else(|failure| {
            tracing::warn!(node = %job.key, action = ?job.action, reason = %failure.reason, "could not be done");
            let Failure { reason, presence, strays } = failure;
            ActOutcome::Failed { reason, presence: presence.map(|presence| *presence), strays }
        })
    }

    /// Waits until it is this one's turn to end something. Not to be held while a node may take its time.
    pub(super) async fn turn(&self) -> SemaphorePermit<'_> {
        self.turns.acquire().await.expect("the semaphore is never closed")
    }

    pub(super) fn known(&self) -> MutexGuard<'_, KnownOfEngine> {
        // Every change is a single assignment: sound after a panic elsewhere.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is this one's turn to look at a container that has ended.
    pub(super) async fn look_turn(&self) -> SemaphorePermit<'_> {
        self.looks.acquire().await.expect("the semaphore is never closed")
    }

    /// The engine has listed what it has: from then on every prepare container is known that an agent before this one left.
    pub(super) fn has_listed(&self) {
        self.listed.store(true, Ordering::Relaxed);
    }

    /// Whether a prepare container of a node may be there.
    pub(super) fn may_have_prepare(&self, key: &Key) -> bool {
        !self.listed.load(Ordering::Relaxed) || self.prepares().contains(key)
    }

    pub(super) fn prepares(&self) -> MutexGuard<'_, BTreeSet<Key>> {
        // Single insertions and removals are sound after a panic elsewhere.
        self.prepares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ramdisks that were found mounted as they should be.
    pub(super) fn mounted(&self) -> MutexGuard<'_, BTreeMap<Key, Vec<(PathBuf, Device)>>> {
        // Every change is a single insert or remove.
        self.ramdisks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of limits that a process node was to have and has not; of none where it has all.
    pub(super) fn note_unlimited(&self, key: &Key, refused: BTreeSet<Knob>) {
        if refused.is_empty() {
            self.unlimited_nodes().remove(key);
        } else {
            self.unlimited_nodes().insert(key.clone(), refused);
        }
    }

    /// Limits that process nodes were to have and have not, in words; none where they have all.
    pub fn unlimited(&self) -> Option<Reason> {
        let nodes = self.unlimited_nodes();
        let names: BTreeSet<&str> = nodes.values().flatten().map(|knob| knob.name()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let message = format!("processes run without their limits of {}: {NO_LIMITS}", names.join(", "));
        (!names.is_empty()).then(|| Reason::new(ReasonKind::Host, message))
    }

    fn unlimited_nodes(&self) -> MutexGuard<'_, BTreeMap<Key, BTreeSet<Knob>>> {
        // Single insertions and removals are sound after a panic elsewhere.
        self.unlimited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets that an image was made sure of: the engine does not have it any more.
    pub(super) fn forget_image(&self, image: &str) {
        // A map of cells is sound after a panic elsewhere.
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.retain(|(known, _), _| known != image);
    }

    /// Makes sure of an image, once for each change of the desired state.
    ///
    /// What `always` asks for was done when the cluster was brought up: a node that is started again must neither need
    /// the registry nor get another image than its siblings.
    pub(super) async fn image(&self, image: &str, pull: PullPolicy, generation: Generation) -> Result<(), Failure> {
        let cell = {
            // A map of cells is sound after a panic elsewhere.
            let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
            images.retain(|(_, known), _| *known == generation);
            Arc::clone(images.entry((image.to_owned(), generation)).or_default())
        };
        let policy = match pull {
            PullPolicy::Missing | PullPolicy::Always => PullPolicy::Missing,
            PullPolicy::Never => PullPolicy::Never,
        };
        let ensure = async || {
            let pull = Pull { image, login: None, progress: &|_| {} };
            let ensured = crate::resources::image::ensure::ensure(self.parts.engine.as_ref(), pull, policy).await;
            ensured.map(|_| ()).map_err(|error| {
                if let ImageError::Engine { source, .. } = &error
                    && source.is_unreachable()
                {
                    // An engine that does not answer says nothing of the image.
                    return engine_failure(source);
                }
                Failure::new(ReasonKind::Image, &error)
            })
        };
        cell.get_or_try_init(ensure).await.copied()
    }

    /// Runs blocking work on the host.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let host = Arc::clone(self);
        let joined = tokio::task::spawn_blocking(move || work(&host)).await;
        joined.unwrap_or_else(|error| Err(Failure::new(ReasonKind::Host, &error)))
    }

    /// Forgets a node in the ledger. A record that stays, on a disk that is full, is of a node of which nothing is left:
    /// the next agent finds that out and tries again.
    pub(super) fn forget(&self, key: &Key) {
        self.note_unlimited(key, BTreeSet::new());
        if let Err(error) = self.parts.ledger.forget_node(&key.cluster, &key.node) {
            tracing::warn!(node = %key, error = chain(&error), "the node is gone, and its record is not");
        }
    }

    /// Whether a node's prepare command went to its end.
    pub(super) fn is_prepared(&self, key: &Key) -> bool {
        self.prepared_mark(key).exists()
    }

    /// Remembers that a node's prepare command went to its end.
    pub(super) fn mark_prepared(&self, key: &Key) -> Result<(), Failure> {
        let mark = self.prepared_mark(key);
        let failed = |error| Failure::text(ReasonKind::Host, format!("{}: {error}", mark.display()));
        std::fs::write(&mark, b"").map_err(failed)?;
        hit(Point::PrepareMarked);
        Ok(())
    }

    fn prepared_mark(&self, key: &Key) -> std::path::PathBuf {
        self.parts.paths.node_dir(&key.cluster, &key.node).join("prepared")
    }
}
