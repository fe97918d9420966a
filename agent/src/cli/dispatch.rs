//! From the command line to the command, and from its end to an exit code.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use throng_common::inherited_files;
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::EnvFilter;

use super::args::{Cli, Command, RunArgs, StartArgs};
use super::{look, start};
use crate::app::{self, Options};
use crate::enrol::JoinToken;
use crate::host::open_files;

/// Threads of the runtime: the agent waits far more than it computes, and the host's cores are its nodes'.
const WORKER_THREADS: usize = 2;
/// Longest join token, with room to spare.
const TOKEN_MAX_BYTES: u64 = 4096;
/// What is logged unless this variable says otherwise.
const LOG_VARIABLE: &str = "THRONG_LOG";
const DEFAULT_LOG: &str = "info";
/// When memory ends, the kernel kills nodes before the agent and their shims, who tell how they ended. Nodes and commands in
/// them have scores of their own.
const OOM_SCORE_ADJ: &str = "-900";
/// Exit code of an audit that found something; the same as the coordinator's.
const RESIDUE: u8 = 5;

/// Does what the arguments say. Usage errors exit within, as everywhere.
pub fn dispatch(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // Nodes and shims would hold the caller's locks and pipes. Linux before 5.11 cannot, and they are held.
    let _ = inherited_files::keep_to_oneself();
    let cli = Cli::parse_from(arguments);
    let done = match cli.command {
        Command::Run(args) => run(args).map(|()| ExitCode::SUCCESS),
        Command::Start(args) => start_daemon(&args).map(|()| ExitCode::SUCCESS),
        Command::Facts(args) => {
            runtime().and_then(|runtime| runtime.block_on(look::facts(&args))).map(|()| ExitCode::SUCCESS)
        }
        Command::Audit(args) => runtime()
            .and_then(|runtime| runtime.block_on(look::audit(&args)))
            .map(|clean| if clean { ExitCode::SUCCESS } else { ExitCode::from(RESIDUE) }),
    };
    done.unwrap_or_else(|error| {
        // Nobody is left to tell where this fails.
        let _ = writeln!(io::stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}

fn runtime() -> anyhow::Result<Runtime> {
    let built = Builder::new_multi_thread().worker_threads(WORKER_THREADS).enable_all().build();
    built.context("cannot begin")
}

fn run(args: RunArgs) -> anyhow::Result<()> {
    if args.detached {
        // It fails for a process that leads a session already: that is as good.
        let _ = nix::unistd::setsid();
    }
    let wanted = std::env::var(LOG_VARIABLE).unwrap_or_else(|_| DEFAULT_LOG.to_owned());
    let filter = EnvFilter::try_new(&wanted).with_context(|| format!("{LOG_VARIABLE}=`{wanted}`"))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).init();
    open_files::raise();
    // Best effort: it takes a privilege that not every host's root has.
    let _ = fs::write("/proc/self/oom_score_adj", OOM_SCORE_ADJ);
    let token = args.start.token_stdin.then(token).transpose()?;
    let StartArgs { coordinator, ca_pin, host, dirs, .. } = args.start;
    let options =
        Options { coordinator, ca_pin, host, paths: dirs.paths()?, token: token.as_deref().map(JoinToken::new) };
    Ok(runtime()?.block_on(app::run(options))?)
}

fn start_daemon(args: &StartArgs) -> anyhow::Result<()> {
    let token = args.token_stdin.then(token).transpose()?;
    Ok(start::start(args, token.as_deref())?)
}

fn token() -> anyhow::Result<String> {
    let mut text = String::new();
    io::stdin().take(TOKEN_MAX_BYTES).read_to_string(&mut text).context("cannot read the token from standard input")?;
    anyhow::ensure!(!text.trim().is_empty(), "there is no token on standard input");
    Ok(text)
}
