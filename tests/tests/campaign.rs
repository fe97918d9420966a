//! Short plays of the kill loop, the campaign and the planted faults. Longer ones are commands of their own: `make
//! kill-loop`, `make campaign`, `make planted-faults`.
//!
//! They need the programs with points at which they can be killed: `--features failpoints`.

use std::time::Duration;

use throng_tests::draws::seed;
use throng_tests::{campaign, kill_loop, panics};

/// How long each play may go on before it begins nothing new.
const BOUND: Duration = Duration::from_secs(80);
const SHRINK: Duration = Duration::from_secs(120);

#[test]
fn whatever_goes_wrong_every_invariant_holds() {
    let steps = (0..1000).collect();
    let seed = seed();
    let options = campaign::Options { seed, steps, bound: Some(BOUND), shrink: SHRINK };
    let tally = campaign::run(&options);
    assert!(tally.is_good() && tally.steps > 0, "SEED={seed}\n{tally}");
}

#[test]
fn whoever_is_killed_at_whatever_point_every_invariant_holds() {
    let seed = seed();
    let options =
        kill_loop::Options { seed, kills: 1000, from: 0, only: None, points: String::new(), bound: Some(BOUND) };
    let tally = kill_loop::run(options);
    assert!(tally.problems() == 0 && tally.hits() > 0, "SEED={seed}\n{tally}");
}

#[test]
fn a_panic_in_the_work_on_one_node_is_that_nodes_and_one_in_the_loop_ends_the_agent() {
    let problems = panics::play();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn faults_of_throngs_own_are_found() {
    let first = usize::try_from(seed()).unwrap_or_default();
    let tally = campaign::planted::run("", Some((BOUND, first)));
    assert!(tally.is_good(), "{tally}");
}
