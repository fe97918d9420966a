//! Expectations: what an outcome must be, and a line that says what it was instead. Pure.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;
use throng_common::scenario::steps::{Expect, OneOrMany};

use super::excerpt::{first_difference, quote, tail};
use super::json::{loosely_equal, same};
use crate::report::model::Cause;

#[cfg(test)]
mod tests;

/// Most mismatches named in one line.
const MISMATCHES_MAX: usize = 3;

/// Texts up to this length are quoted whole where they differ; of longer ones, the place where they differ.
const WHOLE_MAX_CHARS: usize = 60;

/// An answer to a step: of a command, a program or an HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// How it ended.
    pub(super) end: AnswerEnd,
    /// Standard output, or the body.
    pub(super) output: String,
    /// Standard error; empty with HTTP.
    pub(super) stderr: String,
    /// Whether there was more of it than was kept.
    pub(super) truncated: bool,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerEnd {
    /// With an exit code.
    Exit(i32),
    /// With an HTTP status.
    Status(u16),
}

/// Why a step does not hold on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Miss {
    /// In what way.
    pub(super) cause: Cause,
    /// One line, worded alike for nodes with the same outcome.
    pub(super) message: String,
    /// Excerpts; may be empty.
    pub(super) detail: String,
}

impl Miss {
    /// A miss without details.
    pub(super) fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), detail: String::new() }
    }

    /// A mistake of the scenario.
    pub(super) fn mistake(message: impl std::fmt::Display) -> Self {
        Self::new(Cause::Mistake, message.to_string())
    }
}

/// An expectation with its placeholders filled in.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Expectation {
    expect: Expect,
    /// JSON pointers whose expected text was filled in: `"{saved.n}"` then also equals the number.
    filled: BTreeSet<String>,
}

impl Expectation {
    /// Fills the placeholders in.
    pub(super) fn resolve<E>(expect: Option<&Expect>, fill: impl Fn(&str) -> Result<String, E>) -> Result<Self, E> {
        let Some(expect) = expect else { return Ok(Self::default()) };
        let one = |text: &Option<String>| text.as_deref().map(&fill).transpose();
        let many = |texts: &Option<OneOrMany>| {
            let Some(texts) = texts else { return Ok(None) };
            let filled: Result<Vec<String>, E> = texts.as_slice().iter().map(|text| fill(text)).collect();
            Ok(Some(OneOrMany::Many(filled?)))
        };
        let mut resolved = Self {
            expect: Expect {
                code: expect.code,
                status: expect.status,
                stdout: one(&expect.stdout)?,
                contains: many(&expect.contains)?,
                lacks: many(&expect.lacks)?,
                matches: one(&expect.matches)?,
                json: expect.json.clone(),
            },
            filled: BTreeSet::new(),
        };
        for (pointer, value) in &mut resolved.expect.json {
            if let Value::String(text) = value {
                let text_filled = fill(text)?;
                if text_filled != *text {
                    resolved.filled.insert(pointer.clone());
                    *text = text_filled;
                }
            }
        }
        Ok(resolved)
    }

    /// Judges an answer.
    pub(super) fn judge(&self, answer: &Answer) -> Result<(), Miss> {
        let mut wrong: Vec<String> = Vec::new();
        wrong.extend(self.judge_end(answer.end));
        let what = match answer.end {
            AnswerEnd::Exit(_) => "stdout",
            AnswerEnd::Status(_) => "body",
        };
        // An answer that ended wrongly explains itself in its output: its other differences would only hide that.
        if wrong.is_empty() {
            wrong.extend(self.judge_text(what, answer));
            wrong.extend(self.judge_json(what, answer));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let more = wrong.len().saturating_sub(MISMATCHES_MAX);
        wrong.truncate(MISMATCHES_MAX);
        let mut message = wrong.join("; ");
        if more > 0 {
            message = format!("{message}; and {more} more");
        }
        Err(Miss { cause: Cause::WrongValue, message, detail: detail(what, &answer.output, &answer.stderr) })
    }

    fn judge_end(&self, end: AnswerEnd) -> Option<String> {
        match end {
            AnswerEnd::Exit(code) => {
                let expected = self.expect.code.unwrap_or(0);
                (code != expected).then(|| format!("exit code {code}, expected {expected}"))
            }
            AnswerEnd::Status(status) => match self.expect.status {
                Some(expected) => (status != expected).then(|| format!("status {status}, expected {expected}")),
                None => (!(200..300).contains(&status)).then(|| format!("status {status}, expected 200 to 299")),
            },
        }
    }

    fn judge_text(&self, what: &str, answer: &Answer) -> Vec<String> {
        let mut wrong = Vec::new();
        let text = answer.output.as_str();
        // Of an output that was cut, nothing can be said that needs its end.
        let cut = |claim: String| {
            format!("{what} is longer than is kept ({} bytes), so nobody knows whether {claim}", text.len())
        };
        if let Some(expected) = &self.expect.stdout {
            if answer.truncated {
                wrong.push(cut(format!("it is {}", quote(expected.trim()))));
            } else if text.trim() != expected.trim() {
                wrong.push(differs(what, text.trim(), expected.trim()));
            }
        }
        for expected in self.expect.contains.iter().flat_map(OneOrMany::as_slice) {
            if !text.contains(expected.as_str()) {
                let tail = if answer.truncated { " within what is kept of it" } else { "" };
                wrong.push(format!("{what} does not contain {}{tail}", quote(expected)));
            }
        }
        for unwanted in self.expect.lacks.iter().flat_map(OneOrMany::as_slice) {
            if text.contains(unwanted.as_str()) {
                wrong.push(format!("{what} contains {}", quote(unwanted)));
            } else if answer.truncated {
                wrong.push(cut(format!("it lacks {}", quote(unwanted))));
            }
        }
        if let Some(pattern) = &self.expect.matches {
            match Regex::new(pattern) {
                // As `stdout` does: the line's end that commands write is nobody's last word.
                Ok(regex) if regex.is_match(text.trim()) => {}
                Ok(_) => wrong.push(format!("{what} does not match {}", quote(pattern))),
                Err(_) => wrong.push(format!("{} is not a regular expression", quote(pattern))),
            }
        }
        wrong
    }

    fn judge_json(&self, what: &str, answer: &Answer) -> Vec<String> {
        if self.expect.json.is_empty() {
            return Vec::new();
        }
        let document: Value = match serde_json::from_str(answer.output.trim()) {
            Ok(document) => document,
            Err(_) if answer.truncated => {
                return vec![format!("{what} is longer than is kept, so it cannot be read as JSON")];
            }
            Err(error) => return vec![format!("{what} is not JSON: {error}")],
        };
        let judge = |(pointer, expected): (&String, &Value)| match document.pointer(pointer) {
            None => Some(format!("nothing at {pointer}, expected {}", short(expected))),
            Some(got) if same(got, expected) => None,
            Some(got) if self.filled.contains(pointer) && loosely_equal(got, expected) => None,
            Some(got) => Some(format!("{} at {pointer}, expected {}", short(got), short(expected))),
        };
        self.expect.json.iter().filter_map(judge).collect()
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => quote(&value.to_string()),
    }
}

fn differs(what: &str, got: &str, expected: &str) -> String {
    let short = |text: &str| text.chars().nth(WHOLE_MAX_CHARS).is_none() && !text.contains('\n');
    if short(got) && short(expected) {
        format!("{what} is {}, expected {}", quote(got), quote(expected))
    } else {
        format!("{what} differs at {}", first_difference(got, expected))
    }
}

/// What was said, for the details: standard error first, since that is where reasons stand.
pub(super) fn detail(what: &str, output: &str, stderr: &str) -> String {
    let part = |name: &str, text: &str| (!text.trim().is_empty()).then(|| format!("{name}:\n{}", tail(text)));
    let parts = [part("stderr", stderr), part(what, output)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}
