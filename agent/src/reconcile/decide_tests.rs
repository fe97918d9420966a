use std::time::Duration;

use proptest::prelude::*;
use throng_common::host_spec::{Limits, ProcessSpec, StopSpec, Workload};
use throng_common::ids::Incarnation;
use throng_common::status::{Reason, ReasonKind};

use super::super::node_state::{DEFAULT_STOP, Running};
use super::*;

const DIGEST: &str = "abc";

fn spec(desired: DesiredState, when: RestartWhen) -> NodeSpec {
    NodeSpec {
        name: "worker-0000".parse().unwrap(),
        desired,
        incarnation: Incarnation(1),
        workload: Workload::Process(ProcessSpec { command: vec!["x".into()], user: "0".into(), workdir: None }),
        env: vec![],
        files: vec![],
        ports: vec![],
        ramdisks: vec![],
        disk: None,
        shared: vec![],
        limits: Limits::default(),
        prepare: None,
        ready: None,
        stop: StopSpec { signal: 15, grace: Duration::from_secs(5) },
        restart: RestartSpec { when, max: 2, backoff: Duration::from_millis(500) },
        at_once: 0,
        structure: None,
    }
}

fn state(presence: Presence) -> NodeState {
    NodeState { presence, incarnation: Incarnation(1), ..NodeState::default() }
}

fn running(digest: &str) -> Presence {
    Presence::Running(Running { container: None, image_id: None, pid: 1, digest: digest.into(), stop: DEFAULT_STOP })
}

fn ended(failed: bool) -> Presence {
    ended_from(DIGEST, failed)
}

fn ended_from(digest: &str, failed: bool) -> Presence {
    Presence::Ended { container: None, digest: digest.into(), failed }
}

fn reason(kind: ReasonKind) -> Reason {
    Reason::new(kind, "why")
}

#[test]
fn each_state_leads_to_the_one_right_action() {
    use DesiredState::{Running as Run, Stopped};
    use RestartWhen::{Always, Failure, Never};
    let now = Uptime(1000);
    let cases = [
        (Run, Failure, state(Presence::Absent), Decision::Do(Action::Start)),
        (Run, Failure, state(running(DIGEST)), Decision::Nothing),
        (Run, Failure, state(running("old")), Decision::Do(Action::Stop)),
        (Run, Failure, state(ended_from("old", false)), Decision::Do(Action::Replace)),
        (Run, Failure, NodeState { incarnation: Incarnation(0), ..state(running(DIGEST)) }, Decision::Do(Action::Stop)),
        (Run, Failure, NodeState { incarnation: Incarnation(0), ..state(ended(false)) }, Decision::Do(Action::Start)),
        (Run, Failure, state(ended(true)), Decision::Do(Action::Start)),
        (Run, Failure, state(ended(false)), Decision::Nothing),
        (Run, Always, state(ended(false)), Decision::Do(Action::Start)),
        (Run, Never, state(ended(true)), Decision::Nothing),
        (
            Run,
            Failure,
            NodeState { retry_at: Some(Uptime(2000)), ..state(ended(true)) },
            Decision::WaitUntil(Uptime(2000)),
        ),
        (Run, Failure, NodeState { failures: 3, ..state(ended(true)) }, Decision::Nothing),
        (
            Run,
            Failure,
            NodeState { failures: 3, incarnation: Incarnation(0), ..state(ended(true)) },
            Decision::Do(Action::Start),
        ),
        (Run, Failure, state(Presence::Unknown), Decision::Nothing),
        (Run, Failure, NodeState { busy: Some(Action::Stop), ..state(ended(true)) }, Decision::Nothing),
        (
            Run,
            Failure,
            NodeState { failures: 3, reason: Some(reason(ReasonKind::Engine)), ..state(ended_from("old", true)) },
            Decision::Nothing,
        ),
        (Stopped, Failure, state(running(DIGEST)), Decision::Do(Action::Stop)),
        (
            Stopped,
            Failure,
            NodeState { retry_at: Some(Uptime(2000)), ..state(running(DIGEST)) },
            Decision::WaitUntil(Uptime(2000)),
        ),
        (Stopped, Failure, state(Presence::Absent), Decision::Nothing),
    ];
    for (desired, when, state, expected) in cases {
        let spec = spec(desired, when);
        let wanted = Some(Wanted { spec: &spec, digest: DIGEST });
        assert_eq!(decide(wanted, &state, false, now), expected, "{desired:?} {when:?} {state:?}");
    }
}

#[test]
fn what_is_not_wanted_is_stopped_then_removed_and_then_forgotten() {
    let now = Uptime(0);
    assert_eq!(decide(None, &state(running(DIGEST)), false, now), Decision::Do(Action::Stop));
    assert_eq!(decide(None, &state(Presence::Unknown), false, now), Decision::Do(Action::Stop));
    assert_eq!(decide(None, &state(ended(false)), false, now), Decision::Do(Action::Remove));
    assert_eq!(decide(None, &state(Presence::Absent), false, now), Decision::Do(Action::Remove));
    assert_eq!(decide(None, &state(Presence::Absent), true, now), Decision::Forget);
}

#[test]
fn an_engine_that_does_not_answer_never_uses_up_the_retries() {
    let spec = spec(DesiredState::Running, RestartWhen::Never);
    let mut node = state(Presence::Absent);
    for _ in 0..100 {
        node.start_failed(reason(ReasonKind::EngineUnreachable));
    }
    assert!(retry_at(&spec.restart, &node, Uptime(0)).is_some());
    for _ in 0..4 {
        node.start_failed(reason(ReasonKind::PortTaken));
    }
    assert!(retry_at(&spec.restart, &node, Uptime(0)).is_none());
}

#[test]
fn a_node_that_is_not_started_again_is_not_waited_for() {
    for (when, failed, again) in [
        (RestartWhen::Failure, false, false),
        (RestartWhen::Failure, true, true),
        (RestartWhen::Never, true, false),
        (RestartWhen::Always, false, true),
    ] {
        let spec = spec(DesiredState::Running, when);
        let at = retry_at(&spec.restart, &state(ended(failed)), Uptime(0));
        assert_eq!(at.is_some(), again, "{when:?} {failed}");
    }
}

#[test]
fn a_node_that_was_up_for_long_counts_anew() {
    let mut node = NodeState { failures: 9, up_since: Some(Uptime(0)), ..state(running(DIGEST)) };
    node.ended(reason(ReasonKind::Exited), true, Uptime(super::super::node_state::STABLE_AFTER_MILLIS));
    assert_eq!(node.failures, 1);
}

proptest! {
    #[test]
    fn waits_grow_and_stay_below_the_cap(failures in 0u32..3, now in 0u64..1 << 40) {
        let spec = spec(DesiredState::Running, RestartWhen::Failure);
        let node = NodeState { failures, ..state(ended(true)) };
        let at = retry_at(&spec.restart, &node, Uptime(now)).unwrap();
        prop_assert!(at.0 >= now + 500 && at.0 <= now + BACKOFF_CAP_MILLIS);
    }
}
