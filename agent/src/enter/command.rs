//! The hidden subcommand `throng-agent enter`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use super::become_like::Bounds;
use super::error::EnterError;
use super::target::Target;
use crate::launcher::report::{NOT_STARTED, Token};
use crate::launcher::variables::unmarked;

/// The exit code of one that could not enter: nothing was run, and the engine may fare better.
pub const NOT_ENTERED: u8 = 125;
/// What the arguments say.
#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    pid: u32,
    started_ticks: u64,
    container: String,
    token: String,
    command: Vec<OsString>,
}

/// `enter --pid PID --started TICKS --container ID --token T -- argv…`.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(parsed) = parse(arguments) else {
        return complain(&Token::given(String::new()), &EnterError::Usage);
    };
    let token = Token::given(parsed.token.clone());
    match enter(parsed) {
        Ok(never) => match never {},
        Err(error) => complain(&token, &error),
    }
}

fn complain(token: &Token, error: &EnterError) -> ExitCode {
    token.complain(&error.to_string());
    ExitCode::from(if error.is_programs_own() { NOT_STARTED } else { NOT_ENTERED })
}

fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<Arguments> {
    let mut value = |name: &str| {
        let given = arguments.next().is_some_and(|word| word == name);
        arguments.next().filter(|_| given)?.into_string().ok()
    };
    let (pid, started_ticks) = (value("--pid")?.parse().ok()?, value("--started")?.parse().ok()?);
    let (container, token) = (value("--container")?, value("--token")?);
    arguments.next().filter(|word| word == "--")?;
    Some(Arguments { pid, started_ticks, container, token, command: arguments.collect() })
}

fn enter(arguments: Arguments) -> Result<std::convert::Infallible, EnterError> {
    let Some((program, words)) = arguments.command.split_first() else { return Err(EnterError::NoCommand) };
    let target = Target::open(arguments.pid, arguments.started_ticks)?;
    target.expect_in(&arguments.container)?;
    let bounds = Bounds::of(&target)?;
    let environment = environment(&bounds.environment, std::env::vars_os());
    bounds.put_on()?;
    let path = environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone()).unwrap_or_default();
    let source = Command::new(program).args(words).env_clear().envs(environment).exec();
    let program = program.to_string_lossy().into_owned();
    Err(match source.kind() {
        io::ErrorKind::NotFound => EnterError::NoProgram { program, path: path.to_string_lossy().into_owned() },
        _ => EnterError::Exec { program, source },
    })
}

/// The first process's environment, with what the caller adds; later ones win.
fn environment(first: &[u8], own: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let pair = |entry: &[u8]| {
        let at = entry.iter().position(|byte| *byte == b'=')?;
        Some((OsStr::from_bytes(&entry[..at]).to_owned(), OsStr::from_bytes(&entry[at + 1..]).to_owned()))
    };
    first.split(|byte| *byte == 0).filter_map(pair).chain(unmarked(own)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> impl Iterator<Item = OsString> {
        text.split(' ').map(OsString::from).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn what_comes_after_the_dashes_is_the_command_whatever_it_looks_like() {
        let parsed = parse(words("--pid 7 --started 99 --container c --token t -- ls --pid -- x")).unwrap();
        assert_eq!((parsed.pid, parsed.started_ticks), (7, 99));
        assert_eq!((parsed.container.as_str(), parsed.token.as_str()), ("c", "t"));
        assert_eq!(parsed.command, ["ls", "--pid", "--", "x"]);
        for text in
            ["--pid 7", "--pid x --started 9 --container c --token t -- ls", "--pid 7 --started 9 --token t -- ls"]
        {
            assert_eq!(parse(words(text)), None, "{text}");
        }
    }

    #[test]
    fn only_marked_variables_reach_the_command_and_they_win() {
        let own = [("THRONG_SET_COLOUR", "red"), ("LD_PRELOAD", "/x.so"), ("THRONG_SET_LD_PRELOAD", "/y.so")];
        let own = own.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let all = environment(b"COLOUR=blue\0PATH=/bin\0odd\0", own.into_iter());
        let all: Vec<String> =
            all.iter().map(|(name, value)| format!("{}={}", name.display(), value.display())).collect();
        assert_eq!(all, ["COLOUR=blue", "PATH=/bin", "COLOUR=red", "LD_PRELOAD=/y.so"]);
    }
}
