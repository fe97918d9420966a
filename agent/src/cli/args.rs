//! What can be written on the command line.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use throng_common::ca_pin::CaPin;
use throng_common::ids::HostId;
use throng_proto::version::BUILD;

use crate::paths::{Paths, PathsError};

/// The agent of throng: the root daemon of a host.
#[derive(Debug, Parser)]
#[command(name = "throng-agent", version = BUILD, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Be the agent, in the foreground, with its log on standard error.
    Run(RunArgs),
    /// Start the agent in the background, and wait until its coordinator has said hello.
    Start(StartArgs),
    /// Print what this host is and has. Needs no root.
    Facts(LookArgs),
    /// Print what of throng is left on this host. Needs no coordinator, but root.
    Audit(LookArgs),
}

/// How the agent is started.
#[derive(Debug, Args)]
pub(super) struct StartArgs {
    /// The coordinator's address.
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(super) coordinator: String,
    /// The pin of the coordinator's CA; `throng serve` logs it and `throng status` shows it.
    #[arg(long, value_name = "HEX")]
    pub(super) ca_pin: CaPin,
    /// This host's id in the fleet.
    #[arg(long, value_name = "NAME")]
    pub(super) host: HostId,
    /// Read a join token from standard input; needed only by a host that has not joined.
    #[arg(long)]
    pub(super) token_stdin: bool,
    #[command(flatten)]
    pub(super) dirs: Dirs,
}

/// How the agent is run.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) start: StartArgs,
    /// Begin a session of its own, as a daemon does.
    #[arg(long, hide = true)]
    pub(super) detached: bool,
}

/// What is looked at, and how it is printed.
#[derive(Debug, Args)]
pub(super) struct LookArgs {
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    pub(super) format: Format,
    #[command(flatten)]
    pub(super) dirs: Dirs,
}

/// The agent's folders.
#[derive(Debug, Args)]
pub(super) struct Dirs {
    /// What survives a boot: identity and ledger.
    #[arg(long, value_name = "DIR", env = "THRONG_AGENT_STATE_DIR", default_value = "/var/lib/throng-agent")]
    pub(super) state_dir: PathBuf,
    /// What does not: mounts and nodes' folders. Its path must contain `throng`.
    #[arg(long, value_name = "DIR", env = "THRONG_RUN_DIR", default_value = "/run/throng")]
    pub(super) run_dir: PathBuf,
}

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One JSON document.
    Json,
}

impl Dirs {
    pub(super) fn paths(&self) -> Result<Paths, PathsError> {
        Paths::new(Path::new(&self.state_dir), Path::new(&self.run_dir))
    }
}

fn address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match port.and_then(|(_, port)| port.parse::<u16>().ok()) {
        Some(1..) => Ok(text.to_owned()),
        Some(0) | None => Err("write it as HOST:PORT".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coordinators_call_is_understood() {
        let pin = "0a".repeat(32);
        let call = ["throng-agent", "start", "--coordinator", "127.0.0.1:7443", "--ca-pin", &pin, "--host", "local"];
        let rest = ["--token-stdin", "--state-dir", "/tmp/s", "--run-dir", "/tmp/throng"];
        let cli = Cli::try_parse_from(call.into_iter().chain(rest)).unwrap();
        let Command::Start(args) = cli.command else { panic!("{cli:?}") };
        assert_eq!((args.coordinator.as_str(), args.host.as_str()), ("127.0.0.1:7443", "local"));
        assert!(args.token_stdin && args.dirs.paths().is_ok());
    }

    #[test]
    fn an_address_without_a_port_is_refused() {
        assert!(address("127.0.0.1").is_err() && address(":1").is_err() && address("a:0").is_err());
        assert!(address("[::1]:7443").is_ok());
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
