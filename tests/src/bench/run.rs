//! From the options to the table.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use super::benchmark::Benchmark;
use super::clean::{Clean, MARK_PREFIX};
use super::engine::{Engine, Manner};
use super::figures::Ratio;
use super::journal::Journal;
use super::load::Load;
use super::options::Options;
use super::ours::Ours;
use super::peers::Peer;
use super::{adopt, cold, demo, density, exec, floor, idle, machine, ports, updown};
use crate::site::alone;

/// What the benchmarks work with.
pub(super) struct Bench<'e> {
    /// What they were told.
    pub(super) options: Options,
    /// What was measured.
    pub(super) journal: Journal,
    /// throng, warm, on the engine that the floor uses too.
    pub(super) ours: Ours<'e>,
    /// What is brought up.
    pub(super) load: Load,
    /// Calls at once with which the floor does best.
    pub(super) width: usize,
    /// The peers' engine, with those that are here.
    pub(super) peers: Option<(&'e Engine, Vec<Peer>)>,
    /// How the floor compares with itself, bringing up and taking down; none before it was measured.
    pub(super) same: (Option<Ratio>, Option<Ratio>),
}

impl Bench<'_> {
    /// Notes that a peer did not come to its end in a round, and removes what it left. False: it cannot be removed, and is
    /// in the way of whoever comes next.
    pub(super) fn goes_on_without(&mut self, peer: &str, round: usize, problem: &str) -> bool {
        self.journal.note(format!("Round {} is without {peer}: {problem}", round + 1));
        let Some((engine, _)) = self.peers else { return true };
        engine.remove_containers();
        let is_gone = engine.containers().is_empty();
        if !is_gone {
            self.journal.note("It was the last one: the peers' containers cannot be removed.".to_owned());
        }
        is_gone
    }
}

/// Measures what the options say, prints the table and keeps the figures; where they lie.
pub fn run(options: Options) -> PathBuf {
    let _alone = alone();
    let _clean = Clean::begin();
    let suffix = throng_common::ids::random_suffix(6);
    let engine = Engine::start(&format!("{MARK_PREFIX}engine-{suffix}"), Manner::LiveRestore);
    let other = options.peers.then(|| Engine::start(&format!("{MARK_PREFIX}peers-{suffix}"), Manner::Plain));
    say(&format!("{} build, {} nodes, {} pairs", machine::build(), options.nodes, options.pairs));
    let mut ours = Ours::new(&engine, options.nodes);
    let began = Instant::now();
    let load = ours.recorded();
    say(&format!("gate passed: {} containers up and gone again in {:.1?}", options.nodes, began.elapsed()));
    let began_under = machine::load();
    let width = floor::best_width(&engine, &load.first(floor::SEARCHED));
    let mut journal = Journal::default();
    journal.note(format!("The floor does best with {width} calls at once. Load average before: {began_under}."));
    let peers = other.as_ref().map(|other| (other, present(&engine, other, &load, &mut journal)));
    ours.warm();
    let mut bench = Bench { options, journal, ours, load, width, peers, same: (None, None) };
    for benchmark in Benchmark::ALL.into_iter().filter(|benchmark| bench.options.has(*benchmark)).collect::<Vec<_>>() {
        let began = Instant::now();
        match benchmark {
            Benchmark::UpDown => updown::measure(&mut bench),
            Benchmark::Cold => cold::measure(&mut bench),
            Benchmark::Ports => ports::measure(&mut bench),
            Benchmark::Idle => idle::measure(&mut bench),
            Benchmark::Adopt => adopt::measure(&mut bench),
            Benchmark::Exec => exec::measure(&mut bench),
            Benchmark::Demo => demo::measure(&mut bench),
            Benchmark::Density => density::measure(&mut bench),
        }
        say(&format!("{benchmark}: done in {:.1?}", began.elapsed()));
    }
    if machine::build() != "release" {
        bench.journal.note("The build is unoptimised: no figure means anything.".to_owned());
    }
    let path = bench.journal.keep(&bench.options, &engine.version());
    say(&format!("\n{}\nkept in {}", bench.journal.table(), path.display()));
    path
}

/// The peers that are here, with the image on their engine. Why one is not here is noted.
fn present(engine: &Engine, other: &Engine, load: &Load, journal: &mut Journal) -> Vec<Peer> {
    let image = load.bodies()[0].1["Image"].as_str().expect("bodies name an image").to_owned();
    engine.share_image(&image, other);
    let mut present = Vec::new();
    for peer in Peer::ALL {
        match peer.provide(other) {
            Ok(()) => present.push(peer),
            Err(why) => journal.note(format!("Not measured: {}: {}", peer.name(), why.trim())),
        }
    }
    present
}

/// Tells somebody who waits.
pub(super) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that left has seen enough.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
