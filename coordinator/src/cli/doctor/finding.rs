//! One thing looked at, and what it means.

use serde::Serialize;
use throng_common::verdict::Outcome;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It works, within limits.
    Warn,
    /// Nothing can run.
    Fail,
}

impl Level {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        }
    }
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at.
    pub(super) subject: &'static str,
    pub(super) level: Level,
    /// What was seen.
    pub(super) seen: String,
    /// What a person can do; empty when nothing need be done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) remedy: String,
}

impl Finding {
    pub(super) fn ok(subject: &'static str, seen: impl Into<String>) -> Self {
        Self { subject, level: Level::Ok, seen: seen.into(), remedy: String::new() }
    }

    pub(super) fn warn(subject: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { subject, level: Level::Warn, seen: seen.into(), remedy: remedy.into() }
    }

    pub(super) fn fail(subject: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { subject, level: Level::Fail, seen: seen.into(), remedy: remedy.into() }
    }
}

/// What findings mean for the exit code: a machine that cannot do it is not the system's fault.
pub(super) fn outcome(findings: &[Finding]) -> Outcome {
    match findings.iter().map(|finding| finding.level).max() {
        Some(Level::Fail) => Outcome::Environment,
        Some(Level::Ok | Level::Warn) | None => Outcome::Pass,
    }
}
