//! A test that is killed itself: its guard removes what it cannot any more.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use throng_tests::site::in_site;
use throng_tests::wait::wait_for;
use throng_tests::{engine, host};

/// Set for the one that is killed.
const VICTIM: &str = "THRONG_TEST_VICTIM";
/// With what the victim's line begins that says what it is called.
const UP: &str = "up: ";
/// A guard waits for its turn like everybody else, and each of the others is soon over.
const SWEPT: Duration = Duration::from_secs(300);

#[test]
fn a_test_that_is_killed_leaves_nothing() {
    if std::env::var_os(VICTIM).is_some() {
        in_site(|site| {
            let _ = site.up();
            println!("{UP}{} {}", site.name(), site.mark());
            std::thread::park();
        });
        return;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "killed::a_test_that_is_killed_leaves_nothing", "--nocapture"]).env(VICTIM, "1");
    let mut victim = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let up = lines.map_while(Result::ok).find_map(|line| line.split_once(UP).map(|(_, names)| names.to_owned()));
    let up = up.expect("it is up before it is killed");
    let (name, mark) = up.split_once(' ').unwrap();
    let containers = || engine::containers(&format!("throng-{name}"));
    assert!(!containers().is_empty() && !host::processes(mark).is_empty());
    victim.kill().unwrap();
    let _ = victim.wait().unwrap();
    wait_for("all of it is gone", SWEPT, || {
        let containers: Vec<_> = containers().into_iter().map(|container| container.name).collect();
        let mounts = [host::mounts(mark), host::mounts(&format!("throng:{name}"))].concat();
        let folders = ["/run", "/tmp"].iter().flat_map(|parent| std::fs::read_dir(parent).unwrap().flatten());
        let folders: Vec<_> = folders.filter(|entry| entry.file_name().to_string_lossy().starts_with(mark)).collect();
        let hosts = std::fs::read_to_string("/etc/hosts").unwrap();
        let left = (containers, mounts, host::processes(mark), host::cgroups(name), folders, hosts.contains(name));
        let is_empty = left.0.is_empty() && left.1.is_empty() && left.2.is_empty() && left.3.is_empty();
        if is_empty && left.4.is_empty() && !left.5 { Ok(()) } else { Err(format!("{left:?}")) }
    });
}
