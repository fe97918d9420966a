//! `throng serve`: the coordinator itself.

use clap::Args;
use throng_common::verdict::Outcome;

use super::context::Context;
use super::error::CliError;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
`throng up` and `throng run` start one in the background when none runs. In the foreground its log is on stderr.")]
pub struct ServeArgs {
    /// Leave the session of whoever started it
    #[arg(long, hide = true)]
    pub detached: bool,
}

/// Runs it.
pub fn run(_context: &Context, args: ServeArgs) -> Result<Outcome, CliError> {
    if args.detached {
        // Fails only for the leader of a process group, which is out of reach of our keys anyway.
        let _ = nix::unistd::setsid();
    }
    Err(CliError::refused("this build has no coordinator yet", ""))
}
