//! Ports cost nothing: clusters whose workers have one, five, twenty and fifty of them.
//!
//! A worker without any port could not show that it runs; the first one is every worker's.

use super::benchmark::Benchmark::Ports;
use super::run::{Bench, say};

/// How many further ports a worker has.
const COUNTS: [usize; 4] = [0, 5, 20, 50];
/// Bringing up with ports may take so much of bringing up without.
const TARGET: f64 = 1.05;

/// Measures it.
pub(super) fn measure(bench: &mut Bench<'_>) {
    let scenarios = COUNTS.map(|count| (count, bench.ours.write(&format!("ports-{count}.toml"), 1 + count)));
    for round in 0..bench.options.pairs {
        let mut order: Vec<&(usize, String)> = scenarios.iter().collect();
        order.rotate_left(round % COUNTS.len());
        for (count, scenario) in order {
            let up = bench.ours.up_of(scenario);
            bench.ours.expect_up();
            let _ = bench.ours.down();
            bench.journal.sample(Ports, (&side(*count), "up s"), round, up.took.as_secs_f64());
        }
        say(&format!("ports: round {} of {}", round + 1, bench.options.pairs));
    }
    bench.ours.expect_gone();
    let same = bench.same.0;
    for count in &COUNTS[1..] {
        bench.journal.compare(Ports, (&side(*count), "up s"), (&side(0), "up s"), Some(TARGET), same.as_ref());
    }
}

fn side(count: usize) -> String {
    format!("{count} further ports")
}
