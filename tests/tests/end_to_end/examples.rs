//! The examples, small: real Redis, real NATS, real Alluxio.

use std::time::Duration;

use throng_tests::programs::{repository, script};
use throng_tests::site::in_site;

/// A start of real servers, their tests and the teardown.
const EXAMPLE_TIMEOUT: Duration = Duration::from_secs(180);
/// Seven JVMs start, and each look from outside is one more.
const ALLUXIO_TIMEOUT: Duration = Duration::from_mins(8);
/// The pool of the harness (see `throng_tests::tiny::PORTS`).
const PORTS: &str = "fleet.ports=\"28000-28999\"";

#[test]
fn the_redis_example_passes_with_three_replicas() {
    script("examples/redis/prepare.sh", &[]);
    in_site(|site| {
        let scenario = repository().join("examples/redis/redis.toml").display().to_string();
        let name = format!("scenario.name=\"{}\"", site.name());
        let sets = [&name, PORTS, "param.workers=3", "param.more=5", "param.fewer=2"];
        let mut arguments = vec!["run", &scenario];
        arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
        let run = site.throng_within(EXAMPLE_TIMEOUT, &arguments).expect_code(0);
        let _ = run.expect_said(&["every replica sees a write", "nothing left behind"]);
    });
}

#[test]
fn the_nats_example_passes_with_three_leaves() {
    script("examples/nats/prepare.sh", &[]);
    in_site(|site| {
        let scenario = repository().join("examples/nats/nats.toml").display().to_string();
        let name = format!("scenario.name=\"{}\"", site.name());
        let run = ["run", &scenario, "--set", &name, "--set", PORTS, "--set", "param.workers=3"];
        let _ = site.throng_within(EXAMPLE_TIMEOUT, &run).expect_code(0).expect_said(&["nothing left behind"]);
    });
}

#[test]
#[cfg_attr(not(alluxio), ignore = "Maven or jlink is not here, or examples/alluxio/prepare.sh has failed")]
fn the_alluxio_example_passes_with_five_workers() {
    in_site(|site| {
        let scenario = repository().join("examples/alluxio/alluxio.toml").display().to_string();
        let name = format!("scenario.name=\"{}\"", site.name());
        let run = ["run", &scenario, "--set", &name, "--set", PORTS, "--set", "param.workers=5"];
        let _ = site.throng_within(ALLUXIO_TIMEOUT, &run).expect_code(0).expect_said(&["nothing left behind"]);
    });
}
