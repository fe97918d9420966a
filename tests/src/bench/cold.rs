//! A cluster up from nothing: coordinator and agent are started by the command, and their end is part of going down.

use super::benchmark::Benchmark::Cold;
use super::floor::{self, Step};
use super::run::Bench;

/// Measures it beside the floor. It ends the warm daemons, and leaves others as warm.
pub(super) fn measure(bench: &mut Bench<'_>) {
    for round in 0..bench.options.pairs {
        let _ = bench.ours.run(&["stop"]);
        let up = bench.ours.up();
        bench.ours.expect_up();
        let _ = bench.ours.down();
        bench.ours.expect_gone();
        let ramdisks = bench.load.provide();
        let floor_up = floor::run(bench.ours.engine, &bench.load, Step::Up, bench.width);
        floor::run(bench.ours.engine, &bench.load, Step::Down, bench.width);
        drop(ramdisks);
        bench.journal.sample(Cold, ("throng", "cold up s"), round, up.took.as_secs_f64());
        bench.journal.sample(Cold, ("floor", "up s"), round, floor_up.as_secs_f64());
    }
    bench.journal.compare(Cold, ("throng", "cold up s"), ("floor", "up s"), None, None);
    let _ = bench.ours.run(&["stop"]);
    bench.ours.warm();
}
