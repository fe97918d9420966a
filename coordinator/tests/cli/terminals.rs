//! `exec -it`: on a terminal of our own making.

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::Duration;

use nix::pty::{Winsize, openpty};
use nix::sys::signal::Signal;
use nix::sys::termios::{LocalFlags, tcgetattr};

use crate::fake::Script;
use crate::support::{Bench, command, interrupt};

#[tokio::test]
async fn keys_go_to_the_node_its_output_comes_back_and_the_terminal_is_put_back() {
    let bench = Bench::new(Script::default());
    let size = Winsize { ws_row: 33, ws_col: 111, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(Some(&size), None).unwrap();
    let (mut master, slave) = (std::fs::File::from(pty.master), std::fs::File::from(pty.slave));
    let mut child = command(&bench.path(""))
        .args(["exec", "-it", "worker-0003", "--", "sh"])
        .stdin(Stdio::from(slave.try_clone().unwrap()))
        .stdout(Stdio::from(slave.try_clone().unwrap()))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let echoes = |terminal: &std::fs::File| tcgetattr(terminal).unwrap().local_flags.contains(LocalFlags::ECHO);
    assert!(echoes(&slave));
    bench.until_called("terminal start worker-0003 33x111").await;
    bench.until(|| !echoes(&slave), "the terminal is raw").await;
    interrupt(&child, Signal::SIGWINCH);
    bench.until_called("terminal size 33x111").await;
    // In raw mode, Ctrl-C is a key for the node and no signal for us.
    master.write_all(b"ls\x03").unwrap();
    bench.until_called("terminal data \"ls\\u{3}\"").await;
    master.write_all(b"q").unwrap();
    let status = tokio::time::timeout(Duration::from_secs(60), child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(1), "the command in the node ended with 3");
    assert!(echoes(&slave), "the terminal is as it was");
    let mut seen = [0; 64];
    let count = master.read(&mut seen).unwrap();
    assert!(String::from_utf8_lossy(&seen[..count]).contains("$ "));
}
