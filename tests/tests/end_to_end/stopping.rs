//! Nodes are stopped as their role says, also when they are no longer wanted.

use std::fs;
use std::time::{Duration, Instant};

use throng_tests::site::{COMMAND_TIMEOUT, Site, in_site};
use throng_tests::wait::wait_for;
use throng_tests::{agent, tiny};

const RELUCTANT: &str = include_str!("../../fixtures/reluctant.toml");
/// How long a keeper takes to end by itself, and more than a worker does.
const RELUCTANCE: Duration = Duration::from_secs(12);

/// Brings the reluctant nodes up.
fn up(site: &Site) {
    let scenario = tiny::write_scenario(site.folder(), "reluctant.toml", site.name(), RELUCTANT);
    let words = site.folder().join("words");
    fs::create_dir(&words).unwrap();
    let words = format!("param.words={}", words.display());
    let _ = site.throng(&["up", &scenario, "--set", &words]).expect_code(0);
}

/// The nodes that were let end by themselves.
fn words(site: &Site) -> Vec<String> {
    let entries = fs::read_dir(site.folder().join("words")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_container_that_leaves_gets_its_roles_signal_and_grace() {
    in_site(|site| {
        up(site);
        let _ = site.throng(&["scale", "worker=1"]).expect_code(0);
        wait_for("worker-0001 ends by itself", COMMAND_TIMEOUT, || match words(site) {
            words if words == ["worker-0001"] => Ok(()),
            words => Err(format!("{words:?}")),
        });
        // The hub goes at the same time as the last worker, who finds nobody to tell.
        site.down();
        assert_eq!(words(site), ["keeper-0000", "worker-0001"]);
    });
}

#[test]
fn a_process_that_leaves_gets_its_roles_signal_and_grace_also_from_another_agent() {
    in_site(|site| {
        up(site);
        let down = site.start("throng", &["down", "--yes"]);
        let begun = Instant::now();
        wait_for("the keeper is asked to end", COMMAND_TIMEOUT, || {
            let ps = site.throng(&["ps", "--format", "json"]).expect_code(0);
            if ps.stdout.contains("stopping") { Ok(()) } else { Err(ps.stdout) }
        });
        agent::lose(site);
        agent::start(site);
        assert!(begun.elapsed() < RELUCTANCE, "too slow a machine: the keeper had ended before its new agent came");
        // It waits for a host that is away.
        let _ = down.end(COMMAND_TIMEOUT).expect_code(0).expect_said(&["nothing left behind"]);
        assert_eq!(words(site), ["keeper-0000"]);
    });
}
