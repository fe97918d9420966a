//! Commands, signals, terminals, logs and files in nodes of both kinds.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use regex::Regex;
use throng_agent::exec::fan_out::{Job, run_all, run_one};
use throng_agent::exec::signal::kill;
use throng_agent::exec::target::{Means, Target, TargetError};
use throng_agent::exec::terminal;
use throng_agent::host::engine::api::{Engine as _, TerminalRequest, TerminalSize};
use throng_agent::host::engine::model::{ExecEnd, ExecOutput, ExecRequest, FileSlice};
use throng_agent::host::procs::table::Procs;
use throng_agent::logs::file::read_file;
use throng_agent::logs::followers::Followers;
use throng_agent::logs::query::{LogEntry, LogEntryKind, LogQuery};
use throng_agent::logs::read::{Place as Here, Whereabouts, read_all};
use throng_agent::resources::process::observe::{ProcessState, observe};
use throng_agent::shim::members::send;
use throng_agent::shim::record::ProcessId;
use throng_common::ids::{Incarnation, NodeName, RoleName};
use tokio::io::AsyncWriteExt as _;

use crate::support::engine::{Place, in_engine};
use crate::support::process::{ProcessNode, program};
use crate::support::wait::{patiently, wait_for};

const SOON: Duration = Duration::from_secs(20);
const SIGKILL: i32 = 9;
const FOR_EVER: &str = "echo up; while true; do sleep 0.1; done";
const WHOLE: FileSlice = FileSlice { max_bytes: 0, tail: false };

fn node(index: u32) -> NodeName {
    NodeName::new(RoleName::new("worker").unwrap(), index)
}

fn script(text: &str) -> ExecRequest {
    ExecRequest {
        argv: ["sh", "-c", text].map(str::to_owned).to_vec(),
        env: vec![("SHAPE".to_owned(), "round".to_owned())],
        stdin: None,
        output_max_bytes: 4096,
        timeout: SOON,
    }
}

fn without_engine() -> Means {
    Means {
        engine: None,
        program: program().to_owned(),
        entrance: None,
        ends: Arc::default(),
        followers: Followers::default(),
    }
}

fn with_engine(place: &Place) -> Means {
    Means {
        engine: Some(place.engine.clone()),
        program: program().to_owned(),
        entrance: None,
        ends: Arc::default(),
        followers: Followers::default(),
    }
}

fn process(node: &ProcessNode) -> Target {
    Target::Process { dir: node.dir() }
}

async fn container(place: &Place, name: &str, script: &str) -> Target {
    let (id, pid) = place.run(&place.plan(name, script)).await;
    Target::Container { id, process: Some(ProcessId::of(pid).unwrap()) }
}

fn done(result: Result<ExecEnd, TargetError>) -> ExecOutput {
    match result.unwrap() {
        ExecEnd::Done(output) => output,
        ExecEnd::TimedOut(output) => panic!("timed out: {output:?}"),
    }
}

#[tokio::test]
async fn a_command_in_a_process_node_has_the_nodes_user_environment_and_folder() {
    let mut node = ProcessNode::new("sleep 1000");
    node.spec.launch.user = "54321".to_owned();
    node.spec.launch.workdir = "/tmp".into();
    node.run().await;
    let mut request = script("id -u; pwd; echo $COLOUR $SHAPE; cat >&2; exit 4");
    request.stdin = Some("typed".into());
    let output = done(run_one(&without_engine(), Some(&process(&node)), request).await);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "54321\n/tmp\nblue round\n");
    assert_eq!((output.code, output.stderr.as_slice(), output.truncated), (4, &b"typed"[..], false));
}

#[tokio::test]
async fn a_command_in_a_process_node_is_bounded_in_time_and_output() {
    let node = ProcessNode::new("sleep 1000");
    node.run().await;
    let (means, target) = (without_engine(), process(&node));
    let mut loud = script("seq 1 100000");
    loud.output_max_bytes = 10;
    let output = done(run_one(&means, Some(&target), loud).await);
    assert_eq!((output.stdout.as_slice(), output.truncated, output.code), (&b"1\n2\n3\n4\n5\n"[..], true, 0));

    let mut slow = script("echo begun; sleep 1000 & echo $!; wait");
    slow.timeout = Duration::from_millis(300);
    let ExecEnd::TimedOut(output) = run_one(&means, Some(&target), slow).await.unwrap() else { panic!("it is slow") };
    let written = String::from_utf8(output.stdout).unwrap();
    let child: u32 = written.lines().nth(1).unwrap().parse().unwrap();
    let state = Procs::default().stat(child).map_or('X', |stat| stat.state);
    assert!(matches!(state, 'X' | 'Z'), "what it had started is gone too, or about to be reaped: {state}");

    let begun = Instant::now();
    let output = done(run_one(&means, Some(&target), script("sleep 1000 & echo $!; exit 0")).await);
    assert!(begun.elapsed() < patiently(SOON), "what it left in the background does not hold it up");
    let left = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    send(left, Some(nix::sys::signal::Signal::SIGKILL)).unwrap();
    let request = ExecRequest { argv: vec!["no-such-program".to_owned()], ..script("") };
    let error = run_one(&means, Some(&target), request).await.unwrap_err();
    assert!(error.to_string().contains("no program `no-such-program`"), "{error}");
}

#[tokio::test]
async fn many_nodes_are_asked_at_once_and_every_one_has_an_outcome() {
    in_engine(|place| async move {
        let master = ProcessNode::new("sleep 1000");
        master.run().await;
        let worker = container(&place, "worker-0001", FOR_EVER).await;
        let targets = [Some(process(&master)), Some(worker), None];
        let job = |(index, target)| Job { node: node(index), target, request: script("echo $SHAPE") };
        let jobs = (0..).zip(targets).map(job).collect();
        let mut outcomes: Vec<_> = run_all(with_engine(&place), jobs, 0).collect().await;
        outcomes.sort_by(|a, b| a.node.cmp(&b.node));
        let mut outcomes = outcomes.into_iter();
        for _ in 0..2 {
            assert_eq!(done(outcomes.next().unwrap().result).stdout, b"round\n");
        }
        assert!(matches!(outcomes.next().unwrap().result, Err(TargetError::NotRunning)));
    })
    .await;
}

#[tokio::test]
async fn a_kill_returns_when_the_process_is_gone() {
    in_engine(|place| async move {
        let means = with_engine(&place);
        let worker = container(&place, "worker-0001", FOR_EVER).await;
        let Target::Container { process: Some(pid), .. } = worker else { panic!("it runs") };
        kill(&means, Some(&worker), SIGKILL).await.unwrap();
        assert!(!pid.is_alive());
        let master = ProcessNode::new("sleep 1000");
        let pid = master.run().await.process;
        kill(&means, Some(&process(&master)), SIGKILL).await.unwrap();
        assert!(!pid.is_alive());
        assert!(kill(&means, None, SIGKILL).await.is_err());
        wait_for("the engine knows it too", SOON, async || match kill(&means, Some(&worker), SIGKILL).await {
            Err(TargetError::NotRunning) => Ok(()),
            other => Err(other),
        })
        .await;
    })
    .await;
}

/// Types a line into a command on a terminal, then gives what it showed and its exit code.
async fn on_terminal(means: &Means, target: &Target) -> (String, i64) {
    let argv = ["sh", "-c", "read line; stty size; echo got $line; exit 5"].map(str::to_owned).to_vec();
    let request = TerminalRequest { argv, env: Vec::new(), size: TerminalSize { rows: 11, columns: 22 } };
    let mut terminal = terminal::open(means, Some(target), request).await.unwrap();
    terminal.control.resize(TerminalSize { rows: 33, columns: 99 }).await.unwrap();
    terminal.input.write_all(b"hello\n").await.unwrap();
    let mut shown = Vec::new();
    while let Some(chunk) = tokio::time::timeout(patiently(SOON), terminal.output.next()).await.unwrap() {
        shown.extend_from_slice(&chunk.unwrap());
    }
    let code = tokio::time::timeout(patiently(SOON), terminal.control.exit_code()).await.unwrap().unwrap();
    (String::from_utf8_lossy(&shown).into_owned(), code)
}

#[tokio::test]
async fn a_terminal_works_alike_in_both_kinds_of_nodes() {
    in_engine(|place| async move {
        let means = with_engine(&place);
        let master = ProcessNode::new("sleep 1000");
        master.run().await;
        for target in [process(&master), container(&place, "worker-0001", FOR_EVER).await] {
            let (shown, code) = on_terminal(&means, &target).await;
            assert!(shown.contains("33 99") && shown.contains("got hello"), "{target:?}: {shown}");
            assert_eq!(code, 5);
        }
    })
    .await;
}

#[tokio::test]
async fn a_terminal_that_is_dropped_takes_its_command_with_it() {
    let master = ProcessNode::new("sleep 1000");
    master.run().await;
    let argv = ["sh", "-c", "echo pid $$; cat"].map(str::to_owned).to_vec();
    let request = TerminalRequest { argv, env: Vec::new(), size: TerminalSize { rows: 24, columns: 80 } };
    let mut terminal = terminal::open(&without_engine(), Some(&process(&master)), request).await.unwrap();
    let shown = tokio::time::timeout(patiently(SOON), terminal.output.next()).await.unwrap().unwrap().unwrap();
    let shown = String::from_utf8(shown.to_vec()).unwrap();
    let pid = ProcessId::of(shown.trim().strip_prefix("pid ").unwrap().parse().unwrap()).unwrap();
    drop(terminal);
    wait_for("it is gone", SOON, async || if pid.is_alive() { Err(pid) } else { Ok(()) }).await;
}

fn at(target: Target, restarts: u32) -> Here {
    Here::At { target, life: (Incarnation(1), restarts) }
}

async fn texts(means: &Means, nodes: Vec<(NodeName, Option<Target>)>, query: LogQuery) -> Vec<(u32, String)> {
    // Each is there once, and gone when it was read.
    let once = |(node, target): (NodeName, Option<Target>)| {
        let place = Mutex::new(Some(target.map_or(Here::Nowhere, |target| at(target, 0))));
        let whereabouts: Whereabouts = Arc::new(move || place.lock().unwrap().take().unwrap_or(Here::Gone));
        (node, whereabouts)
    };
    let nodes = nodes.into_iter().map(once).collect();
    let entries: Vec<LogEntry> =
        tokio::time::timeout(patiently(SOON), read_all(means.clone(), nodes, query).collect()).await.unwrap();
    let text = |entry: LogEntry| match entry.kind {
        LogEntryKind::Line(line) => (entry.node.index(), line.text),
        other => panic!("{other:?}"),
    };
    let mut texts: Vec<_> = entries.into_iter().map(text).collect();
    // Nodes are mixed; the lines of each stay in order.
    texts.sort_by_key(|(index, _)| *index);
    texts
}

#[tokio::test]
async fn logs_of_many_nodes_come_as_one_stream_and_can_be_searched() {
    in_engine(|place| async move {
        let means = with_engine(&place);
        let lines = "for n in 1 2 3 4; do echo line $n; echo other; done";
        let master = ProcessNode::new(lines);
        master.start().await;
        master.end().await;
        let worker = container(&place, "worker-0001", &format!("{lines}; sleep 1000")).await;
        let nodes = vec![(node(0), Some(process(&master))), (node(1), Some(worker)), (node(2), None)];
        let expected = [(0, "line 3"), (0, "line 4"), (1, "line 3"), (1, "line 4")];
        let expected = expected.map(|(index, text)| (index, text.to_owned()));
        wait_for("the engine has it all", SOON, async || {
            let query = LogQuery { tail: Some(2), grep: Some(Regex::new("^line").unwrap()), ..LogQuery::default() };
            let seen = texts(&means, nodes.clone(), query).await;
            if seen == expected { Ok(()) } else { Err(seen) }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_followed_log_gives_every_line_once_until_the_process_ends() {
    in_engine(|place| async move {
        let means = with_engine(&place);
        let lines = "n=1; while [ $n -le 30 ]; do echo line $n; n=$((n+1)); sleep 0.02; done";
        let mut master = ProcessNode::new(lines);
        master.spec.log_max_bytes = 500;
        master.start().await;
        let worker = container(&place, "worker-0001", lines).await;
        let nodes = vec![(node(0), Some(process(&master))), (node(1), Some(worker))];
        let seen = texts(&means, nodes, LogQuery { follow: true, ..LogQuery::default() }).await;
        let expected = |index| (1..=30).map(move |n| (index, format!("line {n}")));
        assert_eq!(seen, expected(0).chain(expected(1)).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn a_node_that_is_started_again_is_followed_on_and_no_line_comes_twice() {
    in_engine(|place| async move {
        let means = with_engine(&place);
        let first = container(&place, "worker-0001", "echo one; echo two; sleep 1").await;
        let Target::Container { id, .. } = first.clone() else { panic!("a container") };
        let second = container(&place, "worker-0002", "echo three; sleep 1000").await;
        // The same node: at first in a container that has ended, then in another one, then gone.
        let here = Arc::new(Mutex::new(at(first, 0)));
        let now = Arc::clone(&here);
        let whereabouts: Whereabouts = Arc::new(move || now.lock().unwrap().clone());
        let query = LogQuery { follow: true, ..LogQuery::default() };
        let mut entries = Box::pin(read_all(means, vec![(node(1), whereabouts)], query));
        let mut next = async || {
            let entry = tokio::time::timeout(patiently(SOON), entries.next()).await.unwrap()?;
            let LogEntryKind::Line(line) = entry.kind else { panic!("{entry:?}") };
            Some(line.text)
        };
        assert_eq!((next().await.as_deref(), next().await.as_deref()), (Some("one"), Some("two")), "{id:?}");
        *here.lock().unwrap() = at(second.clone(), 1);
        assert_eq!(next().await.as_deref(), Some("three"));
        *here.lock().unwrap() = Here::Gone;
        let Target::Container { id, .. } = second else { panic!("a container") };
        place.engine.remove(&id).await.unwrap();
        assert_eq!(next().await, None);
    })
    .await;
}

#[tokio::test]
async fn files_of_a_running_container_are_read_as_it_sees_them_and_never_outside_of_it() {
    in_engine(|place| async move {
        let means = with_engine(&place);
        let mut plan = place
            .plan("worker-0001", "echo secret >/tmp/x; ln -s /../../../../etc/hostname /tmp/out; echo up; sleep 1000");
        plan.scratch = vec![("/tmp".to_owned(), throng_common::size::ByteSize::mib(1))];
        let (id, pid) = place.run(&plan).await;
        let target = Target::Container { id, process: Some(ProcessId::of(pid).unwrap()) };
        let read =
            wait_for("it is written", SOON, async || read_file(&means, Some(&target), "/tmp/x", WHOLE).await).await;
        assert_eq!((read.bytes.as_slice(), read.total_bytes), (&b"secret\n"[..], 7));
        let last = FileSlice { max_bytes: 3, tail: true };
        assert_eq!(read_file(&means, Some(&target), "/tmp/x", last).await.unwrap().bytes, b"et\n");
        let own = std::fs::read("/etc/hostname").unwrap_or_default();
        let link = wait_for("the link is there", SOON, async || {
            let read = read_file(&means, Some(&target), "/tmp/out", WHOLE).await;
            match read {
                Err(error)
                    if std::error::Error::source(&error).is_some_and(|e| e.to_string().contains("such"))
                        && !Path::new(&format!("/proc/{pid}/root/tmp/out")).is_symlink() =>
                {
                    Err(error.to_string())
                }
                other => Ok(other),
            }
        })
        .await;
        assert_ne!(link.unwrap().bytes, own, "the container's own host name is read");
        for path in ["/tmp", "/no/such/file"] {
            assert!(read_file(&means, Some(&target), path, WHOLE).await.is_err(), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn files_of_a_process_node_are_read_as_its_user() {
    let mut master = ProcessNode::new("sleep 1000");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "0123456789").unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    master.spec.launch.workdir = folder.path().to_owned();
    master.spec.launch.user = "54321".to_owned();
    master.run().await;
    let (means, target) = (without_engine(), process(&master));
    for (slice, text) in [(WHOLE, "0123456789"), (FileSlice { max_bytes: 4, tail: true }, "6789")] {
        let read = read_file(&means, Some(&target), "file", slice).await.unwrap();
        assert_eq!((read.bytes.as_slice(), read.total_bytes), (text.as_bytes(), 10));
    }
    let error = read_file(&means, Some(&target), "/etc/shadow", WHOLE).await.unwrap_err();
    assert!(error.to_string().contains("Permission denied"), "{error}");
    assert!(matches!(observe(&master.dir()).unwrap().state, ProcessState::Running(_)));
}
