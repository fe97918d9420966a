//! What a command came to in each node, printed folded.

use serde::Serialize;
use throng_common::ids::NodeName;
use throng_common::nodeset::NodeSet;
use throng_common::verdict::Outcome;
use throng_proto::operator::ExecOutcome;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::node;
use crate::output::fold::fold;
use crate::output::printer::Printer;

/// What a command came to in one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeOutcome {
    node: NodeName,
    took_micros: u64,
    said: Said,
}

/// What can be equal over many nodes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Said {
    error: Option<String>,
    code: i32,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    truncated: bool,
}

#[derive(Serialize)]
pub(super) struct OutcomeView<'a> {
    node: String,
    error: Option<&'a str>,
    code: i32,
    stdout: String,
    stderr: String,
    truncated: bool,
    took_micros: u64,
}

/// The outcomes of a fan-out.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    outcomes: Vec<NodeOutcome>,
}

impl NodeOutcome {
    pub(super) fn decode(outcome: ExecOutcome) -> Result<Self, CliError> {
        Ok(Self {
            node: node::name(&outcome.node)?,
            took_micros: outcome.took_micros,
            said: Said {
                error: outcome.error,
                code: outcome.code,
                stdout: outcome.stdout.to_vec(),
                stderr: outcome.stderr.to_vec(),
                truncated: outcome.truncated,
            },
        })
    }

    pub(super) fn view(&self) -> OutcomeView<'_> {
        OutcomeView {
            node: self.node.to_string(),
            error: self.said.error.as_deref(),
            code: self.said.code,
            stdout: String::from_utf8_lossy(&self.said.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&self.said.stderr).into_owned(),
            truncated: self.said.truncated,
            took_micros: self.took_micros,
        }
    }

    /// On its own.
    pub(super) fn print(&self, printer: Printer) -> std::io::Result<()> {
        self.said.print(&self.node.to_string(), printer)
    }
}

impl Said {
    fn failed(&self) -> bool {
        self.error.is_some() || self.code != 0
    }

    /// Output to stdout, what went wrong to stderr, each under the heading.
    fn print(&self, heading: &str, printer: Printer) -> std::io::Result<()> {
        if !self.failed() || !self.stdout.is_empty() {
            printer.data(&section(&printer.out.strong(heading), &self.stdout))?;
        }
        if let Some(problem) = self.problem() {
            printer.stderr(&format!("{}: {problem}", printer.err.bad(heading)));
        }
        if !self.stderr.is_empty() {
            printer.stderr(section(&printer.err.strong(heading), &self.stderr).trim_end());
        }
        Ok(())
    }

    fn problem(&self) -> Option<String> {
        match (&self.error, self.code) {
            (Some(error), _) => Some(error.clone()),
            (None, 0) if self.truncated => Some("the output was cut: --output-max keeps more".to_owned()),
            (None, 0) => None,
            (None, code) => Some(format!("exit code {code}")),
        }
    }
}

impl Gathered {
    pub(super) fn push(&mut self, outcome: NodeOutcome) {
        self.outcomes.push(outcome);
    }

    /// Folded; a single named node's output as it is.
    pub(super) fn print(&self, printer: Printer, raw: bool) -> std::io::Result<()> {
        if let ([outcome], true) = (&self.outcomes[..], raw) {
            printer.bytes(&outcome.said.stdout)?;
            let said = String::from_utf8_lossy(&outcome.said.stderr);
            said.lines().for_each(|line| printer.stderr(line));
            if let Some(problem) = outcome.said.problem() {
                printer.stderr(&format!("{}: {problem}", printer.err.bad(&outcome.node.to_string())));
            }
            return Ok(());
        }
        let values = self.outcomes.iter().map(|outcome| (outcome.node.clone(), outcome.said.clone()));
        fold(values).iter().try_for_each(|group| group.value.print(&group.heading(), printer))
    }

    /// Who failed, and what it means.
    pub(super) fn conclude(&self, context: &Context, selector: &str) -> Result<Outcome, CliError> {
        let printer = context.printer;
        let failed: NodeSet =
            self.outcomes.iter().filter(|outcome| outcome.said.failed()).map(|outcome| &outcome.node).collect();
        if self.outcomes.is_empty() {
            return Err(CliError::refused(format!("`{selector}` names no node"), "`throng ps` lists them"));
        }
        if failed.is_empty() {
            return Ok(Outcome::Pass);
        }
        if self.outcomes.len() > 1 {
            printer.stderr(&format!("failed in {} of {} nodes: {failed}", failed.len(), self.outcomes.len()));
        }
        if self.outcomes.iter().any(|outcome| outcome.said.error.is_some()) {
            let again = context.invocation.again();
            printer.hint(&format!("not every node answered; --timeout gives a command longer; again: `{again}`"));
        }
        Ok(Outcome::Failed)
    }
}

/// `heading: text` for one line, else the lines below the heading.
fn section(heading: &str, output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let text = text.trim_end();
    match text.lines().count() {
        0 => format!("{heading}: (no output)"),
        1 => format!("{heading}: {text}"),
        _ => text.lines().fold(format!("{heading}:"), |folded, line| format!("{folded}\n  {line}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_stands_beside_its_heading_and_several_below() {
        assert_eq!(section("worker-0001", b"PONG\n"), "worker-0001: PONG");
        assert_eq!(section("worker-0001", b"a\nb\n"), "worker-0001:\n  a\n  b");
        assert_eq!(section("worker-0001", b""), "worker-0001: (no output)");
    }
}
