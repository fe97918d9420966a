//! Reports for tests: of a run where all passed, and pieces to change it with.

use throng_common::ids::{ClusterId, HostId, RoleName, RunId};
use throng_common::scenario::figure::Figure;
use throng_common::status::{Residue, ResidueKind, UnixMillis};
use throng_common::verdict::{Outcome, Verdict};

use super::load::{HostLoad, LoadSample, LoadSummary};
use super::model::*;
use super::outcome::outcome;

pub(super) fn step(number: &str, title: &str, failures: Vec<Failure>) -> StepReport {
    StepReport {
        part: Part::Step,
        number: number.to_owned(),
        title: title.to_owned(),
        started_at: UnixMillis(1_790_000_000_000),
        took_millis: 1_234,
        attempts: if failures.is_empty() { 1 } else { 23 },
        repetitions: 1,
        nodes: 100,
        held: failures.is_empty(),
        failures,
        notes: Vec::new(),
        artefacts: Vec::new(),
        recorded: Vec::new(),
        steps: Vec::new(),
    }
}

pub(super) fn failure(nodes: &str, count: u32, message: &str, detail: &str) -> Failure {
    Failure {
        nodes: nodes.to_owned(),
        count,
        cause: Cause::WrongValue,
        message: message.to_owned(),
        detail: detail.to_owned(),
    }
}

pub(super) fn test(name: &str, verdict: Verdict, took_millis: u64, steps: Vec<StepReport>) -> TestReport {
    TestReport {
        name: name.to_owned(),
        verdict: Some(verdict),
        evidence: String::new(),
        known_failure: None,
        started_at: UnixMillis(1_790_000_000_000),
        took_millis,
        repetitions: 1,
        steps,
        ended_by: String::new(),
        artefacts: Vec::new(),
    }
}

/// A failed test with two kinds of failing nodes.
pub(super) fn failed_test() -> TestReport {
    let failures = vec![
        failure(
            "worker-[0003,0007]",
            2,
            "exit code 1, expected 0",
            "for instance worker-0003\nstderr:\nCould not connect to Redis at 127.84.0.1:20003: Connection refused",
        ),
        failure("worker-0042", 1, "stdout is \"0\", expected \"1\", still after 10s", "stdout:\n0"),
    ];
    let mut steps =
        vec![step("1", "kill -KILL 10% of worker", Vec::new()), step("2", "exec on worker: redis-cli get k", failures)];
    steps[1].notes.push("drew worker-[0003,0007,0042]".to_owned());
    let mut test = test("survives losing a tenth of the workers", Verdict::Fail, 31_400, steps);
    test.artefacts =
        ["logs/worker-0003.log", "logs/worker-0007.log", "logs/worker-0042.log"].map(str::to_owned).to_vec();
    test
}

fn phase(phase: &str, took_millis: u64) -> PhaseReport {
    PhaseReport { phase: phase.to_owned(), took_millis, ok: true, detail: String::new() }
}

fn metric(name: &str, unit: &str, values: &[&str]) -> MetricReport {
    let values: Vec<Figure> = values.iter().map(|value| value.parse().unwrap()).collect();
    let at = |index: usize| UnixMillis(1_790_000_000_000 + 5_000 * u64::try_from(index).unwrap());
    let samples: Vec<MetricSample> =
        values.iter().enumerate().map(|(index, value)| MetricSample { at: at(index), value: *value }).collect();
    let summary = Summary {
        count: u64::try_from(values.len()).unwrap(),
        min: values.iter().copied().min().unwrap(),
        median: values[values.len() / 2],
        max: values.iter().copied().max().unwrap(),
        last: values[values.len() - 1],
    };
    MetricReport {
        name: RoleName::new(name).unwrap(),
        unit: unit.to_owned(),
        summary: Some(summary),
        samples,
        failed: 0,
        errors: Vec::new(),
    }
}

fn load() -> HostLoad {
    let calm = LoadSample {
        at: UnixMillis(1_790_000_001_000),
        took_millis: 1_000,
        cpu_busy_cores: 0.5,
        memory_available_bytes: 9 << 30,
        cpu_stalled_percent: Some(1.5),
        late_millis: Some(3),
        ..LoadSample::default()
    };
    let without_ticker = LoadSample { at: UnixMillis(1_790_000_002_000), late_millis: None, ..calm.clone() };
    let summary = LoadSummary { watched_millis: 2_000, memory_available_bytes: 9 << 30, ..LoadSummary::default() };
    HostLoad { summary, samples: vec![calm, without_ticker] }
}

/// Steps that recorded how two figures go with the number of workers, and one that stands for itself.
fn recording() -> Vec<StepReport> {
    let at = |workers: u64, create: u64, stat: &str| {
        let of = || Some(RecordedAt { of: "worker".to_owned(), value: workers.into() });
        let figure = |name: &str, value: Figure| Recorded { name: name.to_owned(), value, at: of() };
        let recorded = vec![figure("create, ops/s", create.into()), figure("stat, ops/s", stat.parse().unwrap())];
        StepReport { recorded, ..step("1", "exec on primary: bench", Vec::new()) }
    };
    let alone = Recorded { name: "files".to_owned(), value: 1_000.into(), at: None };
    let first = StepReport { recorded: vec![alone], ..step("1", "exec on primary: redis-cli set k 1", Vec::new()) };
    vec![first, at(0, 1_000, "6100.5"), at(50, 980, "6050"), at(100, 940, "6010.25"), at(100, 950, "6010.25")]
}

/// A run where all passed and nothing was left.
pub(crate) fn passed() -> RunReport {
    let steps = || vec![step("1", "exec on primary: redis-cli set k 1", Vec::new())];
    RunReport {
        format: REPORT_FORMAT,
        run: RunId::new("redis-replicas-run-x7k2q").unwrap(),
        scenario: "redis-replicas".to_owned(),
        cluster: ClusterId::new("redis-replicas-x7k2").unwrap(),
        seed: 4711,
        started_at: UnixMillis(1_790_000_000_000),
        took_millis: 52_300,
        folder: "/home/ada/.local/state/throng/runs/redis-replicas-run-x7k2q".to_owned(),
        versions: Versions { throng: "0.1.0".to_owned(), build: "0.1.0+abc".to_owned() },
        hosts: vec![HostReport {
            host: HostId::new("local").unwrap(),
            hostname: "laptop".to_owned(),
            kernel: "6.1.0".to_owned(),
            engine: Some("docker 20.10.24".to_owned()),
            cpu_cores: 8,
            memory_total_bytes: 16 << 30,
            nodes: 101,
            load: Some(load()),
        }],
        roles: vec![RoleReport {
            role: RoleName::new("worker").unwrap(),
            nodes: 100,
            peak_memory_bytes: Some(9 << 20),
            peak_anonymous_bytes: Some(3 << 20),
            peak_ramdisk_bytes: Some(6 << 20),
            start_cpu_millis: Some(210),
            peak_kernel_bytes: Some(1 << 20),
            peak_cpu_cores: Some(0.25),
            throttled_millis: Some(0),
            oom_kills: Some(0),
            ramdisk_max_bytes: Some(8 << 20),
            memory_limit_bytes: Some(16 << 20),
            proposed_limit_bytes: Some(16 << 20),
        }],
        images: vec![ImageReport {
            role: RoleName::new("worker").unwrap(),
            image: "redis:7".to_owned(),
            digest: "sha256:0123".to_owned(),
            repo_digest: Some("redis@sha256:4567".to_owned()),
        }],
        plan: "plan.json".to_owned(),
        phases: vec![
            phase("plan", 45),
            phase("image", 1_200),
            phase("up primary", 410),
            phase("up worker", 12_300),
            phase("tests", 33_900),
            phase("down", 4_100),
            phase("audit", 320),
        ],
        tests: vec![
            test("every replica sees a write", Verdict::Pass, 1_230, recording()),
            test(
                "a killed replica comes back with the same name and ports and catches up",
                Verdict::Pass,
                32_670,
                steps(),
            ),
        ],
        not_run: Vec::new(),
        metrics: vec![
            metric("replicas", "", &["100", "90", "97", "100"]),
            metric("throughput", "ops/s", &["81234", "79000.5", "80100.25"]),
        ],
        ending: Ending::Completed,
        teardown: Teardown::Clean,
        outcome: Outcome::Pass,
    }
}

/// A run where a test failed.
pub(super) fn failed() -> RunReport {
    let mut report = passed();
    report.tests.push(failed_test());
    report.metrics[1].failed = 2;
    report.metrics[1].errors.push("exit code 1, expected 0".to_owned());
    judged(report)
}

/// A run with a known failure and one that has healed.
pub(super) fn known() -> RunReport {
    let mut report = passed();
    let mut known = failed_test();
    known.verdict = Some(Verdict::KnownFailure);
    known.known_failure = Some("replicas lose their link for good (bug 17)".to_owned());
    let mut healed = test("a paused replica resumes", Verdict::UnexpectedPass, 700, Vec::new());
    healed.known_failure = Some("it never does (bug 18)".to_owned());
    report.tests.extend([known, healed]);
    report.not_run.push(NotRun { name: "the long one".to_owned(), why: WhyNotRun::Filtered });
    judged(report)
}

/// A run of which two tests failed by lateness under pressure.
pub(super) fn excused() -> RunReport {
    let mut report = passed();
    let late = |verdict, name: &str, evidence: &str| {
        let mut failure = failure("worker-0003", 1, "no end within 3s", "");
        failure.cause = Cause::TimedOut;
        let mut test =
            test(name, verdict, 4_100, vec![step("1", "exec on worker: redis-benchmark -n 1000", vec![failure])]);
        test.evidence = evidence.to_owned();
        test
    };
    let others = "local: CPU short for 3.6s of the 4.0s around its failure, made by others: 8.0 of 8 cores busy, nodes 0.9, \
                  others 6.9 (most by rustc, pid 4711); somebody waited 99 % of that time";
    let nodes =
        "local: 1 node that failed waited for 2.2s of the 4.0s around its failure because of their own CPU limit";
    report.tests.push(late(Verdict::Invalid, "a thousand requests in three seconds", others));
    report.tests.push(late(Verdict::Suspect, "a thousand more", nodes));
    judged(report)
}

/// A run that left something.
pub(super) fn residue() -> RunReport {
    let mut report = passed();
    let residue = |kind, subject: &str, remedy: &str| ResidueReport {
        host: HostId::new("local").unwrap(),
        residue: Residue {
            kind,
            cluster: Some(ClusterId::new("redis-replicas-x7k2").unwrap()),
            subject: subject.to_owned(),
            remedy: remedy.to_owned(),
        },
    };
    report.teardown = Teardown::Residue {
        residues: vec![
            residue(ResidueKind::Mount, "/run/throng/redis-replicas-x7k2/worker-0003/ramdisk/data", "umount it"),
            residue(ResidueKind::ReservedPorts, "20000-20100", "remove them from ip_local_reserved_ports"),
        ],
    };
    judged(report)
}

/// A run whose cluster did not come up.
pub(super) fn no_quorum() -> RunReport {
    let mut report = passed();
    let names = report.tests.drain(..).map(|test| test.name);
    report.not_run = names.map(|name| NotRun { name, why: WhyNotRun::NoCluster }).collect();
    report.metrics.clear();
    report.ending = Ending::QuorumNotMet {
        detail:
            "93 of 100 workers are up, 99 are needed\nworker-[0093-0099] (7): port 20093 is held by pid 4711 (nginx)"
                .to_owned(),
    };
    report.phases[3].ok = false;
    judged(report)
}

/// A run that was interrupted and whose cluster was kept.
pub(super) fn interrupted() -> RunReport {
    let mut report = passed();
    report.tests[1].verdict = None;
    report.tests[1].ended_by = "interrupted in step 2".to_owned();
    report.not_run.push(NotRun { name: "the last one".to_owned(), why: WhyNotRun::Interrupted });
    report.ending = Ending::Interrupted;
    report.teardown = Teardown::Kept {
        commands: vec!["throng ps redis-replicas-x7k2".to_owned(), "throng down redis-replicas-x7k2".to_owned()],
    };
    judged(report)
}

/// A run whose coordinator ended in the midst of it.
pub(super) fn left_off() -> RunReport {
    let mut report = passed();
    let names = report.tests.drain(..).map(|test| test.name);
    report.not_run = names.map(|name| NotRun { name, why: WhyNotRun::LeftOff }).collect();
    report.metrics.clear();
    let detail = "the coordinator ended in the midst of it, and what its tests came to is not known".to_owned();
    report.ending = Ending::LeftOff { detail };
    judged(report)
}

fn judged(mut report: RunReport) -> RunReport {
    report.outcome = outcome(&report.tests, &report.not_run, &report.ending, &report.teardown);
    report
}
