//! Asking before something is destroyed.

use std::io::IsTerminal as _;

use super::context::Context;
use super::error::CliError;

/// The answers that go on.
const YES: [&str; 2] = ["yes", "y"];

/// Whether somebody is there to answer.
pub fn can_ask(context: &Context) -> bool {
    std::io::stdin().is_terminal() && context.printer.err_is_terminal
}

/// Goes on after `--yes` or a typed "yes"; refuses where nobody can be asked. The plan was printed before.
pub fn confirm(context: &Context, yes: bool, question: &str) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !can_ask(context) {
        return Err(CliError::refused("nobody is there to say yes", "add --yes"));
    }
    context.printer.prompt(&format!("{question} Go on? [yes/no] "));
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|source| CliError::Terminal { action: "read an answer", source })?;
    if YES.contains(&answer.trim().to_ascii_lowercase().as_str()) {
        Ok(())
    } else {
        Err(CliError::refused("nothing was done", ""))
    }
}
