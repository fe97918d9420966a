//! Forty-eight cases of what can happen to a test on a host that may or may not be under pressure, through the whole
//! engine: each has the one verdict that is right, set beforehand. Figures vary with the seed; verdicts must not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use throng_common::ids::HostId;
use throng_common::status::{
    AgentEvent, HostSample, NodePhase, NodeSample, NodeStatus, Party, PartyUse, Reason, ReasonKind, TopProcesses,
    UnixMillis,
};
use throng_common::verdict::Verdict;
use tokio::time::{Instant, sleep};

use super::super::fake::{Ask, FakeCluster, HOST, Reply, say};
use super::{How, run_measured};
use crate::cluster::sample;
use crate::measure::Measurements;

/// Every figure of a host is taken up to this share higher or lower.
const NOISE: f64 = 0.08;
/// A few of all seeds: another set on every machine would make failures that nobody can repeat.
const SEEDS: [u64; 4] = [1, 17, 4711, 99_991];

/// A second of a host with two cores and 8 GiB.
#[derive(Clone, Copy)]
struct Moment {
    nodes_cpu: f64,
    others_cpu: f64,
    throng_cpu: f64,
    stolen_cpu: f64,
    cpu_stalled: f64,
    memory_left: f64,
    nodes_memory: f64,
    memory_stalled: f64,
    io_stalled: f64,
    nodes_io: u64,
    others_io: u64,
    late: u64,
    oom: u64,
    node_oom: u64,
    disk_left: u64,
    clock_step: i64,
    throttled: u64,
}

const GIB: f64 = 1_073_741_824.0;
const CORES: f64 = 2.0;

const CALM: Moment = Moment {
    nodes_cpu: 0.2,
    others_cpu: 0.1,
    throng_cpu: 0.05,
    stolen_cpu: 0.0,
    cpu_stalled: 4.0,
    memory_left: 6.0,
    nodes_memory: 1.0,
    memory_stalled: 0.0,
    io_stalled: 2.0,
    nodes_io: 10_000,
    others_io: 50_000,
    late: 3,
    oom: 0,
    node_oom: 0,
    disk_left: 40 << 30,
    clock_step: 0,
    throttled: 0,
};

/// Somebody else keeps both cores busy.
const OTHERS_CPU: Moment = Moment { nodes_cpu: 0.2, others_cpu: 1.75, cpu_stalled: 95.0, late: 25, ..CALM };
/// The nodes keep both cores busy.
const NODES_CPU: Moment = Moment { nodes_cpu: 1.8, others_cpu: 0.1, cpu_stalled: 95.0, late: 25, ..CALM };
/// Throng itself does, for its nodes.
const THRONG_CPU: Moment = Moment { nodes_cpu: 0.4, others_cpu: 0.1, throng_cpu: 1.45, cpu_stalled: 90.0, ..CALM };
/// Somebody else waits for a CPU limit of their own: cores are free.
const OTHERS_LIMIT: Moment = Moment { others_cpu: 0.6, cpu_stalled: 95.0, ..CALM };
const OTHERS_MEMORY: Moment =
    Moment { memory_left: 0.3, nodes_memory: 1.0, memory_stalled: 60.0, io_stalled: 30.0, ..CALM };
const NODES_MEMORY: Moment =
    Moment { memory_left: 0.3, nodes_memory: 6.9, memory_stalled: 60.0, io_stalled: 30.0, ..CALM };
/// Somebody else runs into a memory limit of their own.
const OTHERS_MEMORY_LIMIT: Moment = Moment { memory_stalled: 80.0, ..CALM };
const OTHERS_IO: Moment = Moment { io_stalled: 92.0, others_io: 90_000_000, ..CALM };
const NODES_IO: Moment = Moment { io_stalled: 92.0, nodes_io: 90_000_000, ..CALM };
const STOLEN: Moment = Moment { stolen_cpu: 0.9, cpu_stalled: 40.0, ..CALM };
const LATE: Moment = Moment { late: 1_500, ..CALM };

/// What the nodes do when they are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nodes {
    /// They answer rightly and at once.
    Right,
    /// They answer rightly after eleven seconds: too late for the test.
    Slow,
    /// They never answer.
    Hang,
    /// They answer wrongly, whenever they are asked.
    Wrong,
    /// They answer "not yet" and never anything else.
    NotYet,
    /// One of them ends by itself.
    Crash,
    /// The host gives no answer for them.
    Silent,
}

/// What happens besides.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Besides {
    Nothing,
    EngineHangs,
    AgentIsLost,
}

struct Case {
    name: &'static str,
    nodes: Nodes,
    /// The host in second 0, 1, 2 … of the test, which fails after ten.
    host: fn(u64) -> Moment,
    besides: Besides,
    verdict: Verdict,
    /// Whether the system under test really has the fault that the test looks for.
    bug: bool,
}

fn case(name: &'static str, nodes: Nodes, host: fn(u64) -> Moment, verdict: Verdict) -> Case {
    Case { name, nodes, host, besides: Besides::Nothing, verdict, bug: false }
}

fn bug(name: &'static str, nodes: Nodes, host: fn(u64) -> Moment, verdict: Verdict) -> Case {
    Case { bug: true, ..case(name, nodes, host, verdict) }
}

fn passes() -> Vec<Case> {
    use Nodes::Right;
    use Verdict::Pass;
    vec![
        case("all is well", Right, |_| CALM, Pass),
        case("others take the CPU and it holds all the same", Right, |_| OTHERS_CPU, Pass),
        case("the nodes take the CPU and it holds all the same", Right, |_| NODES_CPU, Pass),
        case("memory is short by others and it holds", Right, |_| OTHERS_MEMORY, Pass),
        case("memory is short by the nodes and it holds", Right, |_| NODES_MEMORY, Pass),
        case("disks are busy by others and it holds", Right, |_| OTHERS_IO, Pass),
        case("cores are stolen and it holds", Right, |_| STOLEN, Pass),
        case("timers are late and it holds", Right, |_| LATE, Pass),
        case("a disk is full and it holds", Right, |_| Moment { disk_left: 0, ..CALM }, Pass),
        case("the clock is set and it holds", Right, |at| Moment { clock_step: step(at, 5_000), ..CALM }, Pass),
        Case { besides: Besides::EngineHangs, ..case("the engine hangs and it holds", Right, |_| CALM, Pass) },
    ]
}

fn failures() -> Vec<Case> {
    use Nodes::{Crash, Hang, NotYet, Slow, Wrong};
    use Verdict::Fail;
    vec![
        bug("a wrong value on a calm host", Wrong, |_| CALM, Fail),
        bug("a hang on a calm host", Hang, |_| CALM, Fail),
        bug("never in time on a calm host", NotYet, |_| CALM, Fail),
        bug("a crash on a calm host", Crash, |_| CALM, Fail),
        bug("a wrong value while others take the CPU", Wrong, |_| OTHERS_CPU, Fail),
        bug("a wrong value while the nodes take the CPU", Wrong, |_| NODES_CPU, Fail),
        bug("a wrong value while memory is short", Wrong, |_| OTHERS_MEMORY, Fail),
        bug("a wrong value while disks are busy", Wrong, |_| OTHERS_IO, Fail),
        bug("a wrong value after the clock was set", Wrong, |at| Moment { clock_step: step(at, -9_000), ..CALM }, Fail),
        bug("a wrong value on a full disk", Wrong, |_| Moment { disk_left: 0, ..CALM }, Fail),
        bug("a crash while others take the CPU", Crash, |_| OTHERS_CPU, Fail),
        bug("a crash while the nodes take the CPU", Crash, |_| NODES_CPU, Fail),
        bug("a hang, and pressure for too short to explain it", Hang, |at| during(at, 3..5, OTHERS_CPU), Fail),
        bug("never in time, and pressure only afterwards", NotYet, |at| during(at, 11..20, OTHERS_CPU), Fail),
        bug("a hang while others wait for limits of their own", Hang, |_| OTHERS_LIMIT, Fail),
        bug("a hang while others are short of their own memory", Hang, |_| OTHERS_MEMORY_LIMIT, Fail),
        bug("slow, and others are busy but leave a core free", Slow, |_| Moment { others_cpu: 1.0, ..CALM }, Fail),
        bug("a hang while one tick is late", Hang, |at| during(at, 4..5, LATE), Fail),
        bug(
            "a hang while a node's own limit kills it",
            Hang,
            |at| during(at, 4..5, Moment { oom: 1, node_oom: 1, ..CALM }),
            Fail,
        ),
        bug("a hang while the clock drifts a little", Hang, |_| Moment { clock_step: 150, ..CALM }, Fail),
    ]
}

fn invalids() -> Vec<Case> {
    use Nodes::{Hang, NotYet, Silent, Slow};
    use Verdict::Invalid;
    vec![
        case("others take the CPU", Slow, |_| OTHERS_CPU, Invalid),
        case("others take the CPU for half of the time", NotYet, |at| during(at, 2..8, OTHERS_CPU), Invalid),
        case(
            "others take more of the CPU than the nodes",
            Slow,
            |_| Moment { nodes_cpu: 0.6, others_cpu: 1.3, ..OTHERS_CPU },
            Invalid,
        ),
        case("memory is short by others", Slow, |_| OTHERS_MEMORY, Invalid),
        case("disks are busy by others", NotYet, |_| OTHERS_IO, Invalid),
        case("the hypervisor takes cores away", Slow, |_| STOLEN, Invalid),
        case("the host does not wake its programs", NotYet, |_| LATE, Invalid),
        case(
            "the kernel kills something else for memory",
            Silent,
            |at| during(at, 4..5, Moment { oom: 1, memory_left: 0.4, ..CALM }),
            Invalid,
        ),
        case("others fill the disk", NotYet, |_| Moment { disk_left: 4 << 20, ..CALM }, Invalid),
        case("the clock is set forward", NotYet, |at| Moment { clock_step: step(at, 60_000), ..CALM }, Invalid),
        case("the clock is set back", Slow, |at| Moment { clock_step: step(at, -5_000), ..CALM }, Invalid),
        Case { besides: Besides::EngineHangs, ..case("the engine hangs", Hang, |_| CALM, Invalid) },
        Case { besides: Besides::AgentIsLost, ..case("the agent is lost", Silent, |_| CALM, Invalid) },
    ]
}

fn suspects() -> Vec<Case> {
    use Nodes::{Hang, NotYet, Slow};
    use Verdict::Suspect;
    vec![
        case("the nodes take the CPU", Slow, |_| NODES_CPU, Suspect),
        case("the nodes take the CPU for half of the time", NotYet, |at| during(at, 2..8, NODES_CPU), Suspect),
        case(
            "the nodes take more of the CPU than others",
            Slow,
            |_| Moment { nodes_cpu: 1.3, others_cpu: 0.6, ..NODES_CPU },
            Suspect,
        ),
        case("throng takes the CPU for its nodes", NotYet, |_| THRONG_CPU, Suspect),
        case("memory is short by the nodes", Slow, |_| NODES_MEMORY, Suspect),
        case("disks are busy by the nodes", NotYet, |_| NODES_IO, Suspect),
        case("the nodes wait for their own CPU limits", Slow, |_| Moment { throttled: 700, ..CALM }, Suspect),
        case("timers are late because of the nodes", Slow, |_| Moment { late: 900, ..NODES_CPU }, Suspect),
        case(
            "the nodes fill the disk",
            NotYet,
            |_| Moment { disk_left: 4 << 20, nodes_io: 90_000_000, ..CALM },
            Suspect,
        ),
        case(
            "the nodes' memory has the kernel kill something else",
            Slow,
            |at| during(at, 4..5, Moment { oom: 1, ..NODES_MEMORY }),
            Suspect,
        ),
        bug("a hang that the nodes' own load may explain", Hang, |_| NODES_CPU, Suspect),
    ]
}

fn during(at: u64, seconds: std::ops::Range<u64>, then: Moment) -> Moment {
    if seconds.contains(&at) { then } else { CALM }
}

fn step(at: u64, millis: i64) -> i64 {
    if at == 4 { millis } else { 0 }
}

/// A host as its agent would tell of it.
struct Teller {
    measurements: Arc<Measurements>,
    random: StdRng,
    host: HostId,
    sample: HostSample,
    node: NodeSample,
}

impl Teller {
    fn new(measurements: Arc<Measurements>, seed: u64) -> Self {
        let node = NodeSample {
            cluster: "fake-x7k2".parse().unwrap(),
            node: "worker-0000".parse().unwrap(),
            at: UnixMillis(0),
            cpu_usage_micros: 0,
            throttled_micros: 0,
            anonymous_bytes: 0,
            ramdisk_bytes: 0,
            kernel_bytes: None,
            oom_kills: 0,
        };
        let sample = HostSample {
            at: UnixMillis(5_000_000),
            uptime: Duration::from_secs(1000),
            psi_cpu_stalled: Some(Duration::ZERO),
            psi_memory_stalled: Some(Duration::ZERO),
            psi_io_stalled: Some(Duration::ZERO),
            ..HostSample::default()
        };
        Self { measurements, random: StdRng::seed_from_u64(seed), host: HOST.parse().unwrap(), sample, node }
    }

    fn about(&mut self, figure: f64) -> f64 {
        figure * (1.0 + self.random.random_range(-NOISE..NOISE))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "figures of a made-up host")]
    fn tell(&mut self, now: Moment) {
        let stalled = |before: &mut Option<Duration>, percent: f64| {
            *before = before.map(|before| before + Duration::from_secs_f64(percent.clamp(0.0, 99.0) / 100.0));
        };
        let nodes_cpu = self.about(now.nodes_cpu);
        let (others, throng) = (self.about(now.others_cpu), self.about(now.throng_cpu));
        let (cpu, memory, io) =
            (self.about(now.cpu_stalled), self.about(now.memory_stalled), self.about(now.io_stalled));
        let at = self.sample.at.0 + 1_000;
        self.node.at = UnixMillis(at);
        self.sample.at = UnixMillis(at.saturating_add_signed(now.clock_step));
        self.sample.uptime += Duration::from_secs(1);
        self.sample.cpu_busy_cores = (nodes_cpu + others + throng).min(CORES - now.stolen_cpu);
        self.sample.cpu_stolen_cores = self.about(now.stolen_cpu);
        stalled(&mut self.sample.psi_cpu_stalled, cpu);
        stalled(&mut self.sample.psi_memory_stalled, memory);
        stalled(&mut self.sample.psi_io_stalled, io);
        self.sample.memory_available_bytes = (self.about(now.memory_left) * GIB) as u64;
        self.sample.late_max = Some(Duration::from_millis(now.late));
        self.sample.oom_kills += now.oom;
        self.sample.disk_free_bytes = now.disk_left;
        let used = |party, cpu_cores, io_bytes_per_second| PartyUse {
            party,
            cpu_cores,
            memory_bytes: 1 << 20,
            io_bytes_per_second,
            top: TopProcesses::default(),
        };
        self.sample.uses = vec![
            used(Party::Nodes, nodes_cpu, now.nodes_io),
            used(Party::Engine, 0.02, 0),
            used(Party::Throng, throng, 0),
            used(Party::Others, others, now.others_io),
        ];
        self.node.cpu_usage_micros += (nodes_cpu * 1e6) as u64;
        self.node.throttled_micros += now.throttled * 1000;
        self.node.anonymous_bytes = (now.nodes_memory * GIB) as u64;
        self.node.oom_kills += now.node_oom;
        self.say(AgentEvent::Host(self.sample.clone()));
        self.say(AgentEvent::Nodes(vec![self.node.clone()]));
    }

    fn say(&self, event: AgentEvent) {
        self.measurements.happened(&self.host, &event);
    }
}

fn status(phase: NodePhase, kind: Option<ReasonKind>) -> NodeStatus {
    let reason = kind.map(|kind| Reason::new(kind, "exit code 1"));
    NodeStatus { phase, reason, ..sample::ready("fake-x7k2", "worker-0000") }
}

fn answer(nodes: Nodes, ask: &Ask) -> Reply {
    match nodes {
        Nodes::Right => say("right"),
        Nodes::Slow => Reply::Say(Duration::from_secs(11), 0, "right".to_owned()),
        Nodes::Hang | Nodes::Crash => Reply::Say(Duration::from_secs(10_000), 0, String::new()),
        Nodes::Wrong | Nodes::NotYet => say(format!("not yet ({})", ask.attempt)),
        Nodes::Silent => Reply::Nothing,
    }
}

/// The verdict that the engine gives, with its evidence.
async fn judged(case: &Case, seed: u64) -> (Option<Verdict>, String) {
    let nodes = case.nodes;
    let cluster = Arc::new(FakeCluster::new(&[("primary", 1), ("worker", 1)], move |ask| answer(nodes, ask)));
    let measurements = Arc::new(Measurements::default());
    let mut teller = Teller::new(Arc::clone(&measurements), seed);
    let (host, besides) = (case.host, case.besides);
    let telling = tokio::spawn(async move {
        let began = Instant::now();
        for second in 0.. {
            match (second, besides, nodes) {
                (3, Besides::EngineHangs, _) => teller.say(engine_lost()),
                (3, Besides::AgentIsLost, _) => teller.measurements.linked(&teller.host, false),
                (4, _, Nodes::Crash) => {
                    teller.say(AgentEvent::Node(status(NodePhase::Backoff, Some(ReasonKind::Exited))));
                }
                _ => {}
            }
            if !(besides == Besides::AgentIsLost && second >= 3) {
                teller.tell(host(second));
            }
            let next = began + Duration::from_secs(second + 1);
            sleep(next.saturating_duration_since(Instant::now())).await;
        }
    });
    // A wrong value is final; what may still become right is asked again until its time is over.
    let within = if nodes == Nodes::Wrong { "" } else { ", within = \"10s\"" };
    let test = format!(
        "[[test]]\nname = \"t\"\nstep = [ {{ exec = [\"get\"], on = \"worker\", timeout = \"10s\", expect = {{ stdout = \
         \"right\" }}{within} }} ]"
    );
    let ran = run_measured(&test, cluster, How::default(), &measurements).await;
    telling.abort();
    let report = ran.only();
    (report.verdict, report.evidence.clone())
}

fn engine_lost() -> AgentEvent {
    AgentEvent::Progress(throng_common::status::HostProgress {
        generation: throng_common::ids::Generation(1),
        settled: true,
        unsettled: vec![],
        problems: vec![Reason::new(ReasonKind::EngineHung, "no answer within 10s")],
        clusters: vec![],
    })
}

/// Judged against expected, as a table.
fn confusion(counts: &BTreeMap<(&str, &str), u32>) -> String {
    const WORDS: [&str; 4] = ["PASS", "FAIL", "INVALID", "SUSPECT"];
    let mut table = format!("{:>20}", "right \\ judged");
    for word in WORDS {
        let _ = write!(table, "{word:>9}");
    }
    for right in WORDS {
        let _ = write!(table, "\n{right:>20}");
        for judged in WORDS {
            let _ = write!(table, "{:>9}", counts.get(&(right, judged)).copied().unwrap_or(0));
        }
    }
    table
}

#[tokio::test(start_paused = true)]
async fn every_case_gets_the_one_verdict_that_is_right_whatever_the_seed() {
    let cases: Vec<Case> = [passes(), failures(), invalids(), suspects()].into_iter().flatten().collect();
    let mut wrong = Vec::new();
    let mut counts = BTreeMap::new();
    for seed in SEEDS {
        for case in &cases {
            let (verdict, evidence) = judged(case, seed).await;
            let word = verdict.map_or("none", Verdict::word);
            *counts.entry((case.verdict.word(), word)).or_insert(0) += 1;
            let excused = matches!(verdict, Some(Verdict::Invalid | Verdict::Suspect));
            if verdict != Some(case.verdict) || excused == evidence.is_empty() {
                wrong.push(format!("seed {seed}: {}: {word}, not {} ({evidence})", case.name, case.verdict.word()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", confusion(&counts), wrong.join("\n"));
    let of = |verdict: Verdict| cases.iter().filter(|case| case.verdict == verdict).count();
    for verdict in [Verdict::Pass, Verdict::Fail, Verdict::Invalid, Verdict::Suspect] {
        assert!(of(verdict) >= 10, "{verdict}: {}", of(verdict));
    }
    let under_pressure = |case: &&Case| case.bug && !case.name.contains("calm");
    assert!(cases.iter().filter(under_pressure).count() >= 10 && cases.len() >= 40);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_the_test_itself_kills_has_not_ended_by_itself() {
    let measurements = Arc::new(Measurements::default());
    let cluster = Arc::new(FakeCluster::new(&[("primary", 1), ("worker", 1)], |ask| match ask.text.as_str() {
        "get" => Reply::Say(Duration::from_secs(11), 0, String::new()),
        _ => say(""),
    }));
    let mut teller = Teller::new(Arc::clone(&measurements), 1);
    let telling = tokio::spawn(async move {
        for second in 0.. {
            teller.tell(OTHERS_CPU);
            if second == 1 {
                teller.say(AgentEvent::Node(status(NodePhase::Backoff, Some(ReasonKind::Signalled))));
            }
            sleep(Duration::from_secs(1)).await;
        }
    });
    let test = "[[test]]\nname = \"t\"\nstep = [ { kill = \"worker\" }, { exec = [\"get\"], on = \"worker\", timeout = \"10s\" } ]";
    let ran = run_measured(test, cluster, How::default(), &measurements).await;
    telling.abort();
    assert_eq!(ran.only().verdict, Some(Verdict::Invalid), "{:?}", ran.only());
}
