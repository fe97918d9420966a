use std::collections::BTreeMap;
use std::time::Duration;

use throng_common::ids::{HostId, NodeName};
use throng_common::status::{Party, PartyUse, ReasonKind, TopProcess, TopProcesses, UnixMillis};
use throng_common::verdict::Verdict;

use super::{End, HostWitness, Judgement, Second, Trouble, TroubleKind, Witness, judge};
use crate::report::load::LoadSample;
use crate::report::model::{Cause, Failure, Part, StepReport, TestReport};

/// A test with one step from second 100 to second 110, which failed like this.
fn test(failures: &[(&str, u32, Cause)]) -> TestReport {
    let failure = |(nodes, count, cause): &(&str, u32, Cause)| Failure {
        nodes: (*nodes).to_owned(),
        count: *count,
        cause: *cause,
        message: "m".to_owned(),
        detail: String::new(),
    };
    let step = StepReport {
        part: Part::Step,
        number: "1".to_owned(),
        title: "exec".to_owned(),
        started_at: UnixMillis(100_000),
        took_millis: 10_000,
        attempts: 3,
        repetitions: 1,
        nodes: 2,
        held: false,
        failures: failures.iter().map(failure).collect(),
        notes: Vec::new(),
        artefacts: Vec::new(),
        recorded: Vec::new(),
        steps: Vec::new(),
    };
    TestReport {
        name: "t".to_owned(),
        verdict: Some(Verdict::Fail),
        evidence: String::new(),
        known_failure: None,
        started_at: UnixMillis(90_000),
        took_millis: 21_000,
        repetitions: 1,
        steps: vec![step],
        ended_by: String::new(),
        artefacts: Vec::new(),
    }
}

fn calm() -> LoadSample {
    LoadSample {
        cpu_busy_cores: 0.3,
        nodes_cpu_cores: 0.1,
        memory_available_bytes: 6 << 30,
        cpu_stalled_percent: Some(3.0),
        memory_stalled_percent: Some(0.0),
        io_stalled_percent: Some(1.0),
        late_millis: Some(2),
        disk_free_bytes: 50 << 30,
        ..LoadSample::default()
    }
}

/// A second in which the nodes used these cores of two, and others those.
fn busy(nodes: f64, others: f64) -> LoadSample {
    let top = TopProcesses { cpu: Some(TopProcess { pid: 4711, name: "yes".to_owned() }), ..TopProcesses::default() };
    let used =
        |party, cpu_cores| PartyUse { party, cpu_cores, memory_bytes: 0, io_bytes_per_second: 0, top: top.clone() };
    LoadSample {
        cpu_busy_cores: nodes + others,
        nodes_cpu_cores: nodes,
        cpu_stalled_percent: Some(97.0),
        uses: vec![used(Party::Nodes, nodes), used(Party::Others, others)],
        ..calm()
    }
}

/// A host of two cores, from second 90 to 115.
fn host(load: impl Fn(u64) -> LoadSample) -> HostWitness {
    let second = |at: u64| Second {
        load: LoadSample { at: UnixMillis(at * 1000), took_millis: 1000, ..load(at) },
        ..Second::default()
    };
    HostWitness { cores: 2.0, memory_bytes: 8 << 30, seconds: (91..=115).map(second).collect(), troubles: Vec::new() }
}

fn places(places: &[(&str, &str)]) -> BTreeMap<NodeName, HostId> {
    places.iter().map(|(node, host)| (node.parse().unwrap(), host.parse().unwrap())).collect()
}

fn two_hosts() -> BTreeMap<NodeName, HostId> {
    places(&[("worker-0000", "a"), ("worker-0001", "b")])
}

fn witness(hosts: Vec<(&str, HostWitness)>) -> Witness {
    let hosts = hosts.into_iter().map(|(host, witness)| (host.parse().unwrap(), witness)).collect();
    Witness { hosts, ends: Vec::new() }
}

fn verdict(judged: Option<&Judgement>) -> Verdict {
    judged.map_or(Verdict::Fail, |judged| judged.verdict)
}

#[test]
fn the_line_of_evidence_says_what_how_long_and_by_whom() {
    let late = test(&[("worker-0000", 1, Cause::NotInTime)]);
    let pressed = |load: LoadSample| witness(vec![("a", host(|at| if at > 104 { load.clone() } else { calm() }))]);
    let line = |load| judge(&late, &two_hosts(), &pressed(load)).unwrap().evidence;
    assert_eq!(
        line(busy(0.2, 1.8)),
        "a: CPU short for 6.0s of the 11.0s around its failure, made by others: 2.0 of 2 cores busy, nodes 0.2, others \
         1.8 (most by yes, pid 4711); somebody waited 97 % of that time"
    );
    assert!(line(busy(1.9, 0.1)).contains("made by the nodes: 2.0 of 2 cores busy, nodes 1.9, others 0.1"));
    let unseen = LoadSample { uses: Vec::new(), ..busy(0.2, 1.8) };
    assert!(line(unseen.clone()).contains("by whom is not known: 2.0 of 2 cores busy, nodes 0.2, others unknown"));
    assert_eq!(judge(&late, &two_hosts(), &pressed(unseen)).unwrap().verdict, Verdict::Suspect);
    assert_eq!(
        line(LoadSample { late_millis: Some(1_200), ..calm() }),
        "a: programs were not woken in time for 6.0s of the 11.0s around its failure, made by others: the agent's timer \
         came up to 1.2s late"
    );
}

#[test]
fn every_host_on_which_nodes_were_late_needs_an_excuse_of_its_own() {
    let late = test(&[("worker-[0000-0001]", 2, Cause::TimedOut)]);
    let hosts = |a: LoadSample, b: LoadSample| witness(vec![("a", host(|_| a.clone())), ("b", host(|_| b.clone()))]);
    let judged = |a, b| verdict(judge(&late, &two_hosts(), &hosts(a, b)).as_ref());
    assert_eq!(judged(busy(0.1, 1.9), calm()), Verdict::Fail);
    assert_eq!(judged(busy(0.1, 1.9), busy(0.1, 1.9)), Verdict::Invalid);
    assert_eq!(judged(busy(0.1, 1.9), busy(1.9, 0.1)), Verdict::Suspect, "the weaker excuse counts");
}

#[test]
fn a_failure_of_the_cluster_as_a_whole_is_excused_by_any_of_its_hosts() {
    let late = test(&[("", 0, Cause::NotInTime)]);
    let hosts = witness(vec![("a", host(|_| calm())), ("b", host(|_| busy(0.1, 1.9)))]);
    assert_eq!(verdict(judge(&late, &two_hosts(), &hosts).as_ref()), Verdict::Invalid);
}

#[test]
fn one_wrong_value_among_late_answers_is_a_failure_whatever_the_pressure() {
    let pressed = witness(vec![("a", host(|_| busy(0.1, 1.9)))]);
    for cause in [Cause::WrongValue, Cause::Mistake] {
        let mixed = test(&[("worker-0000", 1, Cause::TimedOut), ("worker-0000", 1, cause)]);
        assert_eq!(judge(&mixed, &two_hosts(), &pressed), None);
    }
    let late = test(&[("worker-0000", 1, Cause::TimedOut), ("worker-0000", 1, Cause::NoAnswer)]);
    assert_eq!(verdict(judge(&late, &two_hosts(), &pressed).as_ref()), Verdict::Invalid);
}

#[test]
fn a_node_that_ended_by_itself_is_no_matter_of_time() {
    let late = test(&[("worker-0000", 1, Cause::NoAnswer)]);
    let mut pressed = witness(vec![("a", host(|_| busy(0.1, 1.9)))]);
    let end = |at, kind| End { node: "worker-0000".parse().unwrap(), at: UnixMillis(at), kind };
    for (end, judged) in [
        (end(105_000, ReasonKind::Exited), Verdict::Fail),
        (end(105_000, ReasonKind::OutOfMemory), Verdict::Fail),
        (end(95_000, ReasonKind::Exited), Verdict::Fail),
        (end(60_000, ReasonKind::Exited), Verdict::Invalid),
        (end(111_000, ReasonKind::Exited), Verdict::Invalid),
    ] {
        pressed.ends = vec![end];
        assert_eq!(verdict(judge(&late, &two_hosts(), &pressed).as_ref()), judged, "{:?}", pressed.ends);
    }
}

#[test]
fn a_host_that_throng_itself_lost_is_no_failure_of_the_system() {
    let late = test(&[("worker-0000", 1, Cause::HostLost)]);
    let judged = judge(&late, &two_hosts(), &witness(vec![("a", host(|_| calm()))])).unwrap();
    assert_eq!(judged.verdict, Verdict::Invalid);
    assert_eq!(judged.evidence, "throng itself lost a in the midst of a step");
}

#[test]
fn a_host_of_which_nothing_is_known_excuses_nothing() {
    let late = test(&[("worker-0000", 1, Cause::NoAnswer)]);
    assert_eq!(judge(&late, &two_hosts(), &Witness::default()), None);
    assert_eq!(judge(&late, &BTreeMap::new(), &witness(vec![("a", host(|_| busy(0.1, 1.9)))])), None);
}

#[test]
fn an_engine_or_an_agent_that_is_away_for_long_enough_excuses() {
    let late = test(&[("worker-0000", 1, Cause::NoAnswer)]);
    let trouble = |kind, from, to| Trouble { kind, from: UnixMillis(from), to };
    for (trouble, judged) in [
        (trouble(TroubleKind::Away, 101_000, Some(UnixMillis(108_000))), Verdict::Invalid),
        (trouble(TroubleKind::Away, 101_000, None), Verdict::Invalid),
        (trouble(TroubleKind::Away, 101_000, Some(UnixMillis(102_000))), Verdict::Fail),
        (trouble(TroubleKind::EngineLost("hung".to_owned()), 95_000, None), Verdict::Invalid),
        (trouble(TroubleKind::EngineLost("hung".to_owned()), 112_000, None), Verdict::Fail),
    ] {
        let witness = witness(vec![("a", HostWitness { troubles: vec![trouble.clone()], ..host(|_| calm()) })]);
        assert_eq!(verdict(judge(&late, &two_hosts(), &witness).as_ref()), judged, "{trouble:?}");
    }
}

#[test]
fn a_step_that_was_cut_off_is_judged_by_the_whole_test() {
    let mut late = test(&[("worker-0000", 1, Cause::TimedOut)]);
    let early = witness(vec![("a", host(|at| if at < 99 { busy(0.1, 1.9) } else { calm() }))]);
    assert_eq!(judge(&late, &two_hosts(), &early), None);
    late.steps[0].attempts = 0;
    assert_eq!(verdict(judge(&late, &two_hosts(), &early).as_ref()), Verdict::Invalid);
}

#[test]
fn nodes_that_wait_for_their_own_limit_are_suspect() {
    let late = test(&[("worker-0000", 1, Cause::TimedOut)]);
    for (node, millis, judged) in [
        ("worker-0000", 600, Verdict::Suspect),
        ("worker-0000", 100, Verdict::Fail),
        ("worker-0001", 600, Verdict::Fail),
    ] {
        let mut limited = host(|_| calm());
        for second in &mut limited.seconds {
            second.throttled.insert(node.parse().unwrap(), Duration::from_millis(millis));
        }
        let judged_as = judge(&late, &two_hosts(), &witness(vec![("a", limited)]));
        assert_eq!(verdict(judged_as.as_ref()), judged, "{node} {millis}");
    }
}
