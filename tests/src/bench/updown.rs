//! A cluster up and down: throng, the floor, the floor again, and the peers, interleaved.

use std::time::Duration;

use super::benchmark::Benchmark::UpDown;
use super::engine::Engine;
use super::floor::{self, Step};
use super::load::{expect_gone, expect_up};
use super::peers::Peer;
use super::run::{Bench, say};

/// Up and down may take so much of what the floor takes.
const FLOOR_TARGET: f64 = 1.05;
/// The daemons may take so much of what engine and runtime take.
const CPU_TARGET: f64 = 0.05;
/// Bringing up must be so much faster than a Swarm's service.
const SWARM_TARGET: f64 = 1.0 / 3.0;

/// Whoever brings a cluster up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Throng,
    Floor,
    FloorAgain,
    Peer(Peer),
}

impl Subject {
    fn name(self) -> &'static str {
        match self {
            Self::Throng => "throng",
            Self::Floor => "floor",
            Self::FloorAgain => "floor again",
            Self::Peer(peer) => peer.name(),
        }
    }
}

/// What one up and down took.
struct Took {
    up: Duration,
    down: Duration,
    engine_cpu: (Duration, Duration),
    own_cpu: (Duration, Duration),
}

/// Measures it.
pub(super) fn measure(bench: &mut Bench<'_>) {
    let mut subjects = vec![Subject::Throng, Subject::Floor, Subject::FloorAgain];
    let peers = bench.peers.as_ref().map(|(_, peers)| peers.clone()).unwrap_or_default();
    subjects.extend(peers.iter().copied().map(Subject::Peer));
    'rounds: for round in 0..bench.options.pairs {
        // There and back: what comes later in a round comes earlier in the next.
        let order: Vec<Subject> =
            if round % 2 == 0 { subjects.clone() } else { subjects.iter().rev().copied().collect() };
        for subject in order {
            match one(bench, subject) {
                Ok(took) => keep(bench, subject, round, &took),
                Err(problem) => {
                    if !bench.goes_on_without(subject.name(), round, &problem) {
                        break 'rounds;
                    }
                }
            }
        }
        say(&format!("updown: round {} of {}", round + 1, bench.options.pairs));
    }
    compare(bench, &peers);
}

/// Brings up and takes down once. Whoever is compared with throng may fail; throng and the engine may not.
fn one(bench: &Bench<'_>, subject: Subject) -> Result<Took, String> {
    match subject {
        Subject::Throng => {
            let ours = &bench.ours;
            counted(
                ours.engine,
                || ours.account.cpu(),
                || {
                    let took = ours.up().took;
                    ours.expect_up();
                    Ok(took)
                },
                || Ok(ours.down().took),
                || ours.expect_gone(),
            )
        }
        Subject::Floor | Subject::FloorAgain => {
            let (engine, load) = (bench.ours.engine, &bench.load);
            let _ramdisks = load.provide();
            let gate = || expect_up(engine, &load.prefix, load.containers.len());
            let up = || {
                let took = floor::run(engine, load, Step::Up, bench.width);
                gate();
                Ok(took)
            };
            let down = || Ok(floor::run(engine, load, Step::Down, bench.width));
            counted(engine, Duration::default, up, down, || expect_gone(engine, &load.prefix, None))
        }
        Subject::Peer(peer) => {
            let (engine, _) = bench.peers.as_ref().expect("a peer has its engine");
            let load = &bench.load;
            let _ramdisks = load.provide();
            let up = || {
                let took = peer.up(engine, load)?;
                if peer.is_like_ours() {
                    expect_up(engine, &load.prefix, load.containers.len());
                }
                Ok(took)
            };
            counted(
                engine,
                Duration::default,
                up,
                || peer.down(engine, load),
                || expect_gone(engine, &load.prefix, None),
            )
        }
    }
}

/// Times both steps. The engine's CPU time is counted over each step with its gate, which is the same for all.
fn counted(
    engine: &Engine,
    own: impl Fn() -> Duration,
    up: impl FnOnce() -> Result<Duration, String>,
    down: impl FnOnce() -> Result<Duration, String>,
    gone: impl FnOnce(),
) -> Result<Took, String> {
    let at = |engine: &Engine| (engine.account.cpu(), own());
    let (engine_before, own_before) = at(engine);
    let up = up()?;
    let (engine_up, own_up) = at(engine);
    let down = down()?;
    gone();
    let (engine_down, own_down) = at(engine);
    Ok(Took {
        up,
        down,
        engine_cpu: (engine_up.saturating_sub(engine_before), engine_down.saturating_sub(engine_up)),
        own_cpu: (own_up.saturating_sub(own_before), own_down.saturating_sub(own_up)),
    })
}

fn keep(bench: &mut Bench<'_>, subject: Subject, round: usize, took: &Took) {
    let mut sample = |metric, value: Duration| {
        bench.journal.sample(UpDown, (subject.name(), metric), round, value.as_secs_f64());
    };
    sample("up s", took.up);
    sample("down s", took.down);
    sample("engine's CPU up s", took.engine_cpu.0);
    sample("engine's CPU down s", took.engine_cpu.1);
    if subject == Subject::Throng {
        sample("daemons' CPU up s", took.own_cpu.0);
        sample("daemons' CPU down s", took.own_cpu.1);
    }
}

fn compare(bench: &mut Bench<'_>, peers: &[Peer]) {
    let journal = &mut bench.journal;
    let same_up = journal.compare(UpDown, ("floor again", "up s"), ("floor", "up s"), None, None);
    let same_down = journal.compare(UpDown, ("floor again", "down s"), ("floor", "down s"), None, None);
    let floor = Some(FLOOR_TARGET);
    journal.compare(UpDown, ("throng", "up s"), ("floor", "up s"), floor, same_up.as_ref());
    journal.compare(UpDown, ("throng", "down s"), ("floor", "down s"), floor, same_down.as_ref());
    for peer in peers {
        let target = match peer {
            Peer::Compose | Peer::Cli => 1.0,
            Peer::Swarm => SWARM_TARGET,
        };
        journal.compare(UpDown, ("throng", "up s"), (peer.name(), "up s"), Some(target), same_up.as_ref());
        journal.compare(UpDown, ("throng", "down s"), (peer.name(), "down s"), None, None);
        journal.compare(UpDown, (peer.name(), "up s"), ("floor", "up s"), None, None);
    }
    let cpu = Some(CPU_TARGET);
    for (own, engine) in [("daemons' CPU up s", "engine's CPU up s"), ("daemons' CPU down s", "engine's CPU down s")] {
        journal.compare(UpDown, ("throng", own), ("floor", engine), cpu, None);
        journal.compare(UpDown, ("throng", engine), ("floor", engine), None, None);
    }
    bench.same = (same_up, same_down);
}
