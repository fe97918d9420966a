//! The steps of a test.
//!
//! A step is one table whose kind is the one key among `exec http program check kill restart scale wait parallel`.
//! [`Step`] carries the keys as they stand; [`Step::action`] gives the kind, or says what is wrong.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::selector::Selector;
use super::signal::Signal;
use crate::ids::RoleName;
use crate::span::Span;

/// One step of a test: exactly one of `exec`, `http`, `program`, `check`, `kill`, `restart`, `scale`, `wait`, `parallel`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// A command run in every node of `on`.
    pub exec: Option<Vec<String>>,
    /// A URL fetched from every node of `on`.
    pub http: Option<String>,
    /// A program beside the scenario, run next to the coordinator, with the cluster described in the file that
    /// `THRONG_CLUSTER_FILE` names.
    pub program: Option<String>,
    /// A metric whose value is compared.
    pub check: Option<RoleName>,
    /// Nodes that get a signal: `"10% of worker"`.
    pub kill: Option<Selector>,
    /// Nodes that are stopped and started again.
    pub restart: Option<Selector>,
    /// New counts of roles.
    pub scale: Option<BTreeMap<RoleName, u32>>,
    /// A duration, or `"up"`: until every desired node is ready and seen.
    pub wait: Option<String>,
    /// Steps that run at the same time.
    pub parallel: Option<Vec<Step>>,

    /// The nodes of `exec` and `http`: a role, a node set, `"3 of worker"`, `"10% of worker"`.
    pub on: Option<Selector>,
    /// Standard input (with `exec`).
    pub stdin: Option<String>,
    /// Arguments (with `program`).
    pub args: Vec<String>,
    /// What else the program reads, relative to the scenario: files, folders, or patterns (with `program`).
    pub inputs: Vec<String>,
    /// Environment variables (with `exec` and `program`).
    pub env: BTreeMap<String, String>,
    /// Method (with `http`). Default: GET, or POST with a body.
    pub method: Option<String>,
    /// Body (with `http`).
    pub body: Option<String>,
    /// Headers (with `http`).
    pub headers: BTreeMap<String, String>,
    /// The signal (with `kill`). Default: KILL.
    pub signal: Option<Signal>,
    /// The comparison that must come true (with `check`): `">= 90"`.
    pub eventually: Option<String>,
    /// The comparison that must stay true for as long as `within` says (with `check`).
    pub always: Option<String>,

    /// What the outcome must be. Default: exit code 0, or status 200 to 299.
    pub expect: Option<Expect>,
    /// Tries again until the expectation holds, for so long, counted for each node from its first attempt.
    pub within: Option<Span>,
    /// How long one attempt may take. Default: 30 s.
    pub timeout: Option<Span>,
    /// Values kept for later steps as `{saved.NAME}`: a regular expression whose first group is kept, or a JSON pointer.
    pub save: BTreeMap<String, String>,
    /// Figures that the run's report shows, by name: texts that are numbers once their placeholders are filled in.
    pub record: BTreeMap<String, String>,
    /// What the recorded figures are shown against: a text that is a number, like `"{role.worker.count}"`.
    pub at: Option<String>,
    /// How often the step is run.
    pub repeat: Option<u32>,
    /// What the step is for, shown in place of its kind.
    pub note: Option<String>,
}

/// What an outcome must be. All given keys must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The exit code (with `exec` and `program`).
    pub code: Option<i32>,
    /// The status (with `http`).
    pub status: Option<u16>,
    /// The whole output, less white space at its ends.
    pub stdout: Option<String>,
    /// Texts that the output contains.
    #[schemars(with = "Option<OneOrMany>")]
    pub contains: Option<OneOrMany>,
    /// Texts that the output does not contain.
    #[schemars(with = "Option<OneOrMany>")]
    pub lacks: Option<OneOrMany>,
    /// A regular expression that matches somewhere in the output.
    pub matches: Option<String>,
    /// Values in a JSON output, by JSON pointer.
    pub json: BTreeMap<String, serde_json::Value>,
}

/// One text, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// All texts.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// What a step does: its kind with what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action<'a> {
    /// Run a command in every node of the selection.
    Exec {
        /// Program and arguments.
        command: &'a [String],
        /// Where.
        on: &'a Selector,
    },
    /// Fetch a URL from every node of the selection.
    Http {
        /// The URL.
        url: &'a str,
        /// From where.
        on: &'a Selector,
    },
    /// Run the user's own program beside the coordinator.
    Program {
        /// The program, relative to the scenario.
        path: &'a str,
    },
    /// Compare a metric.
    Check {
        /// The metric.
        metric: &'a RoleName,
        /// With what.
        comparison: Comparison<'a>,
    },
    /// Send a signal.
    Kill {
        /// To which nodes.
        nodes: &'a Selector,
        /// The signal.
        signal: Signal,
    },
    /// Stop and start again.
    Restart {
        /// Which nodes.
        nodes: &'a Selector,
    },
    /// Change counts.
    Scale {
        /// The new counts.
        counts: &'a BTreeMap<RoleName, u32>,
    },
    /// Wait for a duration.
    WaitFor {
        /// How long.
        duration: Span,
    },
    /// Wait until every desired node is ready and seen.
    WaitUp,
    /// Run steps at the same time.
    Parallel {
        /// The steps.
        steps: &'a [Step],
    },
}

/// How a metric is compared over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison<'a> {
    /// It must come true once.
    Eventually(&'a str),
    /// It must be true in every sample.
    Always(&'a str),
}

/// Why a step has no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// None of the kinds' keys.
    #[error("a step needs one of exec, http, program, check, kill, restart, scale, wait, parallel")]
    NoKind,
    /// Two or more of them.
    #[error("a step does one thing, this one says both `{0}` and `{1}`: make two steps of it")]
    TwoKinds(&'static str, &'static str),
    /// `exec` or `http` without `on`.
    #[error("`{0}` needs `on`: the nodes it runs on, like \"worker\" or \"one of worker\"")]
    NoTarget(&'static str),
    /// `check` without a comparison, or with two.
    #[error("`check` needs one of `eventually` and `always`, like eventually = \">= 90\"")]
    NoComparison,
    /// `wait` is neither.
    #[error("`wait` takes a duration like \"5s\", or \"up\", not `{0}`")]
    Wait(String),
    /// A key that the kind does not take.
    #[error("`{key}` has no meaning beside `{kind}`")]
    Stray {
        /// The step's kind.
        kind: &'static str,
        /// The key that has no meaning there.
        key: &'static str,
    },
}

impl Step {
    /// The key of the step's kind: the first found, none where there is none.
    pub fn kind(&self) -> Option<&'static str> {
        self.kinds().next()
    }

    fn kinds(&self) -> impl Iterator<Item = &'static str> + use<> {
        [
            ("exec", self.exec.is_some()),
            ("http", self.http.is_some()),
            ("program", self.program.is_some()),
            ("check", self.check.is_some()),
            ("kill", self.kill.is_some()),
            ("restart", self.restart.is_some()),
            ("scale", self.scale.is_some()),
            ("wait", self.wait.is_some()),
            ("parallel", self.parallel.is_some()),
        ]
        .into_iter()
        .filter_map(|(kind, given)| given.then_some(kind))
    }

    /// What the step does, or what is wrong with it.
    pub fn action(&self) -> Result<Action<'_>, StepError> {
        let mut kinds = self.kinds();
        let kind = kinds.next().ok_or(StepError::NoKind)?;
        if let Some(other) = kinds.next() {
            return Err(StepError::TwoKinds(kind, other));
        }
        if let Some(key) = self.stray_key(kind) {
            return Err(StepError::Stray { kind, key });
        }
        let on = || self.on.as_ref().ok_or(StepError::NoTarget(kind));
        if let Some(command) = &self.exec {
            return Ok(Action::Exec { command, on: on()? });
        }
        if let Some(url) = &self.http {
            return Ok(Action::Http { url, on: on()? });
        }
        if let Some(path) = &self.program {
            return Ok(Action::Program { path });
        }
        if let Some(metric) = &self.check {
            let comparison = match (&self.eventually, &self.always) {
                (Some(text), None) => Comparison::Eventually(text),
                (None, Some(text)) => Comparison::Always(text),
                _ => return Err(StepError::NoComparison),
            };
            return Ok(Action::Check { metric, comparison });
        }
        if let Some(nodes) = &self.kill {
            return Ok(Action::Kill { nodes, signal: self.signal.unwrap_or(Signal::KILL) });
        }
        if let Some(nodes) = &self.restart {
            return Ok(Action::Restart { nodes });
        }
        if let Some(counts) = &self.scale {
            return Ok(Action::Scale { counts });
        }
        if let Some(steps) = &self.parallel {
            return Ok(Action::Parallel { steps });
        }
        let text = self.wait.as_deref().unwrap_or_default();
        if text == "up" {
            return Ok(Action::WaitUp);
        }
        let duration = text.parse().map_err(|_| StepError::Wait(text.to_owned()))?;
        Ok(Action::WaitFor { duration })
    }

    /// The first key that is given and that this kind of step does not take.
    fn stray_key(&self, kind: &str) -> Option<&'static str> {
        let takes = |kinds: &[&str]| kinds.contains(&kind);
        [
            ("on", self.on.is_some(), takes(&["exec", "http"])),
            ("stdin", self.stdin.is_some(), takes(&["exec"])),
            ("args", !self.args.is_empty(), takes(&["program"])),
            ("inputs", !self.inputs.is_empty(), takes(&["program"])),
            ("env", !self.env.is_empty(), takes(&["exec", "program"])),
            ("method", self.method.is_some(), takes(&["http"])),
            ("body", self.body.is_some(), takes(&["http"])),
            ("headers", !self.headers.is_empty(), takes(&["http"])),
            ("signal", self.signal.is_some(), takes(&["kill"])),
            ("eventually", self.eventually.is_some(), takes(&["check"])),
            ("always", self.always.is_some(), takes(&["check"])),
            ("expect", self.expect.is_some(), takes(&["exec", "http", "program"])),
            ("save", !self.save.is_empty(), takes(&["exec", "http", "program", "kill", "restart"])),
            ("timeout", self.timeout.is_some(), takes(&["exec", "http", "program", "check"])),
            ("within", self.within.is_some(), !takes(&["parallel"])),
            ("at", self.at.is_some(), !self.record.is_empty()),
        ]
        .into_iter()
        .find_map(|(key, given, taken)| (given && !taken).then_some(key))
    }
}
