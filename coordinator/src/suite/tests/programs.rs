//! Real programs, so real time.

use std::collections::BTreeMap;
use std::sync::Arc;

use throng_common::verdict::Verdict;

use super::super::fake::{FakeCluster, say};
use super::{How, Ran, failures, run_with};
use crate::report::model::Cause;

async fn run_script(script: &str, step: &str) -> Ran {
    let files = BTreeMap::from([
        ("check.sh".to_owned(), script.as_bytes().to_vec()),
        ("data/input.txt".to_owned(), b"input\n".to_vec()),
    ]);
    let cluster = Arc::new(FakeCluster::new(&[("primary", 1), ("worker", 2)], |_| say("")));
    let tests = format!("[[test]]\nname = \"A program's own test!\"\nstep = [{step}]");
    run_with(&tests, cluster, How { files, seed: 5, ..How::default() }).await
}

#[tokio::test]
async fn a_program_finds_the_cluster_its_files_and_throng() {
    let script = r#"#!/bin/sh
        set -e
        grep -q fake-x7k2 "$THRONG_CLUSTER_FILE"
        test -d "$THRONG_RUN_DIR"
        cat data/input.txt
        echo "$THRONG_CLUSTER $THRONG_WORKER_COUNT $THRONG_PRIMARY_ADDRESS:$THRONG_PRIMARY_PORT_REDIS $THRONG_BIN $THRONG_SEED $1 $OWN $THRONG_STATE_DIR"
    "#;
    let step = r#"{ program = "check.sh", args = ["{role.worker.count}"], env = { OWN = "own" }, save = { first = "(.*)" },
        expect = { stdout = "input\nfake-x7k2 2 127.84.0.1:20000 /usr/bin/throng 5 2 own /state" } }"#;
    let ran = run_script(script, step).await;
    assert_eq!(ran.only().verdict, Some(Verdict::Pass), "{:?}", ran.only().steps);
    let artefacts = &ran.only().steps[0].artefacts;
    assert_eq!(artefacts[0], "programs/01-a-program-s-own-test-step-1.out");
    let kept = std::fs::read_to_string(ran.folder.path(&artefacts[0])).unwrap();
    assert!(kept.starts_with("input\nfake-x7k2"), "{kept}");
}

#[tokio::test]
async fn a_program_that_fails_says_why_on_standard_error() {
    let ran = run_script("#!/bin/sh\necho no replicas >&2\nexit 4\n", r#"{ program = "check.sh" }"#).await;
    assert_eq!(failures(ran.only()), ["exit code 4, expected 0"]);
    assert_eq!(ran.only().steps[0].failures[0].detail, "stderr:\nno replicas");
}

#[tokio::test]
async fn a_program_that_hangs_is_cut_off_and_that_is_lateness() {
    let ran = run_script("#!/bin/sh\necho begun\nsleep 600\n", r#"{ program = "check.sh", timeout = "300ms" }"#).await;
    assert_eq!(failures(ran.only()), ["killed after 300ms: it must end within its `timeout`"]);
    let failure = &ran.only().steps[0].failures[0];
    assert_eq!((failure.cause, failure.detail.as_str()), (Cause::TimedOut, "stdout:\nbegun"));
}

#[tokio::test]
async fn a_program_is_run_again_within_its_time() {
    let script = "#!/bin/sh\necho x >> ../count\n[ $(wc -l < ../count) -ge 3 ]\n";
    let ran = run_script(script, r#"{ program = "check.sh", within = "20s" }"#).await;
    assert_eq!((ran.only().verdict, ran.only().steps[0].attempts), (Some(Verdict::Pass), 3));
}

#[tokio::test]
async fn what_was_not_shipped_with_the_scenario_is_not_run() {
    for path in ["missing.sh", "../check.sh", "/bin/true"] {
        let ran = run_script("", &format!("{{ program = \"{path}\" }}")).await;
        let message = format!("`{path}` is no file beside the scenario: write a path relative to the scenario file");
        assert_eq!(failures(ran.only()), [message]);
    }
}
