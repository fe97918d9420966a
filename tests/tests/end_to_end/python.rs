//! The client of the API guide, as somebody runs it who automates.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use throng_tests::finished::{Finished, Running};
use throng_tests::programs::repository;
use throng_tests::site::{Site, in_site};

/// Starting Python and loading gRPC takes a second or two.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);

#[test]
#[cfg_attr(not(python), ignore = "THRONG_TEST_PYTHON names no Python of examples/grpc/prepare.sh")]
fn the_guides_client_lists_nodes_and_runs_a_command_in_each_as_its_certificate_allows() {
    in_site(|site| {
        let _ = site.up();
        let operator = certificate(site, "ci", "operator");
        let all = client(site, &operator, &["worker", "--", "cat", "/data/name"]).expect_code(0);
        for name in ["worker-0000", "worker-0001", "worker-0002"] {
            assert!(all.stdout.contains(&format!("{name}    running  ready")), "{all}");
            assert!(all.stdout.contains(&format!("{name}: exit code 0 after ")), "{all}");
            assert!(all.stdout.lines().any(|line| line.ends_with(&format!(" ms: {name}"))), "{all}");
        }
        let one = ["worker", "--", "sh", "-c", "test $(cat /data/name) = worker-0001"];
        let _ = client(site, &operator, &one).expect_code(1).expect_said(&["worker-0001: exit code 0", "exit code 1"]);
        let _ =
            client(site, &operator, &["nobody"]).expect_code(3).expect_said(&["NOT_FOUND: `nobody` selects no node"]);

        let viewer = certificate(site, "look", "viewer");
        let _ = client(site, &viewer, &["worker"]).expect_code(0).expect_said(&["worker-0002"]);
        let _ = client(site, &viewer, &["worker", "--", "true"]).expect_code(3).expect_said(&["PERMISSION_DENIED: "]);
        site.down();
    });
}

/// What `throng operator add` says of the files that it wrote.
fn certificate(site: &Site, name: &str, role: &str) -> Value {
    let folder = site.folder().display().to_string();
    site.throng(&["operator", "add", name, "--role", role, "--out", &folder, "--format", "json"]).expect_code(0).json()
}

fn client(site: &Site, who: &Value, arguments: &[&str]) -> Finished {
    let python = std::env::var("THRONG_TEST_PYTHON").expect("the test was built with it");
    let mut command = Command::new(python);
    command.arg(repository().join("examples/grpc/nodes.py")).args(arguments).current_dir(site.folder());
    for (variable, key) in [("CONNECT", "address"), ("CA", "ca"), ("CERT", "certificate"), ("KEY", "key")] {
        command.env(format!("THRONG_{variable}"), who[key].as_str().expect("`operator add` names its files"));
    }
    Running::start(&mut command, format!("nodes.py {}", arguments.join(" "))).end(CLIENT_TIMEOUT)
}
