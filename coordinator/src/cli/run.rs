//! `throng run`: up, tests, down, and the verdicts.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use throng_common::error_chain::chain;
use throng_common::verdict::Outcome;
use throng_proto::operator::{GetReportRequest, KeepPolicy, Operation, RunRequest};

use super::args::ScenarioArgs;
use super::context::Context;
use super::error::CliError;
use super::operation::begin::begin;
use super::operation::interrupt::{Interrupts, OnAsk};
use super::operation::session::Session;
use super::operation::summary;
use super::operation::watch::{Watch, Watched};
use super::scenario_file::ScenarioFile;
use super::{pattern, report};
use crate::client::connect::Client;

/// When the cluster is left up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Keep {
    /// Always.
    Always,
    /// When a test failed.
    OnFailure,
}

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng run examples/redis/redis.toml
  throng run redis.toml --set param.workers=20 --test 'replica.*write'
  throng run redis.toml --keep=on-failure     look at a failure while the cluster is up

Ctrl-C tears down gracefully; pressed again, it detaches and prints how to go on.
What was started for this run (coordinator, agent) ends with it.")]
pub struct RunArgs {
    /// The scenario
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// Leave the cluster up afterwards: always, or only when a test failed
    #[arg(long, value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "always")]
    pub keep: Option<Keep>,
    /// Only tests whose name matches this regular expression
    #[arg(long, value_name = "PATTERN", value_parser = pattern::parse)]
    pub test: Option<String>,
    /// Repeat the random draws of an earlier run
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Write where the time went, for Perfetto or chrome://tracing
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
}

/// Runs it.
pub async fn run(context: &Context, args: RunArgs) -> Result<Outcome, CliError> {
    let file = ScenarioFile::read_and_warn(context, &args.scenario)?;
    let mut interrupts = Interrupts::listen()?;
    let Some(mut session) = Session::ensure_unless(context, &mut interrupts).await? else {
        return Ok(Outcome::Interrupted);
    };
    let request = RunRequest {
        bundle: None,
        keep: keep_policy(args.keep).into(),
        tests: args.test.unwrap_or_default(),
        seed: args.seed.unwrap_or(0),
        operation: String::new(),
    };
    let done = watch(context, &mut session.client, (file, request), &mut interrupts).await;
    if let (Ok(Some((operation, _, Left::Nothing))), Some(path)) = (&done, &args.trace)
        && let Err(error) = write_trace(&mut session.client, operation, path).await
    {
        // What the run came to counts; the trace lies in its folder too.
        context.printer.warning(&format!("the trace was not written: {}", chain(&error)));
    }
    match done {
        Ok(None) => session.end(context).await.map(|()| Outcome::Interrupted),
        Ok(Some((_, outcome, Left::Nothing))) => session.end(context).await.map(|()| outcome),
        // Somebody still needs the daemons: the operator who keeps the cluster, or the teardown that goes on.
        Ok(Some((_, outcome, Left::Operation))) => {
            if session.is_own() {
                let stop = context.invocation.command("stop");
                context
                    .printer
                    .hint(&format!("end the coordinator and the agent that were started for it, after it: {stop}"));
            }
            Ok(outcome)
        }
        Err(error) => {
            let _ = session.end(context).await;
            Err(error)
        }
    }
}

enum Left {
    Nothing,
    Operation,
}

/// None where the operator has it ended before it began.
async fn watch(
    context: &Context,
    client: &mut Client,
    (file, request): (ScenarioFile, RunRequest),
    interrupts: &mut Interrupts,
) -> Result<Option<(Operation, Outcome, Left)>, CliError> {
    let bundle = tokio::select! {
        shipped = file.ship(context, client) => Some(shipped?),
        _ = interrupts.next() => return Ok(None),
    };
    let operation = begin(context, client, interrupts, "run", async |mut client, operation| {
        client.run(RunRequest { bundle: bundle.clone(), operation, ..request.clone() }).await
    })
    .await?;
    let watched = Watch::new(context, &operation, OnAsk::TearDown).run(client, interrupts).await?;
    let report = stored_report(context, client, &operation, &watched).await;
    let outcome = summary::print(context, &operation, &watched, report.as_deref())?;
    let left = match watched {
        Watched::Ended(_) => Left::Nothing,
        Watched::Detached { .. } => Left::Operation,
    };
    Ok(Some((operation, outcome, left)))
}

/// Writes a run's trace to a file of the caller's.
async fn write_trace(client: &mut Client, operation: &Operation, path: &Path) -> Result<(), CliError> {
    let request = GetReportRequest { run: operation.run.clone(), trace: true };
    let trace = client.get_report(request).await?.into_inner().trace_json;
    let failed = |source| CliError::File { action: "write", path: path.to_owned(), source };
    std::fs::write(path, trace).map_err(failed)
}

/// The stored report for people; none where it could not be had: what was seen is printed instead.
pub(super) async fn stored_report(
    context: &Context,
    client: &mut Client,
    operation: &Operation,
    watched: &Watched,
) -> Option<String> {
    if context.is_json() || operation.run.is_empty() || matches!(watched, Watched::Detached { .. }) {
        return None;
    }
    let request = GetReportRequest { run: operation.run.clone(), trace: false };
    let stored = match client.get_report(request).await {
        Ok(stored) => Ok(stored.into_inner()),
        Err(status) => Err(CliError::from(status)),
    };
    let rendered = match &stored {
        Ok(stored) => report::render(context, client, stored).await,
        Err(_) => Ok(String::new()),
    };
    match stored.and_then(|stored| Ok((rendered?, stored.artefacts))) {
        Ok((text, artefacts)) => Some(format!("{text}\nartefacts: {artefacts}\n")),
        // What was refused before it began has none.
        Err(_) if matches!(watched, Watched::Ended(record) if record.phases.is_empty() && record.tests.is_empty()) => {
            None
        }
        Err(error) => {
            context.printer.warning(&format!("the stored report cannot be had: {}", chain(&error)));
            None
        }
    }
}

fn keep_policy(keep: Option<Keep>) -> KeepPolicy {
    match keep {
        None => KeepPolicy::Never,
        Some(Keep::OnFailure) => KeepPolicy::OnFailure,
        Some(Keep::Always) => KeepPolicy::Always,
    }
}
