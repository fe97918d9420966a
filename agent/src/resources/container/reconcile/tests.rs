use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const PHASES: [ContainerPhase; 8] = [
    ContainerPhase::Created,
    ContainerPhase::Running,
    ContainerPhase::Paused,
    ContainerPhase::Restarting,
    ContainerPhase::Removing,
    ContainerPhase::Exited,
    ContainerPhase::Dead,
    ContainerPhase::Unknown,
];

fn wanted() -> ContainerPlan {
    ContainerPlan {
        name: "throng-demo-x7k2-worker-0001".to_owned(),
        image: "throng/test:1".to_owned(),
        hostname: "worker-0001".to_owned(),
        labels: BTreeMap::from([(labels::SPEC.to_owned(), "right".to_owned())]),
        command: Vec::new(),
        entrypoint: None,
        env: Vec::new(),
        user: None,
        workdir: None,
        binds: Vec::new(),
        scratch: Vec::new(),
        capabilities: Vec::new(),
        read_only: true,
        memory: None,
        cpu_millis: None,
        pids: None,
        nofile: None,
        init: true,
        stop_signal: 15,
        stop_grace: Duration::from_secs(5),
    }
}

fn summary(id: &str, spec: &str, state: ContainerPhase) -> ContainerSummary {
    ContainerSummary {
        id: ContainerId(id.to_owned()),
        name: wanted().name,
        state,
        labels: BTreeMap::from([(labels::SPEC.to_owned(), spec.to_owned())]),
        image: wanted().image,
    }
}

fn id(text: &str) -> ContainerId {
    ContainerId(text.to_owned())
}

#[test]
fn each_case_takes_just_the_steps_that_it_needs() {
    use ContainerPhase as P;
    use ContainerStep as S;
    let table = [
        (Want::Running, vec![], vec![S::Create, S::Start(None)]),
        (Want::Running, vec![summary("a", "right", P::Created)], vec![S::Start(Some(id("a")))]),
        (Want::Running, vec![summary("a", "right", P::Running)], vec![]),
        (Want::Running, vec![summary("a", "right", P::Paused)], vec![]),
        (Want::Running, vec![summary("a", "right", P::Exited)], vec![S::Start(Some(id("a")))]),
        (Want::Running, vec![summary("a", "right", P::Dead)], vec![S::Remove(id("a")), S::Create, S::Start(None)]),
        (
            Want::Running,
            vec![summary("a", "other", P::Running)],
            vec![S::Stop(id("a")), S::Remove(id("a")), S::Create, S::Start(None)],
        ),
        (Want::Stopped, vec![], vec![]),
        (Want::Stopped, vec![summary("a", "right", P::Running)], vec![S::Stop(id("a"))]),
        (Want::Stopped, vec![summary("a", "right", P::Exited)], vec![]),
        (Want::Stopped, vec![summary("a", "other", P::Exited)], vec![S::Remove(id("a"))]),
        (Want::Gone, vec![], vec![]),
        (Want::Gone, vec![summary("a", "right", P::Running)], vec![S::Stop(id("a")), S::Remove(id("a"))]),
        (Want::Gone, vec![summary("a", "right", P::Created)], vec![S::Remove(id("a"))]),
    ];
    for (want, observed, steps) in table {
        assert_eq!(reconcile(want, &wanted(), &observed, Some(&id("a"))), steps, "{want:?} {observed:?}");
    }
}

#[test]
fn a_container_of_an_agents_life_before_is_adopted_and_left_alone() {
    let found = [summary("a", "right", ContainerPhase::Running)];
    assert_eq!(reconcile(Want::Running, &wanted(), &found, None), [ContainerStep::Adopt(id("a"))]);
}

/// The engine as far as steps change it.
fn apply(steps: &[ContainerStep], mut world: Vec<ContainerSummary>) -> Vec<ContainerSummary> {
    for step in steps {
        match step {
            ContainerStep::Adopt(_) => {}
            ContainerStep::Stop(id) => set(&mut world, id, ContainerPhase::Exited),
            ContainerStep::Remove(id) => world.retain(|container| container.id != *id),
            ContainerStep::Create => world.push(summary("new", "right", ContainerPhase::Created)),
            ContainerStep::Start(None) => set(&mut world, &id("new"), ContainerPhase::Running),
            ContainerStep::Start(Some(id)) => set(&mut world, id, ContainerPhase::Running),
        }
    }
    world
}

fn set(world: &mut [ContainerSummary], id: &ContainerId, state: ContainerPhase) {
    let container = world.iter_mut().find(|container| container.id == *id).expect("steps name what is there");
    container.state = state;
}

proptest! {
    #[test]
    fn applying_the_steps_reaches_what_is_wanted_and_the_second_plan_is_empty(
        want in prop::sample::select(vec![Want::Running, Want::Stopped, Want::Gone]),
        found in prop::collection::vec((prop::sample::select(PHASES.to_vec()), any::<bool>()), 0..3),
    ) {
        let before: Vec<_> = found
            .iter()
            .enumerate()
            .map(|(n, (phase, right))| summary(&n.to_string(), if *right { "right" } else { "other" }, *phase))
            .collect();
        let known = before.first().map(|container| container.id.clone());
        let after = apply(&reconcile(want, &wanted(), &before, known.as_ref()), before);
        let running = after.iter().filter(|container| container.state.has_process()).count();
        match want {
            Want::Running => prop_assert_eq!((after.len(), running), (1, 1)),
            Want::Stopped => prop_assert!(after.len() <= 1 && running == 0),
            Want::Gone => prop_assert!(after.is_empty()),
        }
        let kept = after.first().map(|container| container.id.clone());
        prop_assert_eq!(reconcile(want, &wanted(), &after, kept.as_ref()), vec![]);
    }
}
