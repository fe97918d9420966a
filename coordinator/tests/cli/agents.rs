//! Starting this machine's agent: as root at once, else through sudo; its token on standard input only.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use throng_proto::operator::operation_event::Event;

use crate::fake::Script;
use crate::support::{Bench, Done, command, ended, finish, phase_ended, script};

/// A user without rights that every machine has.
const NOBODY: u32 = 65_534;

fn events() -> Vec<Event> {
    vec![phase_ended("audit", 10), ended("pass", false)]
}

fn program(path: &Path, text: &str) {
    let source = path.with_extension("sh");
    std::fs::write(&source, format!("#!/bin/sh\n{text}\n")).unwrap();
    install(&source, path);
}

/// Copies a program, in a process of its own: a file that this one had open for writing could be open in a child that
/// another test starts at that moment, and is not executed then ("text file busy").
fn install(source: &Path, target: &Path) {
    let done = std::process::Command::new("install").args(["-m", "755"]).args([source, target]).status().unwrap();
    assert!(done.success(), "install {} {}: {done}", source.display(), target.display());
}

/// Runs `throng up` with programs in the place of sudo and of the agent, which write down how they were called.
async fn up(bench: &Bench, as_nobody: bool) -> Done {
    let folder = bench.folder.path();
    // Nobody may look in, answer on the socket, and write down what happens.
    std::fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
    std::fs::set_permissions(folder.join("throng.sock"), Permissions::from_mode(0o777)).unwrap();
    let version = throng_proto::version::BUILD;
    let noted = folder.display();
    program(
        &folder.join("throng-agent"),
        &format!(
            "if [ \"$1\" = --version ]; then echo throng-agent {version}; exit; fi\n\
             echo \"$@\" > {noted}/agent.args; cat > {noted}/agent.stdin; env > {noted}/agent.env"
        ),
    );
    program(&folder.join("sudo"), &format!("echo \"$@\" > {noted}/sudo.args; shift; exec \"$@\""));
    let throng = folder.join("throng");
    install(Path::new(env!("CARGO_BIN_EXE_throng")), &throng);
    let mut command = command(folder).into_std();
    let args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    command = std::process::Command::new(throng);
    command.args(args).args(["up", &bench.scenario()]).env_clear();
    let path = std::env::join_paths([folder, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    command.env("PATH", path).env("THRONG_RUN_DIR", "/run/throng-elsewhere");
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    if as_nobody {
        use std::os::unix::process::CommandExt as _;
        command.uid(NOBODY).gid(NOBODY);
    }
    finish(tokio::process::Command::from(command).spawn().unwrap()).await
}

fn read(bench: &Bench, name: &str) -> String {
    std::fs::read_to_string(bench.path(name)).unwrap_or_default()
}

fn assert_agent_was_started_and_its_token_hidden(bench: &Bench) {
    let args = read(bench, "agent.args");
    let expected =
        "start --coordinator 127.0.0.1:7000 --ca-pin ab12 --host local --token-stdin --run-dir /run/throng-elsewhere\n";
    assert_eq!(args, expected);
    assert_eq!(read(bench, "agent.stdin"), "s3cret-token\n");
    for place in ["agent.args", "agent.env", "sudo.args"] {
        assert!(!read(bench, place).contains("s3cret"), "{place}");
    }
}

#[tokio::test]
async fn without_root_the_agent_is_started_through_sudo_with_one_line_that_says_why() {
    let bench = Bench::new(Script { agentless: true, progress: script(events()), ..Script::default() });
    let done = up(&bench, nix::unistd::geteuid().is_root()).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_agent_was_started_and_its_token_hidden(&bench);
    let agent = bench.path("throng-agent").display().to_string();
    assert!(read(&bench, "sudo.args").starts_with(&format!("-- {agent} start")), "{}", read(&bench, "sudo.args"));
    let why = done.stderr.lines().filter(|line| line.contains("needs root")).count();
    assert_eq!(why, 1, "{}", done.stderr);
}

#[tokio::test]
async fn an_agent_that_is_connected_is_not_started_again() {
    let bench = Bench::new(Script { progress: script(events()), ..Script::default() });
    let done = up(&bench, false).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(read(&bench, "agent.args"), "");
    assert!(!bench.fake.calls().contains(&"create_join_token".to_owned()));
}
