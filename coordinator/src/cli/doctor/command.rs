//! The arguments of `throng doctor`, and its two ways of printing.

use clap::Args;
use throng_common::verdict::Outcome;

use super::finding::{Finding, outcome};
use super::findings::examine;
use super::survey::Survey;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::output::palette::Palette;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng doctor
  throng doctor --format json

Looks only; changes nothing. Exit code 3 when something must be mended first.")]
pub struct DoctorArgs {}

/// Runs it.
pub async fn run(context: &Context, _args: DoctorArgs) -> Result<Outcome, CliError> {
    let findings = examine(&Survey::take(context).await);
    if context.is_json() {
        context.printer.json(&findings)?;
    } else {
        context.printer.data(&render(&findings, context.printer.out))?;
    }
    Ok(outcome(&findings))
}

/// One line a finding, its remedy below.
fn render(findings: &[Finding], palette: Palette) -> String {
    use std::fmt::Write as _;

    use super::finding::Level;
    let paint = |level: Level| {
        let word = format!("{:<4}", level.word());
        match level {
            Level::Ok => palette.good(&word),
            Level::Warn => palette.warn(&word),
            Level::Fail => palette.bad(&word),
        }
    };
    let mut text = String::new();
    for finding in findings {
        let _ = writeln!(text, "{} {:<12} {}", paint(finding.level), finding.subject, finding.seen);
        if !finding.remedy.is_empty() {
            let _ = writeln!(text, "     {:<12} {} {}", "", palette.strong("hint:"), finding.remedy);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_that_is_not_ok_shows_its_remedy() {
        let findings = [
            Finding::ok("cgroups", "version 2"),
            Finding::warn("nofile", "hard limit 20000", "raise it"),
            Finding::fail("engine", "nobody answers", "start it"),
        ];
        insta::assert_snapshot!(render(&findings, Palette::PLAIN));
        assert_eq!(outcome(&findings), Outcome::Environment);
        assert_eq!(outcome(&findings[..2]), Outcome::Pass);
    }
}
