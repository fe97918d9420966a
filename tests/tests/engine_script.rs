//! `scripts/engine` on machines of every kind: each test is a box with its own processes and its own `/run`, in which the
//! programs that the script would call are stand-ins that write down how they were called.

#![expect(clippy::unwrap_used, reason = "a test that fails here says so by failing")]

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use throng_tests::programs::repository;

/// Answers on the usual socket, as an engine without containers does.
const DOCKERD: &str = r#"#!/usr/bin/perl
use IO::Socket::UNIX;
open my $calls, ">>", "$ENV{BOX}/calls"; print $calls "dockerd @ARGV\n"; close $calls;
unlink "/run/docker.sock";
my $server = IO::Socket::UNIX->new(Local => "/run/docker.sock", Listen => 5) or die;
open my $pid, ">", "/run/docker.pid"; print $pid $$; close $pid;
while (my $client = $server->accept) {
  my $asked = <$client>;
  print $client "HTTP/1.0 200 OK\r\n\r\n", $asked =~ /_ping/ ? "OK" : "[]";
}
"#;

/// One that says why it cannot, and ends.
const DYING_DOCKERD: &str = "#!/bin/sh\necho 'failed to start daemon: no room' >&2\nexit 1\n";

/// The service manager: its `docker.service` is the stand-in above.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "systemctl $*" >>"$BOX/calls"
case "$*" in
  "start docker.service") setsid "$BOX/service" >/dev/null 2>&1 & ;;
  "--quiet is-active docker.service") [ -e /run/docker.sock ] ;;
  "stop docker.socket docker.service") kill "$(cat /run/docker.pid)"; rm /run/docker.sock ;;
esac
"#;

/// The package manager: what it installs is the stand-in above.
const APT_GET: &str = r#"#!/bin/sh
echo "apt-get $*" >>"$BOX/calls"
cp "$BOX/service" "$BOX/bin/dockerd"
"#;

/// Asks for a password that nobody knows, and still runs what it is given: there is no other user in the box.
const SUDO: &str = r#"#!/bin/sh
echo "sudo $*" >>"$BOX/calls"
[ "$1" != -n ] || exit 1
shift
case "$1" in perl) echo -n OK ;; esac
"#;

/// A machine with the script, and nothing that it could find or change elsewhere.
struct Machine {
    folder: TempDir,
}

/// What came of the calls in a machine.
struct Said {
    code: Option<i32>,
    out: String,
    calls: String,
    note: String,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("throng-script-").tempdir().unwrap();
        let machine = Self { folder };
        for script in ["engine", "engine-get", "as-root"] {
            let text = fs::read_to_string(repository().join("scripts").join(script)).unwrap();
            machine.program(&format!("checkout/scripts/{script}"), &text);
        }
        machine.program("service", DOCKERD);
        machine.program("bin/apt-get", APT_GET);
        machine.program("bin/systemctl", SYSTEMCTL);
        machine
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn program(&self, name: &str, text: &str) -> &Self {
        let path = self.path().join(name);
        let source = self.path().join("program.text");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&source, text).unwrap();
        // Written by a process of its own: what this one has open for writing may be open in another test's child, and is
        // not executed then ("text file busy").
        let done = Command::new("install").args(["-m", "755"]).args([&source, &path]).status().unwrap();
        assert!(done.success(), "install {}: {done}", path.display());
        self
    }

    /// Runs lines of bash in the checkout, as root of a machine where nothing runs.
    fn run(&self, lines: &str) -> Said {
        assert!(nix::unistd::geteuid().is_root(), "a machine of one's own needs root");
        // The machine's own engine has mounts that the script would take for those of the stand-in; and a bare machine
        // has no program `kill`.
        let boot = "umount --recursive --lazy /var/lib/docker 2>/dev/null\n\
                    for place in /run /usr/sbin /var/log; do mount -t tmpfs tmpfs $place; done\n\
                    [ ! -e /usr/bin/kill ] || mount --bind /dev/null /usr/bin/kill\n";
        let output = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c"])
            .arg(format!("{boot} unset DOCKER_HOST; cd \"$BOX/checkout\"\n{lines}"))
            .env("BOX", self.path())
            .env("PATH", format!("{}/bin:/usr/bin:/bin", self.path().display()))
            .output()
            .unwrap();
        let read = |name: &str| fs::read_to_string(self.path().join(name)).unwrap_or_default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said {
            code: output.status.code(),
            out: text(&output.stdout) + &text(&output.stderr),
            calls: read("calls"),
            note: read("checkout/build/engine"),
        }
    }
}

impl Said {
    #[track_caller]
    fn expect(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.out);
        for word in words {
            assert!(self.out.contains(word), "`{word}` is not said: {}", self.out);
        }
        self
    }
}

const UP: &str = "\"$BOX/service\" & until [ -e /run/docker.pid ]; do sleep 0.05; done\n: >\"$BOX/calls\"\n";

#[test]
fn an_engine_that_answers_is_used_as_it_is_and_never_stopped() {
    let machine = Machine::new();
    let said = machine.run(&format!("{UP} scripts/engine start && scripts/engine report && scripts/engine stop"));
    let said = said.expect(0, &["using the one that answers on /var/run/docker.sock", "nothing to stop"]);
    assert_eq!((said.calls.as_str(), said.note.as_str()), ("", ""), "{}", said.out);
    assert!(!said.out.contains("make engine-stop"), "{}", said.out);
}

#[test]
fn a_socket_and_a_pid_file_that_nobody_owns_are_in_nobodys_way() {
    let machine = Machine::new();
    let said = machine.program("bin/dockerd", DOCKERD).run(
        "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => \"/run/docker.sock\", Listen => 1)'\n\
         echo $$ >/run/docker.pid\n\
         scripts/engine start && scripts/engine report && cp build/engine noted && scripts/engine stop && cat noted",
    );
    let said = said.expect(0, &["starting dockerd itself", "to stop it: make engine-stop", "engine: stopped"]);
    assert_eq!(said.calls, "dockerd --bridge=none --iptables=false --live-restore\n");
    assert!(said.out.contains("\nstarted dockerd ") && said.note.is_empty(), "{}", said.out);
}

#[test]
fn a_dockerd_that_ends_at_its_start_is_shown_with_its_last_words() {
    let machine = Machine::new();
    let said = machine.program("bin/dockerd", DYING_DOCKERD).run("scripts/engine start");
    let said = said.expect(1, &["has ended", "failed to start daemon: no room", "mend what its log says"]);
    assert_eq!(said.note, "");
}

#[test]
fn a_machine_with_a_service_manager_has_its_service_started_and_stopped() {
    let machine = Machine::new();
    let said = machine
        .program("bin/dockerd", DYING_DOCKERD)
        .run("mkdir -p /run/systemd/system\nscripts/engine start && scripts/engine report && scripts/engine stop");
    let said = said.expect(0, &["starting docker.service", "to stop it: make engine-stop", "engine: stopped"]);
    let calls: Vec<&str> = said.calls.lines().filter(|line| !line.contains("is-active")).collect();
    let dockerd = "dockerd "; // the service itself
    assert_eq!(calls, ["systemctl start docker.service", dockerd, "systemctl stop docker.socket docker.service"]);
}

#[test]
fn where_no_engine_is_installed_the_distributions_is_without_its_recommendations() {
    let said = Machine::new().run("scripts/engine start && scripts/engine report");
    let said = said.expect(0, &["installing docker.io", "apt-get purge --autoremove docker.io", "make engine-stop"]);
    let first = said.calls.lines().next().unwrap_or_default();
    assert_eq!(first, "apt-get -qq -o Dpkg::Use-Pty=0 install --yes --no-install-recommends docker.io");
    assert!(said.note.starts_with("installed docker.io\nstarted dockerd "), "{}", said.note);
}

#[test]
fn what_was_started_in_another_boot_is_neither_named_nor_stopped() {
    let machine = Machine::new();
    let said = machine.run(&format!(
        "{UP} mkdir build; echo \"started dockerd $(cat /run/docker.pid) 0-0-0\" >build/engine\n\
         scripts/engine report; scripts/engine stop; scripts/engine-get /_ping"
    ));
    let said = said.expect(0, &["nothing to stop"]);
    assert!(said.out.contains("OK") && !said.out.contains("engine-stop"), "{}", said.out);
}

#[test]
fn a_docker_host_elsewhere_is_refused_before_anything_is_done() {
    let machine = Machine::new();
    let said = machine.run("DOCKER_HOST=tcp://10.0.0.1:2375 scripts/engine start").expect(2, &["this machine's"]);
    assert_eq!((said.calls.as_str(), said.note.as_str()), ("", ""));
    let said = machine.run("DOCKER_HOST=unix:///run/other.sock scripts/engine start");
    let said = said.expect(1, &["unix:///run/other.sock, where no engine answers", "unset DOCKER_HOST"]);
    assert_eq!((said.calls.as_str(), said.note.as_str()), ("", ""));
}

#[test]
fn a_docker_host_that_answers_is_used() {
    let machine = Machine::new();
    let lines = format!("{UP} ln /run/docker.sock /run/x; DOCKER_HOST=unix:///run/x scripts/engine start");
    let said = machine.run(&lines).expect(0, &["using the one that answers on /run/x"]);
    assert_eq!(said.calls, "");
}

/// As somebody who is not in the group `docker`.
const NOBODY: &str = "chmod 600 /run/docker.sock; chmod -R a+rwX \"$BOX\"; setpriv --reuid=65534 --clear-groups";

#[test]
fn a_socket_that_only_root_may_open_is_asked_through_sudo_with_the_reason() {
    let machine = Machine::new();
    let lines = format!("{UP} {NOBODY} scripts/engine start");
    let said = machine.program("bin/sudo", SUDO).run(&lines);
    let said = said.expect(0, &["root is needed to ask the Docker engine", "using the one that answers"]);
    assert!(!said.calls.contains("apt-get"), "{}", said.calls);
}

#[test]
fn without_root_an_engine_behind_a_closed_socket_is_not_taken_for_none() {
    let machine = Machine::new();
    let said = machine.run(&format!("{UP} {NOBODY} scripts/engine start")).expect(2, &["root is needed to ask"]);
    assert_eq!((said.calls.as_str(), said.note.as_str()), ("", ""));
}
