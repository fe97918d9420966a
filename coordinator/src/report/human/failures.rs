//! Why a test failed, for people: the steps that did not hold, with their nodes folded.

use std::borrow::Cow;

use throng_common::verdict::Verdict;

use super::figures::counted;
use crate::report::model::{Failure, StepReport, TestReport};

/// Most lines that one test's failure fills; the report has all.
const BLOCK_MAX_LINES: usize = 60;

/// Longest node set written out, in characters: 1000 scattered nodes would fill a screen.
const NODES_MAX_CHARS: usize = 400;

/// One line of a failure: `worker-[0003,0007] (2): exit code 1, expected 0`.
pub fn failure_line(failure: &Failure) -> String {
    match failure.count {
        0 => failure.message.clone(),
        1 => format!("{}: {}", failure.nodes, failure.message),
        count => format!("{} ({count}): {}", shortened(&failure.nodes), failure.message),
    }
}

/// A node set, cut where it is very long.
fn shortened(nodes: &str) -> Cow<'_, str> {
    let Some(kept) = nodes.get(..NODES_MAX_CHARS) else { return nodes.into() };
    let end = kept.rfind(',').unwrap_or(NODES_MAX_CHARS);
    format!("{},...]", &kept[..end]).into()
}

/// All steps that did not hold, those that ran in parallel in place of the step that held them.
pub fn failed_steps(steps: &[StepReport]) -> Vec<&StepReport> {
    let mut failed = Vec::new();
    for step in steps.iter().filter(|step| !step.held) {
        if !step.failures.is_empty() || step.steps.is_empty() {
            failed.push(step);
        }
        failed.extend(failed_steps(&step.steps));
    }
    failed
}

/// The failure in one line, for lists.
pub fn first_line(test: &TestReport) -> String {
    if !test.evidence.is_empty() {
        return test.evidence.clone();
    }
    let failed = failed_steps(&test.steps);
    let failures: Vec<&Failure> = failed.iter().flat_map(|step| &step.failures).collect();
    match failures.as_slice() {
        [] if test.verdict == Some(Verdict::UnexpectedPass) => "passed, although it is a known failure".to_owned(),
        [] => test.ended_by.clone(),
        [only] => failure_line(only),
        [first, rest @ ..] => format!("{}; and {} more", failure_line(first), rest.len()),
    }
}

/// The whole story of a failure, several lines without colour, not indented.
pub fn failure_block(test: &TestReport) -> String {
    let mut lines: Vec<String> = evidence(test).into_iter().collect();
    for step in failed_steps(&test.steps) {
        lines.push(heading(step));
        for failure in &step.failures {
            lines.push(format!("  {}", failure_line(failure)));
            lines.extend(failure.detail.lines().map(|line| format!("    {line}")));
        }
        lines.extend(step.notes.iter().map(|note| format!("  note: {note}")));
        lines.extend(step.artefacts.iter().map(|file| format!("  see {file}")));
    }
    if test.repetitions > 1 {
        lines.push(format!("in repetition {} of the test", test.repetitions));
    }
    if lines.is_empty() && !test.ended_by.is_empty() {
        lines.push(test.ended_by.clone());
    }
    if !test.artefacts.is_empty() {
        lines.push(format!("kept: {}", listed(&test.artefacts)));
    }
    let more = lines.len().saturating_sub(BLOCK_MAX_LINES);
    if more > 0 {
        lines.truncate(BLOCK_MAX_LINES);
        lines.push(format!("({more} more lines in report.json)"));
    }
    lines.join("\n")
}

/// Why a failure is not held against the system under test, and what can be done.
fn evidence(test: &TestReport) -> Option<String> {
    let hint = match test.verdict? {
        Verdict::Invalid => "hint: it says nothing of the system under test; run it again on a quiet host",
        Verdict::Suspect => {
            "hint: give the nodes more room: fewer of them on a host, or a larger one; or raise their limits"
        }
        Verdict::Pass | Verdict::KnownFailure | Verdict::Fail | Verdict::UnexpectedPass => return None,
    };
    Some(format!("{}\n{hint}", test.evidence))
}

fn heading(step: &StepReport) -> String {
    let mut extent = Vec::new();
    if step.nodes > 1 {
        extent.push(format!("on {} nodes", step.nodes));
    }
    if step.attempts > 1 {
        extent.push(counted(usize::try_from(step.attempts).unwrap_or(usize::MAX), "attempt"));
    }
    if step.repetitions > 1 {
        extent.push(format!("repetition {}", step.repetitions));
    }
    let extent = if extent.is_empty() { String::new() } else { format!(" ({})", extent.join(", ")) };
    format!("{} {}: {}{extent}", step.part.word(), step.number, step.title)
}

/// Files: all of a few, the first of many.
fn listed(files: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = files.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match files.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
