//! Machines without a compiler, whose programs were built elsewhere: `THRONG_PREBUILT=1`.

#![expect(clippy::unwrap_used, reason = "a test that fails here says so by failing")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use throng_tests::programs::repository;

/// What the scripts call on a machine without a compiler.
const TOOLS: [&str; 8] = ["apt-get", "bash", "cat", "dirname", "git", "id", "sed", "sudo"];

/// Runs a script of the repository where `bin` holds all that is installed.
fn run(script: &str, bin: &Path, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new("/bin/bash");
    command.arg(repository().join("scripts").join(script)).env("PATH", bin).env_remove("CARGO_TARGET_DIR");
    command.envs(variables.iter().copied()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A folder with these tools of this machine; what it has not got is a program that does nothing.
fn machine() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for tool in TOOLS {
        let found =
            ["/usr/bin", "/bin"].map(|place| Path::new(place).join(tool)).into_iter().find(|path| path.exists());
        symlink(found.unwrap_or_else(|| "/bin/true".into()), folder.path().join(tool)).unwrap();
    }
    folder
}

/// A target folder whose programs end with these exit codes.
fn target(throng: i32, agent: i32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let debug = folder.path().join("debug");
    fs::create_dir(&debug).unwrap();
    for (name, code) in [("throng", throng), ("throng-agent", agent)] {
        symlink(if code == 0 { "/bin/true" } else { "/bin/false" }, debug.join(name)).unwrap();
    }
    folder
}

#[test]
fn a_machine_without_a_compiler_is_refused_unless_the_programs_are_there_already() {
    let machine = machine();
    let refused = run("preflight", machine.path(), &[]);
    let text = said(&refused);
    assert_eq!(refused.status.code(), Some(1), "{text}");
    assert!(text.contains("missing: cargo (Rust ") && text.contains("missing: cc (a C compiler"), "{text}");
    let prebuilt = run("preflight", machine.path(), &[("THRONG_PREBUILT", "1")]);
    assert!(prebuilt.status.success(), "{}", said(&prebuilt));
}

#[test]
fn prebuilt_programs_are_used_as_they_are_and_must_run_here() {
    let machine = machine();
    let build = |target: &Path| {
        let target = target.display().to_string();
        run("build", machine.path(), &[("THRONG_PREBUILT", "1"), ("CARGO_TARGET_DIR", &target)])
    };
    let good = target(0, 0);
    let used = build(good.path());
    assert!(used.status.success(), "{}", said(&used));
    assert!(said(&used).contains(&format!("using what lies in {}/debug", good.path().display())), "{}", said(&used));

    let foreign = target(0, 1);
    let refused = build(foreign.path());
    let text = said(&refused);
    assert_eq!(refused.status.code(), Some(1), "{text}");
    assert!(text.contains("/debug/throng-agent does not run here: build it for this machine"), "{text}");
}
