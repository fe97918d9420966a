//! The engine's trait against the real engine of this machine.

use std::time::Duration;

use crate::support::engine::{Place, in_engine};
use crate::support::wait::{patiently, wait_for};
use futures_util::StreamExt as _;
use throng_agent::host::engine::api::{Engine as _, TerminalRequest, TerminalSize};
use throng_agent::host::engine::docker::client::DockerEngine;
use throng_agent::host::engine::error::EngineError;
use throng_agent::host::engine::model::{
    Bind, ContainerEventKind, ContainerPhase, EngineEvent, ExecEnd, ExecRequest, FileSlice, LogOptions, OutputStream,
};
use throng_agent::host::procs::end::ProcessEnd;
use throng_common::size::ByteSize;

const SOON: Duration = Duration::from_secs(20);
const FOR_EVER: &str = "trap 'exit 3' TERM; echo up; while true; do sleep 0.1; done";

fn command(argv: &[&str]) -> ExecRequest {
    ExecRequest {
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        env: Vec::new(),
        stdin: None,
        output_max_bytes: 4096,
        timeout: SOON,
    }
}

async fn run_in(place: &Place, id: &throng_agent::host::engine::model::ContainerId, request: ExecRequest) -> String {
    match place.engine.exec(id, request).await.unwrap() {
        ExecEnd::Done(output) => {
            assert_eq!(output.code, 0, "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        }
        ExecEnd::TimedOut(output) => panic!("timed out: {output:?}"),
    }
}

#[tokio::test]
async fn a_container_lives_through_create_start_stop_start_and_remove_as_the_same_one() {
    in_engine(|place| async move {
        let engine = &place.engine;
        let (id, pid) = place.run(&place.plan("worker-0001", FOR_EVER)).await;
        let listed = engine.list(&place.label()).await.unwrap();
        assert_eq!((listed.len(), &listed[0].id, listed[0].state), (1, &id, ContainerPhase::Running));
        let image_id = Some(engine.image(&listed[0].image).await.unwrap().expect("its image is there").id);
        assert_eq!((&listed[0].image_id, &engine.inspect(id.as_str()).await.unwrap().image_id), (&image_id, &image_id));
        engine.start(&id).await.expect("a second start changes nothing");
        wait_for("it is ready for its signal", SOON, async || {
            let lines: Vec<_> = engine.logs(&id, LogOptions::default()).collect().await;
            if lines.is_empty() { Err(lines) } else { Ok(()) }
        })
        .await;
        let end = ProcessEnd::of(pid).unwrap();
        engine.kill(&id, 15).await.unwrap();
        assert!(end.within(SOON).await, "the container's first process is seen to end");
        engine.end(&id).await.unwrap();
        let state = engine.inspect(id.as_str()).await.unwrap();
        assert_eq!((state.phase, state.exit_code, state.pid), (ContainerPhase::Exited, Some(3), None));
        engine.end(&id).await.expect("a second end changes nothing");
        engine.start(&id).await.unwrap();
        assert_ne!(engine.inspect(id.as_str()).await.unwrap().pid, Some(pid));
        engine.remove(&id).await.unwrap();
        engine.remove(&id).await.expect("a second removal changes nothing");
        assert!(engine.inspect(id.as_str()).await.unwrap_err().is_not_found());
        assert!(engine.start(&id).await.unwrap_err().is_not_found());
    })
    .await;
}

#[tokio::test]
async fn a_name_that_is_taken_is_a_conflict() {
    in_engine(|place| async move {
        let plan = place.plan("worker-0001", "true");
        place.engine.create(&plan).await.unwrap();
        assert!(place.engine.create(&plan).await.unwrap_err().is_conflict());
    })
    .await;
}

#[tokio::test]
async fn a_missing_bind_source_is_refused_instead_of_made_up() {
    in_engine(|place| async move {
        let source = std::path::PathBuf::from("/tmp/throng-is-not-there");
        let mut plan = place.plan("worker-0001", "true");
        plan.binds = vec![Bind { source: source.clone(), target: "/data".to_owned(), read_only: false }];
        let error = place.engine.create(&plan).await.unwrap_err();
        assert!(!error.is_unreachable() && !source.exists(), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_container_is_hardened_bounded_and_named() {
    in_engine(|place| async move {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("hosts"), "127.84.0.1 worker-0001\n").unwrap();
        let mut plan = place.plan("worker-0001", FOR_EVER);
        plan.binds = vec![
            Bind { source: folder.path().to_owned(), target: "/data".to_owned(), read_only: false },
            Bind { source: folder.path().join("hosts"), target: "/etc/hosts".to_owned(), read_only: true },
        ];
        plan.scratch = vec![("/tmp".to_owned(), ByteSize::mib(1))];
        let (id, pid) = place.run(&plan).await;
        let script = "hostname; cat /etc/hosts; echo x >/data/x && echo wrote; echo x >/tmp/x && echo scratch; \
                      echo x >/etc/x || echo read-only; ulimit -n; grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/1/status";
        let script = script.replace("grep -E", "cat /proc/1/status; echo #");
        let shown = run_in(&place, &id, command(&["sh", "-c", &script])).await;
        for line in ["worker-0001", "127.84.0.1 worker-0001", "wrote", "scratch", "read-only", "256"] {
            assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
        }
        for line in ["CapBnd:\t0000000000000000", "NoNewPrivs:\t1"] {
            assert!(shown.contains(line), "{line} in {shown}");
        }
        assert!(folder.path().join("x").exists());
        let score = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
        assert_eq!(score.trim(), "500");
    })
    .await;
}

#[tokio::test]
async fn a_scratch_folder_is_its_users_also_as_the_working_directory_or_where_the_image_has_one() {
    in_engine(|place| async move {
        let mut plan = place.plan("worker-0001", FOR_EVER);
        plan.user = Some("1000:1000".to_owned());
        plan.scratch = ["/work", "/tmp", "/etc"].map(|path| (path.to_owned(), ByteSize::mib(1))).to_vec();
        plan.workdir = Some("/work".to_owned());
        let (id, _) = place.run(&plan).await;
        let shown = run_in(
            &place,
            &id,
            command(&["sh", "-c", "echo x >here; echo x >/tmp/x; echo x >/etc/x; cat here /tmp/x /etc/x"]),
        )
        .await;
        assert_eq!(shown, "x\nx\nx\n");
    })
    .await;
}

#[tokio::test]
async fn a_command_gives_its_code_both_outputs_and_takes_input_and_environment() {
    in_engine(|place| async move {
        let (id, _) = place.run(&place.plan("worker-0001", FOR_EVER)).await;
        let mut request = command(&["sh", "-c", "cat; echo $COLOUR >&2; exit 7"]);
        request.stdin = Some("typed".into());
        request.env = vec![("COLOUR".to_owned(), "blue".to_owned())];
        let ExecEnd::Done(output) = place.engine.exec(&id, request).await.unwrap() else { panic!("it ends") };
        assert_eq!(
            (output.code, output.stdout.as_slice(), output.stderr.as_slice()),
            (7, &b"typed"[..], &b"blue\n"[..])
        );
        let mut long = command(&["dd", "if=/dev/zero", "bs=10000", "count=1"]);
        long.output_max_bytes = 100;
        let ExecEnd::Done(output) = place.engine.exec(&id, long).await.unwrap() else { panic!("it ends") };
        assert_eq!((output.stdout.len(), output.truncated), (100, true));
    })
    .await;
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_killed_and_what_it_wrote_is_kept() {
    in_engine(|place| async move {
        let (id, _) = place.run(&place.plan("worker-0001", FOR_EVER)).await;
        let mut request = command(&["sh", "-c", "echo begun; exec sleep 1000"]);
        request.timeout = patiently(Duration::from_millis(500));
        let ExecEnd::TimedOut(output) = place.engine.exec(&id, request).await.unwrap() else { panic!("it is killed") };
        assert_eq!(output.stdout, b"begun\n");
        wait_for("the command is gone", SOON, async || {
            let shown = run_in(&place, &id, command(&["sh", "-c", "cat /proc/[0-9]*/cmdline"])).await;
            if shown.contains("1000") { Err(shown) } else { Ok(()) }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn running_out_of_memory_is_seen_whatever_the_exit_code() {
    in_engine(|place| async move {
        let mut plan = place.plan("worker-0001", "dd if=/dev/zero of=/tmp/x bs=1000000 count=30; sleep 0.2; exit 0");
        plan.scratch = vec![("/tmp".to_owned(), ByteSize::mib(64))];
        plan.memory = Some(ByteSize::mib(8));
        let id = place.engine.create(&plan).await.unwrap();
        place.engine.start(&id).await.unwrap();
        let state = wait_for("it ends", SOON, async || {
            let state = place.engine.inspect(id.as_str()).await.unwrap();
            if state.phase == ContainerPhase::Exited { Ok(state) } else { Err(state) }
        })
        .await;
        assert!(state.oom_killed, "{state:?}");
    })
    .await;
}

#[tokio::test]
async fn events_tell_of_start_and_death_of_our_containers_only() {
    in_engine(|place| async move {
        let mut events = place.engine.events(&place.label());
        assert_eq!(events.next().await, Some(EngineEvent::Resync { reason: None }));
        let mut seen = Vec::new();
        let watch = async {
            while seen.len() < 2 {
                if let Some(EngineEvent::Container(event)) = events.next().await {
                    seen.push((event.id, event.kind));
                }
            }
        };
        let act = async {
            // The stream is open when its first event can be missed no more: the first container may go unseen.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let (id, _) = place.run(&place.plan("worker-0001", FOR_EVER)).await;
            place.engine.kill(&id, 9).await.unwrap();
            id
        };
        let ((), id) = tokio::time::timeout(patiently(SOON), async { tokio::join!(watch, act) }).await.unwrap();
        let died = ContainerEventKind::Died { exit_code: Some(137) };
        assert_eq!(seen, [(id.clone(), ContainerEventKind::Started), (id, died)]);
    })
    .await;
}

#[tokio::test]
async fn logs_give_both_outputs_in_order_and_follow() {
    in_engine(|place| async move {
        let script = "echo one; echo two >&2; echo three; sleep 0.5; echo four; sleep 1000";
        let (id, _) = place.run(&place.plan("worker-0001", script)).await;
        let follow = LogOptions { tail: None, since: None, follow: true };
        let lines: Vec<_> =
            tokio::time::timeout(patiently(SOON), place.engine.logs(&id, follow).take(4).collect()).await.unwrap();
        let lines: Vec<_> = lines.into_iter().map(|line| line.unwrap()).map(|line| (line.stream, line.text)).collect();
        assert_eq!(lines[3], (OutputStream::Stdout, "four".to_owned()));
        assert!(lines.contains(&(OutputStream::Stderr, "two".to_owned())));
        let last = LogOptions { tail: Some(1), since: None, follow: false };
        let lines: Vec<_> = place.engine.logs(&id, last).collect().await;
        assert_eq!((lines.len(), lines[0].as_ref().unwrap().text.as_str()), (1, "four"));
    })
    .await;
}

#[tokio::test]
async fn files_are_read_from_a_container_that_does_not_run_through_links() {
    in_engine(|place| async move {
        let id = place.engine.create(&place.plan("worker-0001", "true")).await.unwrap();
        for (max_bytes, tail, text) in [(4, false, "0123"), (4, true, "6789"), (100, false, "0123456789")] {
            let read = place.engine.read_file(&id, "/etc/link", FileSlice { max_bytes, tail }).await.unwrap();
            assert_eq!((read.bytes.as_slice(), read.total_bytes), (text.as_bytes(), 10));
        }
        let slice = FileSlice { max_bytes: 4, tail: false };
        assert!(place.engine.read_file(&id, "/etc/nothing", slice).await.unwrap_err().is_not_found());
        let error = place.engine.read_file(&id, "/etc", slice).await.unwrap_err();
        assert!(error.to_string().contains("not a regular file"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_terminal_has_a_size_takes_input_and_gives_the_exit_code() {
    in_engine(|place| async move {
        use tokio::io::AsyncWriteExt as _;
        let (id, _) = place.run(&place.plan("worker-0001", FOR_EVER)).await;
        let size = TerminalSize { rows: 33, columns: 99 };
        let argv = ["sh", "-c", "read line; stty size; echo got $line; exit 5"].map(str::to_owned).to_vec();
        let request = TerminalRequest { argv, env: Vec::new(), size };
        let mut terminal = place.engine.exec_terminal(&id, request).await.unwrap();
        terminal.input.write_all(b"hello\n").await.unwrap();
        let mut shown = Vec::new();
        while let Some(chunk) = tokio::time::timeout(patiently(SOON), terminal.output.next()).await.unwrap() {
            shown.extend_from_slice(&chunk.unwrap());
        }
        let shown = String::from_utf8_lossy(&shown);
        assert!(shown.contains("33 99") && shown.contains("got hello"), "{shown}");
        let code = wait_for("its exit code", SOON, async || {
            place.engine.terminal_exit_code(&terminal.exec).await.unwrap().ok_or("still running")
        })
        .await;
        assert_eq!(code, 5);
    })
    .await;
}

#[tokio::test]
async fn a_command_that_is_not_there_ends_with_the_shells_code_for_it() {
    in_engine(|place| async move {
        let (id, _) = place.run(&place.plan("worker-0001", FOR_EVER)).await;
        let ExecEnd::Done(output) = place.engine.exec(&id, command(&["no-such-program"])).await.unwrap() else {
            panic!("it ends")
        };
        assert!(matches!(output.code, 126 | 127), "{output:?}");
        let written = [output.stdout.clone(), output.stderr.clone()].concat();
        assert!(String::from_utf8_lossy(&written).contains("no-such-program"), "{output:?}");
    })
    .await;
}

/// An engine's socket in a folder of its own, behind which nobody knows the protocol.
fn odd_engine() -> (tempfile::TempDir, std::os::unix::net::UnixListener, DockerEngine) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let engine = DockerEngine::open(&socket).unwrap();
    (folder, listener, engine)
}

/// An engine that answers with these bodies, by the ends of the paths that are asked for.
fn scripted_engine(answers: Vec<(&'static str, &'static str)>) -> (tempfile::TempDir, DockerEngine) {
    use std::io::{BufRead as _, BufReader, Write as _};
    let (folder, listener, engine) = odd_engine();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let asked = lines.next().unwrap_or_default();
            while lines.next().is_some_and(|line| !line.is_empty()) {}
            let path = asked.split(' ').nth(1).unwrap_or_default();
            let body = answers.iter().find(|(end, _)| path.ends_with(end)).map_or("{}", |(_, body)| body);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
            // Whoever asked may have gone away.
            let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    (folder, engine)
}

#[tokio::test]
async fn an_engine_of_an_older_api_is_refused_with_the_remedy_and_the_oldest_good_one_is_not() {
    let info = ("/info", r#"{"OperatingSystem":"Debian","DockerRootDir":"/var/lib/docker"}"#);
    let old = vec![info, ("/version", r#"{"Version":"19.03.15","ApiVersion":"1.40","Components":[]}"#)];
    let good = vec![info, ("/version", r#"{"Version":"20.10.0","ApiVersion":"1.41","Components":[]}"#)];
    let (_folder, engine) = scripted_engine(old);
    let refused = engine.info().await.unwrap().facts.unusable.expect("it is too old");
    for words in ["19.03.15 (API 1.40)", "20.10", "upgrade it"] {
        assert!(refused.contains(words), "{refused}");
    }
    let (_folder, engine) = scripted_engine(good);
    assert_eq!(engine.info().await.unwrap().facts.unusable, None);
}

#[tokio::test]
async fn an_engine_that_is_away_is_unreachable_and_nothing_else() {
    let (_folder, listener, engine) = odd_engine();
    drop(listener);
    let error = engine.inspect("any").await.unwrap_err();
    assert!(matches!(error, EngineError::Unreachable { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_takes_calls_and_never_answers_is_hung() {
    let (_folder, _listener, engine) = odd_engine();
    let error = engine.inspect("any").await.unwrap_err();
    assert!(matches!(error, EngineError::Hung { .. }) && error.is_unreachable(), "{error:?}");
}

#[tokio::test]
async fn a_stream_of_events_that_breaks_says_so_and_goes_on() {
    let (_folder, listener, engine) = odd_engine();
    let closing = std::thread::spawn(move || {
        for _ in 0..2 {
            drop(listener.accept());
        }
    });
    let events: Vec<_> =
        tokio::time::timeout(patiently(SOON), engine.events("throng.cluster").take(4).collect()).await.unwrap();
    let is_break = |event: &EngineEvent| matches!(event, EngineEvent::Resync { reason: Some(_) });
    assert_eq!(events[0], EngineEvent::Resync { reason: None });
    assert!(events[1..].iter().all(is_break), "{events:?}");
    closing.join().unwrap();
}

#[tokio::test]
async fn an_image_of_the_same_contents_gets_a_second_name_and_keeps_its_first() {
    in_engine(|place| async move {
        let engine = &place.engine;
        let tag = place.image.rsplit_once(':').unwrap().1;
        let [twin, stranger] = [tag, "none"].map(|tag| format!("throng/{}:{tag}", place.cluster));
        let named = (engine.name_twin(&twin).await.unwrap(), engine.name_twin(&stranger).await.unwrap());
        let found = engine.image(&twin).await.unwrap();
        engine.remove_image(&twin).await.unwrap();
        assert_eq!(named, (true, false));
        assert_eq!(found, engine.image(&place.image).await.unwrap());
    })
    .await;
}
