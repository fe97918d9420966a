//! A command on a terminal of its own, as somebody types it: with keys, a screen, and an end of the terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};

use crate::wait::wait_for;

/// A common size.
const SIZE: Winsize = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };

/// How often the one who reads the screen looks whether the terminal is to be closed, in milliseconds.
const LOOK_MILLIS: u16 = 20;

/// Ctrl-C, as the terminal hears it.
pub const CTRL_C: &[u8] = b"\x03";

/// A command that has a terminal, which is the only thing that holds its session.
#[derive(Debug)]
pub struct OnTerminal {
    child: Child,
    keys: File,
    screen: Arc<Mutex<Vec<u8>>>,
    closing: Arc<AtomicBool>,
    reader: JoinHandle<()>,
}

impl OnTerminal {
    /// Starts a command as the leader of a session of its own, on a new terminal.
    pub fn start(command: &Command) -> Self {
        let pty = openpty(Some(&SIZE), None).expect("a terminal can be made");
        for side in [&pty.master, &pty.slave] {
            // Held by a daemon that the command starts, the terminal would never go away.
            fcntl(side, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("a descriptor of ours can be changed");
        }
        let side = |descriptor: &OwnedFd| Stdio::from(descriptor.try_clone().expect("a descriptor can be copied"));
        let mut leader = Command::new("setsid");
        leader.args(["--ctty", "--wait", "--"]).arg(command.get_program()).args(command.get_args());
        let set = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
        leader.envs(set).env("TERM", "xterm");
        if let Some(folder) = command.get_current_dir() {
            leader.current_dir(folder);
        }
        leader.stdin(side(&pty.slave)).stdout(side(&pty.slave)).stderr(side(&pty.slave));
        let child = leader.spawn().expect("setsid (util-linux) is there");
        let keys = File::from(pty.master);
        let output = keys.try_clone().expect("a descriptor can be copied");
        let screen = Arc::new(Mutex::new(Vec::new()));
        let closing = Arc::new(AtomicBool::new(false));
        let reader = {
            let (screen, closing) = (Arc::clone(&screen), Arc::clone(&closing));
            std::thread::spawn(move || show(output, &screen, &closing))
        };
        Self { child, keys, screen, closing, reader }
    }

    /// Types keys.
    pub fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).expect("the terminal takes keys");
    }

    /// All that was shown so far, without the codes that move and paint.
    pub fn screen(&self) -> String {
        let bytes = self.screen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        plain(&String::from_utf8_lossy(&bytes))
    }

    /// Waits until the screen shows a text.
    pub fn until_shown(&self, text: &str, within: Duration) {
        wait_for(&format!("`{text}` is shown"), within, || {
            let screen = self.screen();
            if screen.contains(text) { Ok(()) } else { Err(screen) }
        });
    }

    /// Takes the terminal away, as a lost connection does, and waits for the command's end; its exit code.
    pub fn hang_up(self, within: Duration) -> Option<i32> {
        let Self { mut child, keys, screen: _, closing, reader } = self;
        closing.store(true, Ordering::Relaxed);
        reader.join().expect("the reader does not panic");
        // The last descriptor of this side: now the kernel tells the session, and writing to the screen fails.
        drop(keys);
        end(&mut child, within)
    }

    /// Waits for its end: its exit code, and all that was shown.
    pub fn end(mut self, within: Duration) -> (Option<i32>, String) {
        let code = end(&mut self.child, within);
        // What it wrote last is read a moment later.
        std::thread::sleep(Duration::from_millis(100));
        (code, self.screen())
    }
}

/// Copies what is written to the terminal, until the last one who holds the other side ends, or this side is to be closed.
fn show(mut output: File, screen: &Mutex<Vec<u8>>, closing: &AtomicBool) {
    let mut bytes = [0; 4096];
    while !closing.load(Ordering::Relaxed) {
        let ready = poll(&mut [PollFd::new(output.as_fd(), PollFlags::POLLIN)], PollTimeout::from(LOOK_MILLIS));
        match ready {
            Ok(0) => continue,
            Ok(_) => {}
            Err(errno) => panic!("the terminal cannot be waited for: {errno}"),
        }
        let Ok(count @ 1..) = output.read(&mut bytes) else { return };
        screen.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes[..count]);
    }
}

fn end(child: &mut Child, within: Duration) -> Option<i32> {
    wait_for("the command ends", within, || match child.try_wait().expect("a child of ours can be waited for") {
        Some(status) => Ok(status.code()),
        None => Err("it runs"),
    })
}

/// Without escape codes: `ESC [ … letter`.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\u{1b}' {
            plain.push(letter);
            continue;
        }
        if letters.next() == Some('[') {
            letters.by_ref().find(char::is_ascii_alphabetic);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_is_what_is_read_of_it() {
        assert_eq!(plain("\u{1b}[2K\u{1b}[1;31mfailed\u{1b}[0m: x"), "failed: x");
    }
}
