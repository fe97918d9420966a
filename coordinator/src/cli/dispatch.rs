//! From the process's arguments to an outcome.

use std::ffi::OsString;

use clap::FromArgMatches as _;
use serde::Serialize;
use throng_common::error_chain::chain;
use throng_common::inherited_files;
use throng_common::verdict::Outcome;

use super::args::{Cli, Command};
use super::context::Context;
use super::error::CliError;
use super::{
    check, completions, cp, doctor, down, events, exec, follow, help, hosts, init, logs, operator, plan, ps, report,
    reset, restart, run, runs, scale, schema, serve, status, stop, test, up,
};
use crate::output::printer::{Format, Printer};

/// Parses the arguments and runs the command. Everything is printed when it returns.
pub fn dispatch(args: impl IntoIterator<Item = OsString>) -> Outcome {
    // A daemon that is started would hold the caller's locks and pipes. Linux before 5.11 cannot, and they are held.
    let _ = inherited_files::keep_to_oneself();
    let parsed = help::command().try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too; a closed stdout is no reason to complain.
            let _ = error.print();
            return if error.use_stderr() { Outcome::Usage } else { Outcome::Pass };
        }
    };
    let printer = Printer::detect(cli.global.format(), cli.global.color, cli.global.quiet);
    let context = match Context::new(&cli.global, printer) {
        Ok(context) => context,
        Err(error) => return complain(printer, &error),
    };
    execute(&context, cli.command).unwrap_or_else(|error| {
        let outcome = complain(printer, &error);
        if error.is_worth_repeating() {
            printer.hint(&format!("again: `{}`", context.invocation.again()));
        }
        outcome
    })
}

/// What ended a command, for programs.
#[derive(Serialize)]
struct Complaint {
    error: String,
    hint: Option<String>,
    outcome: Outcome,
}

fn complain(printer: Printer, error: &CliError) -> Outcome {
    let outcome = error.outcome();
    if error.is_silent() {
        return outcome;
    }
    let complaint = Complaint { error: chain(error), hint: error.hint(), outcome };
    printer.error(&complaint.error);
    if let Some(hint) = &complaint.hint {
        printer.hint(hint);
    }
    if printer.format == Format::Json {
        // On one line, since some commands have printed lines before it. A closed stdout is no reason to complain.
        let _ = printer.json_line(&complaint);
    }
    outcome
}

fn execute(context: &Context, command: Command) -> Result<Outcome, CliError> {
    let mut runtime = match command {
        // The coordinator serves hundreds of hosts; every other command waits for one connection.
        Command::Serve(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime =
        runtime.enable_all().build().map_err(|source| CliError::Terminal { action: "start threads", source })?;
    runtime.block_on(perform(context, command))
}

async fn perform(context: &Context, command: Command) -> Result<Outcome, CliError> {
    match command {
        Command::Init(args) => init::run(context, args),
        Command::Check(args) => check::run(context, args),
        Command::Schema(args) => schema::run(context, args),
        Command::Plan(args) => plan::run(context, args).await,
        Command::Run(args) => run::run(context, args).await,
        Command::Up(args) => up::run(context, args).await,
        Command::Test(args) => test::run(context, args).await,
        Command::Scale(args) => scale::run(context, args).await,
        Command::Restart(args) => restart::run(context, args).await,
        Command::Reset(args) => reset::run(context, args).await,
        Command::Down(args) => down::run(context, args).await,
        Command::Follow(args) => follow::run(context, args).await,
        Command::Status(args) => status::run(context, args).await,
        Command::Ps(args) => ps::run(context, args).await,
        Command::Exec(args) => exec::run(context, args).await,
        Command::Logs(args) => logs::run(context, args).await,
        Command::Cp(args) => cp::run(context, args).await,
        Command::Events(args) => events::run(context, args).await,
        Command::Runs(args) => runs::run(context, args).await,
        Command::Report(args) => report::run(context, args).await,
        Command::Doctor(args) => doctor::run(context, args).await,
        Command::Hosts(args) => hosts::run(context, args).await,
        Command::Serve(args) => serve::run(context, args).await,
        Command::Stop(args) => stop::run(context, args).await,
        Command::Operator(args) => operator::run(context, args).await,
        Command::Completions(args) => completions::run(context, args),
    }
}
