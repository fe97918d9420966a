//! The hidden subcommand `throng-agent launch`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use super::error::LaunchError;
use super::prepare::{Manner, prepare};
use super::report::{NOT_STARTED, Token};
use super::user::Identity;
use super::variables::unmarked;
use crate::host::engine::model::FileSlice;
use crate::shim::files::{ShimFileError, ShimFiles, read_json};
use crate::shim::spec::{LaunchSpec, ShimSpec};

/// Where programs are looked up for a node whose environment has no PATH.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the arguments say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    dir: PathBuf,
    token: String,
    manner: Manner,
    /// Another command than the node's own; what the caller's environment marks then goes on top of the node's.
    command: Option<Vec<String>>,
    /// A file to be read as the node's user, instead of running anything.
    read: Option<(PathBuf, FileSlice)>,
}

/// `launch --dir DIR [--token T] [--die-with PID] [--terminal] [--nofile-soft N] [--read PATH --max N [--tail] | -- argv…]`.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let parsed = parse(arguments);
    let token = Token::given(parsed.as_ref().map(|parsed| parsed.token.clone()).unwrap_or_default());
    let result = match parsed {
        Ok(parsed) => launch(parsed),
        Err(source) => Err(LaunchError::Step { step: "read its own arguments", source }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            token.complain(&error.to_string());
            ExitCode::from(NOT_STARTED)
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = OsString>) -> io::Result<Arguments> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let mut parsed = Arguments::default();
    let mut slice = FileSlice { max_bytes: 0, tail: false };
    let mut read = None;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| wrong("a value is missing"));
        let number = |text: OsString| text.to_str().and_then(|text| text.parse().ok());
        match argument.to_str() {
            Some("--dir") => parsed.dir = value()?.into(),
            Some("--token") => parsed.token = value()?.to_string_lossy().into_owned(),
            Some("--die-with") => {
                let pid = number(value()?).and_then(|pid: u64| u32::try_from(pid).ok());
                parsed.manner.die_with = Some(pid.ok_or_else(|| wrong("--die-with takes a process id"))?);
            }
            Some("--nofile-soft") => parsed.manner.nofile_soft = number(value()?),
            Some("--terminal") => parsed.manner.terminal = true,
            Some("--read") => read = Some(PathBuf::from(value()?)),
            Some("--max") => slice.max_bytes = number(value()?).ok_or_else(|| wrong("--max takes a number"))?,
            Some("--tail") => slice.tail = true,
            Some("--") => {
                parsed.command = Some(arguments.by_ref().map(|word| word.to_string_lossy().into_owned()).collect());
            }
            _ => return Err(wrong("unknown argument")),
        }
    }
    parsed.read = read.map(|path| (path, slice));
    Ok(parsed)
}

fn launch(arguments: Arguments) -> Result<(), LaunchError> {
    let path = ShimFiles::new(&arguments.dir).spec();
    let missing = || ShimFileError::Read { path: path.clone(), source: io::ErrorKind::NotFound.into() };
    let mut spec = read_json::<ShimSpec>(&path)?.ok_or_else(missing)?.launch;
    if let Some(command) = arguments.command {
        spec.command = command;
        let text = |text: OsString| text.to_string_lossy().into_owned();
        spec.env.extend(unmarked(std::env::vars_os()).map(|(name, value)| (text(name), text(value))));
    }
    let identity = prepare(&spec, &arguments.manner)?;
    match arguments.read {
        Some((path, slice)) => send_file(&path, slice),
        None => Err(become_program(&spec, &identity)),
    }
}

/// Returns only if it fails.
fn become_program(spec: &LaunchSpec, identity: &Identity) -> LaunchError {
    let Some((program, arguments)) = spec.command.split_first() else { return LaunchError::NoCommand };
    let env = environment(spec, identity);
    let error = Command::new(program).args(arguments).env_clear().envs(&env).exec();
    match error.kind() {
        io::ErrorKind::NotFound => {
            LaunchError::NoProgram { program: program.clone(), path: env.get("PATH").cloned().unwrap_or_default() }
        }
        _ => LaunchError::Exec { program: program.clone(), source: error },
    }
}

/// The node's environment, with what every program expects filled in. Later ones win.
fn environment(spec: &LaunchSpec, identity: &Identity) -> BTreeMap<String, String> {
    let name = identity.name.clone().unwrap_or_else(|| identity.uid.to_string());
    let expected = [
        ("PATH", DEFAULT_PATH.to_owned()),
        ("HOME", identity.home.clone().unwrap_or_else(|| "/".to_owned())),
        ("USER", name.clone()),
        ("LOGNAME", name),
    ];
    let expected = expected.into_iter().map(|(key, value)| (key.to_owned(), value));
    expected.chain(spec.env.iter().cloned()).collect()
}

/// Writes how large a file is, as eight bytes, and then the wanted part of it, to standard output.
fn send_file(path: &Path, slice: FileSlice) -> Result<(), LaunchError> {
    let failed = |source: io::Error| LaunchError::ReadFile { path: path.to_owned(), source };
    // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
    let flags = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let mut file = File::options().read(true).custom_flags(flags).open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(LaunchError::NotAFile { path: path.to_owned() });
    }
    if slice.tail && meta.len() > slice.max_bytes {
        file.seek(SeekFrom::Start(meta.len() - slice.max_bytes)).map_err(failed)?;
    }
    let mut out = io::stdout().lock();
    out.write_all(&meta.len().to_be_bytes()).map_err(failed)?;
    io::copy(&mut file.take(slice.max_bytes), &mut out).map_err(failed)?;
    out.flush().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> impl Iterator<Item = OsString> {
        text.split(' ').map(OsString::from).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn what_comes_after_the_dashes_is_the_command_whatever_it_looks_like() {
        let parsed = parse(words("--dir /d --token t --die-with 7 -- ls --dir -- x")).unwrap();
        assert_eq!(parsed.dir, Path::new("/d"));
        assert_eq!(parsed.manner, Manner { die_with: Some(7), ..Manner::default() });
        assert_eq!(parsed.command.unwrap(), ["ls", "--dir", "--", "x"]);
    }

    #[test]
    fn a_read_has_a_bound() {
        let parsed = parse(words("--dir /d --read log --max 10 --tail")).unwrap();
        assert_eq!(parsed.read, Some((PathBuf::from("log"), FileSlice { max_bytes: 10, tail: true })));
    }

    #[test]
    fn arguments_that_make_no_sense_are_refused() {
        for text in ["--dir", "--die-with x", "--what", "--max -1"] {
            assert!(parse(words(text)).is_err(), "{text}");
        }
    }
}
