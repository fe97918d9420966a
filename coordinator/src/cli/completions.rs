//! `throng completions`: completions for a shell.

use clap::Args;
use clap_complete::Shell;
use throng_common::verdict::Outcome;

use super::context::Context;
use super::error::CliError;
use super::help;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng completions bash > ~/.local/share/bash-completion/completions/throng
  throng completions zsh > ~/.zfunc/_throng")]
pub struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Runs it.
pub fn run(context: &Context, args: CompletionsArgs) -> Result<Outcome, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut help::command(), "throng", &mut script);
    context.printer.bytes(&script)?;
    Ok(Outcome::Pass)
}
