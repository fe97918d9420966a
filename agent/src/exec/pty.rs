//! A pseudo-terminal as two byte streams.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::{Receiver, Sender};

use crate::host::engine::api::TerminalSize;

/// Bytes read at once.
const CHUNK_BYTES: usize = 8 * 1024;

/// The agent's end of a pseudo-terminal.
#[derive(Debug)]
pub struct Pty {
    master: File,
}

impl Pty {
    /// Opens one, and its other end for a program. Neither is inherited by programs that are started meanwhile.
    pub fn open(size: TerminalSize) -> io::Result<(Self, File)> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let name = name.to_str().map_err(io::Error::other)?;
        let program_end = File::options().read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(name)?;
        fcntl(&master, FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK))?;
        let pty = Self { master: File::from(master) };
        pty.resize(size)?;
        Ok((pty, program_end))
    }

    /// Tells the program how large its terminal is.
    pub fn resize(&self, size: TerminalSize) -> io::Result<()> {
        let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
        Ok(tcsetwinsize(&self.master, size)?)
    }

    /// What is typed. To the kernel's readiness calls a terminal is what a pipe is.
    pub fn input(&self) -> io::Result<Sender> {
        Sender::from_file_unchecked(self.master.try_clone()?)
    }

    /// What the program shows; ends when nobody has its end open any more.
    pub fn output(&self) -> io::Result<BoxStream<'static, io::Result<Bytes>>> {
        let source = Receiver::from_file_unchecked(self.master.try_clone()?)?;
        Ok(stream::unfold(Some(source), |source| async {
            let mut source = source?;
            let mut chunk = vec![0; CHUNK_BYTES];
            match source.read(&mut chunk).await {
                Ok(0) => None,
                Ok(read) => {
                    chunk.truncate(read);
                    Some((Ok(Bytes::from(chunk)), Some(source)))
                }
                // The kernel's way to say that the other end is closed.
                Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed())
    }
}
