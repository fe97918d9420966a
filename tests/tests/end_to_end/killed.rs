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
/// How long the victim waits for its end: were nobody left to kill it, all others would wait for it.
const KILLED_WITHIN: Duration = Duration::from_secs(30);
/// A guard waits for its turn like everybody else, and each of the others is soon over.
const SWEPT: Duration = Duration::from_secs(300);

#[test]
fn a_test_that_is_killed_leaves_nothing() {
    if std::env::var_os(VICTIM).is_some() {
        in_site(|site| {
            let _ = site.up();
            println!("{UP}{} {}", site.name(), site.mark());
            std::thread::park_timeout(KILLED_WITHIN);
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
        let mut left: Vec<String> = containers().into_iter().map(|container| container.name).collect();
        let mounts = [host::mounts(mark), host::mounts(&format!("throng:{name}"))].concat();
        left.extend(mounts.iter().map(|mount| format!("{mount:?}")));
        left.extend(host::processes(mark).iter().map(|process| format!("{process:?}")));
        left.extend(host::cgroups(name).iter().map(|group| group.display().to_string()));
        let folders = ["/run", "/tmp"].iter().flat_map(|parent| std::fs::read_dir(parent).unwrap().flatten());
        let folders = folders.map(|entry| entry.path().display().to_string());
        left.extend(folders.filter(|folder| folder.contains(mark)));
        let hosts = std::fs::read_to_string("/etc/hosts").unwrap();
        left.extend(hosts.lines().filter(|line| line.contains(name)).map(str::to_owned));
        if left.is_empty() { Ok(()) } else { Err(left.join("\n")) }
    });
}
