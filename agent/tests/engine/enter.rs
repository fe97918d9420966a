//! Commands that enter a container by themselves are bounded as those of the engine's own exec.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use throng_agent::enter::program::SealedProgram;
use throng_agent::exec::fan_out::run_one;
use throng_agent::exec::target::{Means, Target, TargetError};
use throng_agent::host::engine::api::Engine as _;
use throng_agent::host::engine::model::{ContainerPlan, ExecEnd, ExecOutput, ExecRequest};
use throng_agent::host::procs::table::Procs;
use throng_agent::logs::followers::Followers;
use throng_agent::shim::record::ProcessId;
use throng_common::size::ByteSize;

use crate::support::engine::{Place, in_engine};
use crate::support::process::program;
use crate::support::wait::wait_for;

const SOON: Duration = Duration::from_secs(20);
const FOR_EVER: &str = "echo up; while true; do sleep 0.1; done";
/// Everything that the kernel says of a process's bounds, each part under a heading.
const TELL: &str = "for file in status limits cgroup oom_score_adj mountinfo environ attr/current; do
                      echo; echo \"== $file\"; cat /proc/self/$file; done;
                    echo; echo '== ns'; ls -l /proc/self/ns; echo '== fd'; ls /proc/self/fd;
                    echo '== session'; cat /proc/$$/stat; echo '== id'; id; echo '== pwd'; pwd";
/// Lines of a status that bound a process; the others are its own affair.
const BOUNDS: [&str; 17] = [
    "Umask",
    "Uid",
    "Gid",
    "Groups",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Seccomp",
    "Seccomp_filters",
    "Speculation_Store_Bypass",
    "SpeculationIndirectBranch",
    "Cpus_allowed",
    "Mems_allowed",
    "THP_enabled",
];

/// Without an engine: what cannot enter fails.
fn entering() -> Means {
    let folder = tempfile::tempdir().unwrap();
    let sealed = SealedProgram::seal(program(), &folder.path().join("place")).unwrap();
    Means {
        engine: None,
        program: program().to_owned(),
        entrance: Some(Arc::new(sealed)),
        ends: Arc::default(),
        followers: Followers::default(),
    }
}

fn command(argv: &[&str]) -> ExecRequest {
    ExecRequest {
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        env: vec![("SHAPE".to_owned(), "round".to_owned()), ("COLOUR".to_owned(), "red".to_owned())],
        stdin: None,
        output_max_bytes: 1 << 20,
        timeout: SOON,
    }
}

async fn target(place: &Place, plan: &ContainerPlan) -> Target {
    let (id, pid) = place.run(plan).await;
    Target::Container { id, process: Some(ProcessId::of(pid).unwrap()) }
}

fn done(result: Result<ExecEnd, TargetError>) -> ExecOutput {
    match result.unwrap() {
        ExecEnd::Done(output) => output,
        ExecEnd::TimedOut(output) => panic!("timed out: {output:?}"),
    }
}

/// What a command told, by heading, with what is each process's own affair left out.
fn told(output: &ExecOutput) -> BTreeMap<String, Vec<String>> {
    assert_eq!(output.code, 0, "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).replace('\0', "\n");
    let parts = text.split("== ").skip(1).map(|part| part.split_once('\n').unwrap());
    parts
        .map(|(heading, text)| {
            let lines = text.lines().filter(|line| !line.is_empty());
            let mut lines: Vec<String> = match heading {
                "status" => {
                    lines.filter(|line| BOUNDS.contains(&line.split(':').next().unwrap())).map(str::to_owned).collect()
                }
                // Of a long listing, the link alone.
                "ns" => lines.filter_map(|line| Some(line.split_once(" -> ")?.1.to_owned())).collect(),
                // Whether the shell leads its session.
                "session" => lines
                    .map(|line| {
                        let fields: Vec<&str> = line.rsplit(')').next().unwrap().split_whitespace().collect();
                        (line.split(' ').next() == Some(fields[3])).to_string()
                    })
                    .collect(),
                _ => lines.map(str::to_owned).collect(),
            };
            lines.sort();
            (heading.to_owned(), lines)
        })
        .collect()
}

/// Both ways, side by side.
async fn compare(place: &Place, plan: &ContainerPlan) {
    let target = target(place, plan).await;
    let Target::Container { id, .. } = &target else { unreachable!("it is one") };
    let request = command(&["/bin/sh", "-c", TELL]);
    let by_engine = told(&done(place.engine.exec(id, request.clone()).await.map_err(TargetError::from)));
    let by_entering = told(&done(run_one(&entering(), Some(&target), request).await));
    assert_eq!(by_engine.len(), 12, "{by_engine:#?}");
    // An engine passes on what whoever started it left open; nothing of this agent's comes along.
    assert_eq!(by_entering["fd"], ["0", "1", "2", "3"], "the last is of the list itself");
    let differ = by_engine.iter().filter(|(heading, lines)| *heading != "fd" && by_entering[*heading] != **lines);
    let differ: Vec<_> = differ.map(|(heading, lines)| (heading, lines, &by_entering[heading])).collect();
    assert!(differ.is_empty(), "{}: {differ:#?}", plan.name);
    let of = |line: &str| by_entering["status"].iter().find(|known| known.starts_with(line)).unwrap().clone();
    assert!(of("Seccomp:").ends_with('2') && of("NoNewPrivs:").ends_with('1'), "the comparison means something");
}

#[tokio::test]
async fn a_command_that_enters_is_bounded_as_one_of_the_engines() {
    in_engine(|place| async move {
        let mut plain = place.plan("worker-0001", FOR_EVER);
        plain.env.push(("COLOUR".to_owned(), "blue".to_owned()));
        compare(&place, &plain).await;
        let mut user = place.plan("worker-0002", FOR_EVER);
        user.user = Some("54321:54322".to_owned());
        user.workdir = Some("/tmp".to_owned());
        user.scratch = vec![("/tmp".to_owned(), ByteSize::mib(1))];
        compare(&place, &user).await;
        let mut able = place.plan("worker-0003", FOR_EVER);
        able.capabilities = vec!["NET_BIND_SERVICE".to_owned(), "CHOWN".to_owned()];
        able.nofile = Some(123);
        compare(&place, &able).await;
    })
    .await;
}

#[tokio::test]
async fn what_the_engines_filter_forbids_is_forbidden_to_a_command_that_enters() {
    in_engine(|place| async move {
        // Without a filter root may unshare: the capability is the container's.
        let mut plan = place.plan("worker-0001", FOR_EVER);
        plan.capabilities = vec!["SYS_CHROOT".to_owned()];
        let target = target(&place, &plan).await;
        let output = done(
            run_one(&entering(), Some(&target), command(&["/bin/busybox", "mount", "-t", "proc", "x", "/proc"])).await,
        );
        assert_ne!(output.code, 0);
        let output =
            done(run_one(&entering(), Some(&target), command(&["/bin/busybox", "unshare", "-U", "true"])).await);
        assert_ne!(output.code, 0, "a namespace of users may be made by anybody whom no filter holds back");
    })
    .await;
}

#[tokio::test]
async fn a_command_that_enters_is_fed_bounded_and_killed_with_all_that_it_started() {
    in_engine(|place| async move {
        let means = entering();
        let target = target(&place, &place.plan("worker-0001", FOR_EVER)).await;
        let mut request = command(&["/bin/sh", "-c", "echo $COLOUR $SHAPE; cat >&2; exit 4"]);
        request.stdin = Some("typed".into());
        let output = done(run_one(&means, Some(&target), request).await);
        assert_eq!(
            (output.code, output.stdout.as_slice(), output.stderr.as_slice()),
            (4, &b"red round\n"[..], &b"typed"[..])
        );

        let mut slow = command(&["/bin/sh", "-c", "echo begun; sleep 997 & wait"]);
        slow.timeout = Duration::from_millis(500);
        let ExecEnd::TimedOut(output) = run_one(&means, Some(&target), slow).await.unwrap() else {
            panic!("it is slow")
        };
        assert_eq!(output.stdout, b"begun\n");
        wait_for("what it had started is gone", SOON, async || {
            let procs = Procs::default();
            let left =
                procs.pids().unwrap().into_iter().find(|pid| procs.command(*pid).is_ok_and(|line| line == "sleep 997"));
            left.map_or(Ok(()), Err)
        })
        .await;

        let error = run_one(&means, Some(&target), command(&["no-such-program"])).await.unwrap_err();
        assert!(
            matches!(&error, TargetError::CouldNotStart(why) if why.contains("no program `no-such-program`")),
            "{error}"
        );
    })
    .await;
}

#[tokio::test]
async fn many_commands_enter_one_container_at_once() {
    in_engine(|place| async move {
        let means = entering();
        let mut plan = place.plan("worker-0001", FOR_EVER);
        plan.pids = Some(200);
        plan.cpu_millis = None;
        let target = target(&place, &plan).await;
        let begun = Instant::now();
        let all = (0..20).map(|_| run_one(&means, Some(&target), command(&["/bin/true"])));
        for result in join_all(all).await {
            assert_eq!(done(result).code, 0);
        }
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    })
    .await;
}

#[tokio::test]
async fn only_the_first_process_of_that_very_container_is_entered() {
    in_engine(|place| async move {
        let Target::Container { id, process: Some(process) } =
            target(&place, &place.plan("worker-0001", FOR_EVER)).await
        else {
            panic!("it runs")
        };
        let later = ProcessId { start_ticks: process.start_ticks + 1, ..process };
        // As it is when the engine has not yet said that the container ended, and its process's id was given anew.
        let of_the_host = ProcessId::of(std::process::id()).unwrap();
        for other in [later, of_the_host] {
            let target = Target::Container { id: id.clone(), process: Some(other) };
            let error = run_one(&entering(), Some(&target), command(&["/bin/true"])).await.unwrap_err();
            assert!(
                matches!(error, TargetError::NoEngine),
                "it was not entered, and there is no engine to ask: {error}"
            );
            let with_engine = Means { engine: Some(place.engine.clone()), ..entering() };
            assert_eq!(done(run_one(&with_engine, Some(&target), command(&["/bin/true"])).await).code, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn a_first_process_that_may_have_changed_itself_is_no_model_and_the_engine_runs_the_command() {
    in_engine(|place| async move {
        let mut plan = place.plan("worker-0001", FOR_EVER);
        plan.init = false;
        let target = target(&place, &plan).await;
        let error = run_one(&entering(), Some(&target), command(&["/bin/true"])).await.unwrap_err();
        assert!(matches!(error, TargetError::NoEngine), "{error}");
        let with_engine = Means { engine: Some(place.engine.clone()), ..entering() };
        assert_eq!(done(run_one(&with_engine, Some(&target), command(&["/bin/true"])).await).code, 0);
    })
    .await;
}
