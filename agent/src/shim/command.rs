//! The hidden subcommand `throng-agent shim`.

use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use throng_common::error_chain::chain;

use super::files::ShimFiles;
use super::run;

/// The program that runs now, found even if its file was replaced by another build.
pub const THIS_PROGRAM: &str = "/proc/self/exe";

/// Exit code for arguments that make no sense.
const USAGE: u8 = 2;

/// `shim --dir DIR [--detach]`: what comes after `shim`.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut dir = None;
    let mut detach = false;
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--dir") => dir = arguments.next().map(PathBuf::from),
            Some("--detach") => detach = true,
            _ => return complain("shim: usage: throng-agent shim --dir DIR [--detach]", USAGE),
        }
    }
    let Some(dir) = dir else { return complain("shim: --dir is missing", USAGE) };
    let files = ShimFiles::new(&dir);
    let result: Result<(), Box<dyn Error>> =
        if detach { leave_behind(&files).map_err(Into::into) } else { run::run(&files).map_err(Into::into) };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("shim: {}", chain(error.as_ref())), 1),
    }
}

/// Starts the real shim and leaves it: it becomes a child of the machine's first process, so that nobody who comes and
/// goes has to reap it. It begins a session of its own.
fn leave_behind(files: &ShimFiles) -> std::io::Result<()> {
    let complaints = File::create(files.complaints())?;
    Command::new(THIS_PROGRAM)
        .args(["shim", "--dir"])
        .arg(files.dir())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(complaints)
        .spawn()?;
    Ok(())
}

fn complain(message: &str, code: u8) -> ExitCode {
    // Nobody is left to tell where this fails.
    let _ = writeln!(std::io::stderr(), "{message}");
    ExitCode::from(code)
}
