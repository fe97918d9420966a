//! `throng runs`: past runs.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use throng_common::verdict::Outcome;
use throng_proto::operator::{ListRunsRequest, RunSummary};

use super::context::Context;
use super::error::CliError;
use super::operation::session::Session;
use crate::output::table::Table;
use crate::output::time::{age, now_unix_millis, timestamp, took};

/// Arguments.
#[derive(Debug, Args)]
pub struct RunsArgs {}

#[derive(Serialize)]
struct RunView {
    run: String,
    scenario: String,
    cluster: String,
    outcome: String,
    started: String,
    took_millis: u64,
    passed: u32,
    failed: u32,
    known_failures: u32,
    artefacts: String,
}

/// Runs it.
pub async fn run(context: &Context, _args: RunsArgs) -> Result<Outcome, CliError> {
    // Runs outlive the daemons that were started for them.
    let mut session = Session::of_coordinator(context).await?;
    let listed = session.client.list_runs(ListRunsRequest {}).await;
    session.end(context).await?;
    let runs = listed?.into_inner().runs;
    if context.is_json() {
        context.printer.json(&runs.into_iter().map(RunView::from).collect::<Vec<_>>())?;
    } else if runs.is_empty() {
        context.printer.note("no runs yet");
    } else {
        context.printer.data(&table(&runs, now_unix_millis()).render(context.printer.width_columns))?;
    }
    Ok(Outcome::Pass)
}

fn table(runs: &[RunSummary], now: u64) -> Table {
    let headings = ["RUN", "OUTCOME", ">PASSED", ">FAILED", ">KNOWN", ">TOOK", ">AGE", "ARTEFACTS"];
    let mut table = Table::new(&headings);
    for run in runs {
        table.row([
            run.run.as_str(),
            if run.outcome.is_empty() { "goes on" } else { &run.outcome },
            &run.passed.to_string(),
            &run.failed.to_string(),
            &run.known_failures.to_string(),
            &took(Duration::from_millis(run.took_millis)),
            &age(run.started_unix_millis, now),
            &run.artefacts,
        ]);
    }
    table
}

impl From<RunSummary> for RunView {
    fn from(run: RunSummary) -> Self {
        Self {
            run: run.run,
            scenario: run.scenario,
            cluster: run.cluster,
            outcome: run.outcome,
            started: timestamp(run.started_unix_millis),
            took_millis: run.took_millis,
            passed: run.passed,
            failed: run.failed,
            known_failures: run.known_failures,
            artefacts: run.artefacts,
        }
    }
}
