//! What is kept of an operation's events: its phases, its tests, its end.

use serde::Serialize;
use throng_common::verdict::Outcome;
use throng_proto::operator::operation_event::Event;
use throng_proto::operator::{OperationEvent, Residue};

/// A phase that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PhaseRecord {
    /// Its name.
    pub phase: String,
    /// How long it took.
    pub took_millis: u64,
    /// Whether it reached its aim.
    pub ok: bool,
    /// What there is to say.
    pub detail: String,
}

/// A test that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestRecord {
    /// Its name.
    pub test: String,
    /// pass, fail, known-failure, unexpected-pass, invalid, suspect.
    pub verdict: String,
    /// How long it took.
    pub took_millis: u64,
    /// What failed; empty when it held.
    pub detail: String,
}

/// Something that the operation left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResidueRecord {
    /// On which host.
    pub host: String,
    /// Of what kind.
    pub kind: String,
    /// What exactly.
    pub subject: String,
    /// What a person can do about it.
    pub remedy: String,
    /// The cluster that it was of; empty where that cannot be told.
    pub cluster: String,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndRecord {
    /// What it came to.
    pub outcome: Outcome,
    /// Why.
    pub detail: String,
    /// What it left behind.
    pub residues: Vec<ResidueRecord>,
    /// Whether the cluster is still up.
    pub cluster_up: bool,
    /// Whether the coordinator's own end cut it short, and the same command does it again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub begin_again: bool,
}

/// An operation as its events tell it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OperationRecord {
    /// The phases that ended, in the order of their ends.
    pub phases: Vec<PhaseRecord>,
    /// The tests that ended.
    pub tests: Vec<TestRecord>,
    /// The end; none while it goes on.
    pub end: Option<EndRecord>,
    /// From its first to its last event.
    pub took_millis: u64,
    #[serde(skip)]
    first_unix_millis: Option<u64>,
}

impl From<Residue> for ResidueRecord {
    fn from(residue: Residue) -> Self {
        let Residue { host, kind, subject, remedy, cluster } = residue;
        Self { host, kind, subject, remedy, cluster }
    }
}

impl OperationRecord {
    /// What an operation comes to that is not even begun, as all is as it wants it.
    pub fn nothing_to_do(why: &str) -> Self {
        let end = EndRecord {
            outcome: Outcome::Pass,
            detail: why.to_owned(),
            residues: Vec::new(),
            cluster_up: false,
            begin_again: false,
        };
        Self { end: Some(end), ..Self::default() }
    }

    /// Takes in one event.
    pub fn apply(&mut self, event: &OperationEvent) {
        let first = *self.first_unix_millis.get_or_insert(event.at_unix_millis);
        self.took_millis = self.took_millis.max(event.at_unix_millis.saturating_sub(first));
        match event.event.clone() {
            Some(Event::PhaseEnded(phase)) => self.phases.push(PhaseRecord {
                phase: phase.phase,
                took_millis: phase.took_millis,
                ok: phase.ok,
                detail: phase.detail,
            }),
            Some(Event::TestEnded(test)) => self.tests.push(TestRecord {
                test: test.test,
                verdict: test.verdict,
                took_millis: test.took_millis,
                detail: test.detail,
            }),
            Some(Event::Ended(ended)) => {
                self.end = Some(EndRecord {
                    outcome: outcome(&ended.outcome),
                    detail: ended.detail,
                    residues: ended.residues.into_iter().map(ResidueRecord::from).collect(),
                    cluster_up: ended.cluster_up,
                    begin_again: ended.begin_again,
                });
            }
            Some(Event::PhaseStarted(_) | Event::PhaseProgress(_) | Event::Note(_) | Event::TestStarted(_)) | None => {}
        }
    }

    /// Whether a teardown was audited and found nothing.
    pub fn nothing_left_behind(&self) -> bool {
        let audited = self.phases.iter().any(|phase| phase.phase.starts_with("audit") && phase.ok);
        self.end.as_ref().is_some_and(|end| audited && end.residues.is_empty() && !end.cluster_up)
    }
}

/// A word from the wire; one that this build does not know counts as a fault of the environment, never as a pass.
fn outcome(word: &str) -> Outcome {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).unwrap_or(Outcome::Environment)
}

#[cfg(test)]
mod tests {
    use throng_proto::operator::{OperationEnded, PhaseEnded};

    use super::*;

    fn event(at: u64, event: Event) -> OperationEvent {
        OperationEvent { number: at, at_unix_millis: at, event: Some(event) }
    }

    fn ended(outcome: &str) -> Event {
        Event::Ended(OperationEnded { outcome: outcome.to_owned(), ..OperationEnded::default() })
    }

    #[test]
    fn an_outcome_that_this_build_does_not_know_is_no_pass() {
        for (word, expected) in
            [("pass", Outcome::Pass), ("residue", Outcome::Residue), ("brilliant", Outcome::Environment)]
        {
            let mut record = OperationRecord::default();
            record.apply(&event(1, ended(word)));
            assert_eq!(record.end.unwrap().outcome, expected, "{word}");
        }
    }

    #[test]
    fn nothing_is_said_to_be_left_behind_unless_an_audit_found_so() {
        let mut unaudited = OperationRecord::default();
        unaudited.apply(&event(1, ended("pass")));
        assert!(!unaudited.nothing_left_behind());
        let mut audited = OperationRecord::default();
        let audit = PhaseEnded { phase: "audit".to_owned(), ok: true, ..PhaseEnded::default() };
        audited.apply(&event(1, Event::PhaseEnded(audit)));
        audited.apply(&event(5, ended("pass")));
        assert!(audited.nothing_left_behind());
        assert_eq!(audited.took_millis, 4);
    }
}
