//! The engine itself: what its errors mean for whoever wanted something of it, how it stands, what it can, and when it
//! was away.

use std::time::Duration;

use futures_util::future::join_all;
use throng_common::error_chain::chain;
use throng_common::status::{EngineFacts, Reason, ReasonKind, UnixMillis};

use super::super::command::Key;
use super::super::engine_state::EngineState;
use super::host::{Failure, Host};
use crate::host::engine::api::Call;
use crate::host::engine::error::{EngineError, EngineResult};
use crate::host::engine::model::ContainerState;
use crate::resources::container::plan::container_name;

/// How long an engine may take to answer that it is there, and how a container is: milliseconds when all is well, a second
/// or two in the midst of a storm of starts and ends.
const CHECK_DEADLINE: Duration = Duration::from_secs(10);
/// How much earlier than the outage was noticed a container may have ended in it.
const OUTAGE_SLACK: Duration = Duration::from_secs(2);

const AWAY: &str = "the container engine is away: see `systemctl status docker`";
const NO_ANSWER: &str =
    "the container engine answers questions with errors of its own: see its log (`journalctl -u docker`)";
const HUNG: &str =
    "the container engine is hung, it takes calls and does not answer them: restart it (`systemctl restart docker`)";
const WEDGED: &str = "the container engine is wedged, it answers for some containers and not for others: restart it (`systemctl restart docker`)";
const ENDED_WITH_ENGINE: &str = "ended with the container engine, which was restarted and has no live-restore: \
                                 set \"live-restore\": true in /etc/docker/daemon.json";

/// The reason that an error of the engine is, the same for all whom it keeps waiting.
pub(super) fn engine_reason(error: &EngineError) -> Reason {
    let silent = |kind, words: &str| Reason::new(kind, words).with_detail(chain(error));
    match error {
        EngineError::Hung { .. } => silent(ReasonKind::EngineHung, HUNG),
        EngineError::Unreachable { .. } => silent(ReasonKind::EngineUnreachable, AWAY),
        EngineError::NoAnswer { .. } => silent(ReasonKind::EngineUnreachable, NO_ANSWER),
        // What these say is the remedy.
        EngineError::NoSocket { .. } | EngineError::NotLocal { .. } => {
            Reason::new(ReasonKind::EngineUnreachable, chain(error))
        }
        EngineError::NotFound { .. }
        | EngineError::Conflict { .. }
        | EngineError::Refused { .. }
        | EngineError::Garbled { .. } => Reason::new(ReasonKind::Engine, chain(error)),
    }
}

pub(super) fn engine_failure(error: &EngineError) -> Failure {
    Failure::of(engine_reason(error))
}

/// What an engine can, as far as it matters to nodes. It holds for one of the engine's lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EngineTraits {
    /// Whether it can put its tiny init in front of a node's program.
    pub(super) has_init: bool,
    /// Whether containers survive its restart.
    live_restore: bool,
    /// Why throng cannot work with it.
    unusable: Option<String>,
    /// Its process, where that is known.
    pid: Option<u32>,
}

/// A time in which the engine was away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outage {
    from: UnixMillis,
    /// None: it has not been back yet.
    until: Option<UnixMillis>,
    /// The engine's process before, where that is known: one that is the same afterwards was not restarted.
    pid: Option<u32>,
}

impl Outage {
    fn holds(self, at: UnixMillis) -> bool {
        let slack = u64::try_from(OUTAGE_SLACK.as_millis()).unwrap_or(u64::MAX);
        at.0.saturating_add(slack) >= self.from.0 && self.until.is_none_or(|until| at <= until)
    }
}

impl Host {
    /// How the engine stands, and for which of these containers of its own it does not answer.
    pub async fn check_engine(&self, nodes: &[Key]) -> (EngineState, Vec<Key>) {
        let engine = self.parts.engine.as_ref();
        let look = async |key: &Key| {
            let name = container_name(&key.cluster, &key.node);
            let error = in_time(&name, engine.inspect(&name)).await.err().filter(EngineError::is_unreachable)?;
            Some((key.clone(), error))
        };
        let (pinged, looked) = tokio::join!(in_time("the engine", engine.ping()), join_all(nodes.iter().map(look)));
        if let Err(error) = pinged {
            return (EngineState::Silent(engine_reason(&error)), Vec::new());
        }
        let mut unanswered = Vec::new();
        let mut state = EngineState::Answers;
        for (key, error) in looked.into_iter().flatten() {
            let words = if error.is_hung() { WEDGED } else { NO_ANSWER };
            state = EngineState::Wedged(Reason { message: words.to_owned(), ..engine_reason(&error) });
            unanswered.push(key);
        }
        (state, unanswered)
    }

    /// What the engine can. Asked once in each of its lives; an engine that throng cannot work with is refused.
    pub(super) async fn engine_traits(&self) -> Result<EngineTraits, Failure> {
        let known = self.known().traits.clone();
        let traits = if let Some(traits) = known {
            traits
        } else {
            let info = self.parts.engine.info().await.map_err(|error| engine_failure(&error))?;
            let EngineFacts { live_restore, unusable, pid, version, .. } = info.facts;
            self.ends().of_engine(&version);
            let traits = EngineTraits { has_init: info.has_init, live_restore, unusable, pid };
            self.known().traits = Some(traits.clone());
            traits
        };
        match &traits.unusable {
            Some(why) => {
                Err(Failure::text(ReasonKind::Engine, format!("the container engine is of no use here: {why}")))
            }
            None => Ok(traits),
        }
    }

    /// Forgets what was known of the engine: it was away, and may come back as another.
    pub fn forget_engine(&self, now: UnixMillis) {
        let mut known = self.known();
        let pid = known.traits.take().and_then(|traits| traits.pid);
        // One that was not seen to come back is away since the first time.
        if known.outage.is_none_or(|outage| outage.until.is_some()) {
            known.outage = Some(Outage { from: now, until: None, pid });
        }
    }

    /// Takes note that the engine is there.
    pub(super) fn engine_is_back(&self, now: UnixMillis) {
        if let Some(outage) = &mut self.known().outage {
            outage.until.get_or_insert(now);
        }
    }

    /// Why a container ended that ended with the engine: its own end tells only how it was killed.
    pub(super) async fn ended_with_engine(&self, state: &ContainerState) -> Option<Reason> {
        let outage = self.known().outage?;
        if !state.finished_at.is_some_and(|at| outage.holds(at)) {
            return None;
        }
        let traits = self.engine_traits().await.ok()?;
        let is_same = outage.pid.is_some() && outage.pid == traits.pid;
        (!is_same && !traits.live_restore).then(|| Reason::new(ReasonKind::Lost, ENDED_WITH_ENGINE))
    }
}

/// A question that the engine answers soon or not at all.
pub(super) async fn in_time<T>(subject: &str, call: Call<'_, T>) -> EngineResult<T> {
    let hung = || EngineError::Hung { operation: "ask for", subject: subject.to_owned(), after: CHECK_DEADLINE };
    tokio::time::timeout(CHECK_DEADLINE, call).await.unwrap_or_else(|_| Err(hung()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ended_in_an_outage_ended_with_the_engine() {
        let outage = Outage { from: UnixMillis(10_000), until: Some(UnixMillis(20_000)), pid: None };
        for (at, within) in [(7_000, false), (8_500, true), (15_000, true), (20_000, true), (20_001, false)] {
            assert_eq!(outage.holds(UnixMillis(at)), within, "{at}");
        }
        assert!(Outage { until: None, ..outage }.holds(UnixMillis(99_000)), "it has not come back yet");
    }

    #[test]
    fn all_whom_a_silent_engine_keeps_waiting_are_told_the_same() {
        let hung = |subject: &str| EngineError::Hung {
            operation: "inspect container",
            subject: subject.to_owned(),
            after: CHECK_DEADLINE,
        };
        let (one, other) = (engine_reason(&hung("a")), engine_reason(&hung("b")));
        assert_eq!((one.kind, &one.message), (ReasonKind::EngineHung, &other.message));
        assert!(one.message.contains("restart it") && one.detail.contains("container a"), "{one}");
        let refused = EngineError::Refused {
            operation: "start container",
            subject: "a".to_owned(),
            status: Some(500),
            message: "no such program".to_owned(),
        };
        assert!(!engine_reason(&refused).kind.is_silence(), "a refusal is the node's own matter");
    }
}
