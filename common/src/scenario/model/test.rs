//! A test: one claim about the system under test.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::steps::Step;
use crate::span::Span;

/// What a test is expected to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// To pass.
    #[default]
    Pass,
    /// To fail: a known failure of the system under test, with its reason.
    Fail,
}

/// One claim about the system under test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// The claim, in words.
    pub name: String,
    /// Steps before the test; when one fails, the test fails and its steps are not run.
    #[serde(default)]
    pub setup: Vec<Step>,
    /// The steps, in order.
    #[schemars(length(min = 1))]
    pub step: Vec<Step>,
    /// Steps that always run, whatever happened before.
    #[serde(default)]
    pub teardown: Vec<Step>,
    /// How often the steps are run.
    #[serde(default = "super::role::one")]
    #[schemars(range(min = 1))]
    pub repeat: u32,
    /// Whether it is expected to pass.
    #[serde(default)]
    pub expect: Expected,
    /// Why it is expected to fail.
    #[serde(default)]
    pub reason: Option<String>,
    /// How long the whole test may take, setup and repeats included.
    #[serde(default = "default_test_timeout")]
    pub timeout: Span,
}

fn default_test_timeout() -> Span {
    Span::seconds(300)
}
