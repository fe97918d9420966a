//! What the engine in memory holds, and the handle by which a test looks at it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;

use crate::host::engine::error::{EngineError, EngineResult};
use crate::host::engine::model::{ContainerEvent, ContainerPhase, ContainerPlan, ExecOutput, RawLogLine};

/// Events kept for a slow reader of the stream.
const EVENTS_MAX: usize = 1024;
/// Process ids of containers begin here: above every real one, so that nothing real is ever signalled.
pub const FIRST_PID: u32 = 1 << 30;

/// A container in memory.
#[derive(Debug, Clone)]
pub struct FakeContainer {
    /// What it was created from.
    pub plan: ContainerPlan,
    /// Its state.
    pub phase: ContainerPhase,
    /// Its first process, while it runs.
    pub pid: Option<u32>,
    /// How it ended.
    pub exit_code: Option<i64>,
    /// Whether it ran out of memory.
    pub oom_killed: bool,
}

/// What a failing call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The engine refuses.
    Refused,
    /// The engine refuses, for something of its own is in the way.
    InItsOwnWay,
    /// The engine cannot be reached.
    Unreachable,
    /// The engine does not answer.
    Hung,
    /// The engine does not know what it is asked for.
    NotFound,
}

/// All that the engine holds.
#[derive(Debug, Default)]
pub struct FakeState {
    /// Containers by id.
    pub containers: BTreeMap<String, FakeContainer>,
    /// Names of images.
    pub images: BTreeSet<String>,
    /// Calls in order: `create throng-demo-worker-0001`.
    pub calls: Vec<String>,
    /// Calls that fail, by their beginning: `start`, `create throng-demo-worker-0007`.
    pub failures: BTreeMap<String, Failure>,
    /// Whether it has no init to put in front of a container's process.
    pub has_no_init: bool,
    /// Whether its containers end with it.
    pub has_no_live_restore: bool,
    /// Why it cannot be used.
    pub unusable: Option<String>,
    /// Containers end with this code as soon as they have been looked at.
    pub ends_when_seen: Option<i64>,
    /// What every exec answers; none: code 0 and no output.
    pub exec: Option<ExecOutput>,
    /// What every log holds.
    pub log: Vec<RawLogLine>,
    pub(super) created: u32,
}

/// An engine in memory. Clones are the same engine.
#[derive(Debug, Clone)]
pub struct FakeEngine {
    state: Arc<Mutex<FakeState>>,
    pub(super) events: broadcast::Sender<ContainerEvent>,
}

impl Default for FakeEngine {
    fn default() -> Self {
        Self { state: Arc::default(), events: broadcast::channel(EVENTS_MAX).0 }
    }
}

impl FakeEngine {
    /// What it holds, to be looked at and changed. Not to be held over an await.
    pub fn state(&self) -> MutexGuard<'_, FakeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets every call fail whose text begins so.
    pub fn fail(&self, call: &str, failure: Failure) {
        self.state().failures.insert(call.to_owned(), failure);
    }

    /// Lets no call fail any more.
    pub fn mend(&self) {
        self.state().failures.clear();
    }

    /// Tells those who listen.
    pub fn emit(&self, event: ContainerEvent) {
        // Nobody may be listening.
        let _ = self.events.send(event);
    }

    /// Records a call, and fails it if a test wants that.
    pub(super) fn called(&self, operation: &'static str, subject: &str) -> EngineResult<MutexGuard<'_, FakeState>> {
        let call = format!("{operation} {subject}");
        let mut state = self.state();
        let failure = state.failures.iter().find(|(begin, _)| call.starts_with(*begin)).map(|(_, failure)| *failure);
        state.calls.push(call);
        let subject = subject.to_owned();
        match failure {
            None => Ok(state),
            Some(Failure::Refused) => {
                Err(EngineError::Refused { operation, subject, status: Some(500), message: "injected".to_owned() })
            }
            Some(Failure::InItsOwnWay) => {
                let message = "mkdir /run/task: file exists: unknown".to_owned();
                Err(EngineError::Refused { operation, subject, status: Some(500), message })
            }
            Some(Failure::Unreachable) => {
                Err(EngineError::Unreachable { operation, subject, source: "injected".into() })
            }
            Some(Failure::Hung) => Err(EngineError::Hung { operation, subject, after: Duration::ZERO }),
            Some(Failure::NotFound) => {
                Err(EngineError::NotFound { operation, subject, message: "injected".to_owned() })
            }
        }
    }
}

impl FakeState {
    /// The container of this id or name, or the error that the engine gives.
    pub(super) fn find(
        &mut self,
        operation: &'static str,
        id_or_name: &str,
    ) -> EngineResult<(String, &mut FakeContainer)> {
        let key = self
            .containers
            .iter()
            .find(|(id, container)| id.as_str() == id_or_name || container.plan.name == id_or_name)
            .map(|(id, _)| id.clone());
        let missing = || EngineError::NotFound {
            operation,
            subject: id_or_name.to_owned(),
            message: "no such container".to_owned(),
        };
        let key = key.ok_or_else(missing)?;
        let container = self.containers.get_mut(&key).ok_or_else(missing)?;
        Ok((key, container))
    }
}
