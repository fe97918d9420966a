//! What is printed when an operation has ended, or was left.

use std::time::Duration;

use serde::Serialize;
use throng_common::verdict::Outcome;
use throng_proto::operator::Operation;

use super::watch::Watched;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::output::palette::Palette;
use crate::output::progress::lines::verdict;
use crate::output::progress::record::{EndRecord, OperationRecord, ResidueRecord, TestRecord};
use crate::output::table::Table;
use crate::output::time::took;

/// With what a line begins that says what a person can do.
const HINT: &str = "hint: ";

#[derive(Serialize)]
struct OperationView<'a> {
    operation: &'a str,
    cluster: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    run: &'a str,
    #[serde(flatten)]
    record: &'a OperationRecord,
}

/// Prints how the watching ended, and what it means for the exit code. `report` is the stored report of a run: it says
/// the same as the events, and more, so it is printed in their place.
pub fn print(
    context: &Context,
    operation: &Operation,
    watched: &Watched,
    report: Option<&str>,
) -> Result<Outcome, CliError> {
    match watched {
        Watched::Detached { cancelled } => {
            detached(context, operation, *cancelled);
            Ok(Outcome::Interrupted)
        }
        Watched::Ended(record) => {
            let outcome = record.end.as_ref().map_or(Outcome::Environment, |end| end.outcome);
            if context.is_json() {
                let Operation { operation, cluster, run } = operation;
                context.printer.json(&OperationView { operation, cluster, run, record })?;
            } else {
                let printer = context.printer;
                // Apart from the progress, which may be on the same screen.
                printer.note("");
                printer.data(&render(operation, record, report, printer.out, printer.width_columns))?;
            }
            if let (None, true, Some(end)) = (report, begins_cluster(operation), &record.end) {
                advise(context, operation, record, end);
            }
            if record.end.as_ref().is_some_and(|end| end.outcome == Outcome::Residue) {
                advise_teardown(context, operation);
            }
            if let Some(why) = worth_repeating(record)
                && context.invocation.begins(&operation.operation)
            {
                context.printer.hint(&format!("{why}; again: `{}`", context.invocation.again()));
            }
            Ok(outcome)
        }
    }
}

/// What is printed where an operation would have nothing to do, and was not begun.
pub fn nothing_to_do(context: &Context, why: &str) -> Result<Outcome, CliError> {
    if context.is_json() {
        let record = OperationRecord::nothing_to_do(why);
        context.printer.json(&OperationView { operation: "", cluster: "", run: "", record: &record })?;
    } else {
        context.printer.note(why);
    }
    Ok(Outcome::Pass)
}

/// Why the same command should be given again; none where it has said all that it can.
fn worth_repeating(record: &OperationRecord) -> Option<&'static str> {
    let end = record.end.as_ref()?;
    let is_unjudged = |test: &TestRecord| matches!(test.verdict.as_str(), "invalid" | "suspect");
    if end.begin_again {
        Some("nobody goes on with it")
    } else if end.outcome == Outcome::Environment && record.tests.iter().any(is_unjudged) {
        Some("INVALID and SUSPECT say nothing of the system under test")
    } else {
        None
    }
}

/// Whether it brings a cluster up: after `test` and `scale` nobody wonders what can be done with one.
fn begins_cluster(operation: &Operation) -> bool {
    ["up-", "run-"].iter().any(|verb| operation.operation.starts_with(verb))
}

/// The tables and the last lines.
fn render(
    operation: &Operation,
    record: &OperationRecord,
    report: Option<&str>,
    palette: Palette,
    width: Option<u16>,
) -> String {
    if let Some(report) = report {
        return report.to_owned();
    }
    let mut text = String::new();
    if !record.tests.is_empty() {
        text.push_str(&tests_table(&record.tests).render(width));
        text.push('\n');
    }
    // Where something failed, the time that the rest took is no answer to anything.
    if record.end.as_ref().is_none_or(|end| end.outcome == Outcome::Pass) {
        text.push_str(&phases_table(record).render(width));
        text.push('\n');
    }
    let Some(end) = &record.end else { return text };
    if !end.residues.is_empty() {
        text.push_str(&residues_table(&end.residues).render(width));
        text.push('\n');
    }
    text.push_str(&ending(operation, record, end, palette));
    text
}

fn tests_table(tests: &[TestRecord]) -> Table {
    let mut table = Table::new(&["TEST", "VERDICT", ">TIME"]);
    for test in tests {
        let word = verdict(Palette::PLAIN, &test.verdict);
        table.row([test.test.as_str(), &word, &took(Duration::from_millis(test.took_millis))]);
    }
    table
}

fn phases_table(record: &OperationRecord) -> Table {
    let mut table = Table::new(&["PHASE", ">TIME", ""]);
    for phase in &record.phases {
        let time = took(Duration::from_millis(phase.took_millis));
        let word = match (phase.ok, phase.detail.as_str()) {
            (true, detail) => detail.to_owned(),
            (false, "") => "failed".to_owned(),
            (false, detail) => format!("failed: {detail}"),
        };
        table.row([phase.phase.as_str(), &time, &word]);
    }
    table.row(["in all", &took(Duration::from_millis(record.took_millis)), ""]);
    table
}

/// What is left behind, each with its remedy.
pub fn residues_table(residues: &[ResidueRecord]) -> Table {
    let mut table = Table::new(&["LEFT BEHIND", "KIND", "HOST", "REMEDY"]);
    for residue in residues {
        table.row([&residue.subject, &residue.kind, &residue.host, &residue.remedy]);
    }
    table
}

/// What it came to: a line with the reason, below it who and why, what to do, and that nothing is left behind.
fn ending(operation: &Operation, record: &OperationRecord, end: &EndRecord, palette: Palette) -> String {
    let word = match end.outcome {
        Outcome::Pass if record.tests.is_empty() => palette.good("done"),
        Outcome::Pass => palette.good("passed"),
        Outcome::Failed => palette.bad("failed"),
        Outcome::Usage => palette.bad("refused"),
        Outcome::Environment => palette.warn("invalid: the environment, not the system"),
        Outcome::Budget => palette.bad("stopped: budget or lease"),
        Outcome::Residue if end.residues.is_empty() => palette.bad("what is left is not known"),
        Outcome::Residue => palette.bad("left something behind"),
        Outcome::Quorum => palette.bad(&what_failed(record)),
        Outcome::Interrupted => palette.warn("interrupted"),
    };
    let clean = record.nothing_left_behind();
    if end.detail.is_empty() {
        let what = match end.outcome {
            // What a script goes on with.
            Outcome::Pass if end.cluster_up && begins_cluster(operation) => format!(" · {} is up", operation.cluster),
            _ if clean => " · nothing left behind".to_owned(),
            _ => String::new(),
        };
        return format!("{word}{what}\n");
    }
    let mut text = format!("{word}: ");
    for line in end.detail.lines() {
        match line.strip_prefix(HINT) {
            Some(hint) => text.extend([&palette.strong(HINT.trim_end()), " ", hint]),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    if clean {
        text.push_str("nothing left behind\n");
    }
    text
}

/// In what an operation failed that did not get its hosts or nodes: by its first phase that did not reach its aim.
fn what_failed(record: &OperationRecord) -> String {
    match record.phases.iter().find(|phase| !phase.ok).map(|phase| phase.phase.as_str()) {
        Some("plan") => "no plan".to_owned(),
        Some("image") => "no image".to_owned(),
        Some(phase) if phase.starts_with("up ") => "not enough came up".to_owned(),
        Some(phase) => format!("{phase} failed"),
        None => "failed".to_owned(),
    }
}

/// What can be done with a cluster that is still up.
fn advise(context: &Context, operation: &Operation, record: &OperationRecord, end: &EndRecord) {
    if !end.cluster_up {
        if end.outcome == Outcome::Quorum && record.phases.iter().any(|phase| phase.phase.starts_with("up ")) {
            let keep = context.invocation.command("run SCENARIO --keep=on-failure");
            context.printer.hint(&format!("to look at it with logs, exec and ps, have it left up: {keep}"));
        }
        return;
    }
    let cluster = &operation.cluster;
    let command = |words: &str| context.invocation.command(words);
    let printer = context.printer;
    printer.note(&format!("{cluster} is up. Next:"));
    let next = [
        format!("ps --cluster {cluster}"),
        format!("exec SELECTOR --cluster {cluster} -- COMMAND"),
        format!("logs SELECTOR --cluster {cluster}"),
        format!("test --cluster {cluster}"),
        format!("down {cluster} --yes"),
    ];
    for words in next {
        printer.note(&format!("  {}", command(&words)));
    }
}

/// A teardown that is not proven can be asked for again, once what stood against it is mended.
fn advise_teardown(context: &Context, operation: &Operation) {
    let words = match operation.cluster.as_str() {
        "" => "down --orphans --yes".to_owned(),
        cluster => format!("down {cluster} --yes"),
    };
    context.printer.hint(&format!("a teardown may be repeated: `{}`", context.invocation.command(&words)));
}

/// Said when the operator left.
fn detached(context: &Context, operation: &Operation, cancelled: bool) {
    let printer = context.printer;
    let what = if cancelled { "the teardown" } else { "the operation" };
    printer.stderr(&format!("detached: {what} goes on without you"));
    printer.hint(&format!(
        "watch it to its end: {}",
        context.invocation.command(&format!("follow {}", operation.operation))
    ));
    if !operation.cluster.is_empty() && !cancelled {
        let down = context.invocation.command(&format!("down {} --yes", operation.cluster));
        printer.hint(&format!("take it down: {down}"));
    }
}
