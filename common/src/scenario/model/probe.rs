//! What is asked: a node whether it is ready, the system under test whom it sees and which figures it gives.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::selector::Selector;
use crate::span::Span;

/// When a node counts as ready: give one of `tcp`, `http` and `exec`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// The name of a port that accepts a connection.
    #[serde(default)]
    pub tcp: Option<String>,
    /// What is sent after connecting (with `tcp`).
    #[serde(default)]
    pub send: Option<String>,
    /// What the answer must contain (with `tcp` or `http`).
    #[serde(default)]
    pub expect: Option<String>,
    /// A URL that answers with a status of 200 to 399.
    #[serde(default)]
    pub http: Option<String>,
    /// A command run in the node that ends with code 0: for the few, not for 1000 workers.
    #[serde(default)]
    pub exec: Option<Vec<String>>,
    /// How long one attempt may take.
    #[serde(default = "default_probe_timeout")]
    pub timeout: Span,
    /// How often a node that is ready is asked again.
    #[serde(default = "default_probe_interval")]
    pub interval: Span,
}

fn default_probe_timeout() -> Span {
    Span::seconds(2)
}

fn default_probe_interval() -> Span {
    Span::seconds(15)
}

/// What the system under test itself says of each node: give one of `exec` and `http`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The role, or node, that is asked. Its first node answers.
    pub on: Selector,
    /// A command run there.
    #[serde(default)]
    pub exec: Option<Vec<String>>,
    /// A URL fetched from there.
    #[serde(default)]
    pub http: Option<String>,
    /// How a node is found in the answer.
    pub each: Each,
    /// How often it is asked while something waits for it.
    #[serde(default = "default_seen_interval")]
    pub interval: Span,
}

fn default_seen_interval() -> Span {
    Span::millis(500)
}

/// How a node is found in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Each {
    /// A regular expression that matches once for every node, with named groups: `name`; `address` and `port`; `id`; or
    /// `count`, where the system gives only a number.
    Regex(String),
    /// A list in a JSON document.
    Json(EachJson),
}

/// A list of nodes in a JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EachJson {
    /// JSON pointer to the list (or to a number, which is then the count).
    pub list: String,
    /// JSON pointer within an element to the node's name.
    #[serde(default)]
    pub name: Option<String>,
    /// JSON pointer within an element to its address.
    #[serde(default)]
    pub address: Option<String>,
    /// JSON pointer within an element to its port.
    #[serde(default)]
    pub port: Option<String>,
}

/// A figure that the system under test gives of itself: give one of `exec` and `http`, and one of `match` and `pointer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its name: a-z, 0-9 and '-'.
    pub name: crate::ids::RoleName,
    /// Who is asked. Its first node answers.
    pub on: Selector,
    /// A command run there.
    #[serde(default)]
    pub exec: Option<Vec<String>>,
    /// A URL fetched from there.
    #[serde(default)]
    pub http: Option<String>,
    /// A regular expression whose first group is the figure.
    #[serde(default, rename = "match")]
    pub pattern: Option<String>,
    /// A JSON pointer to the figure.
    #[serde(default)]
    pub pointer: Option<String>,
    /// The unit, for people: `ops/s`.
    #[serde(default)]
    pub unit: Option<String>,
    /// How often it is sampled during a run.
    #[serde(default = "default_metric_interval")]
    pub every: Span,
    /// How long one sample may take.
    #[serde(default = "default_metric_timeout")]
    pub timeout: Span,
}

fn default_metric_interval() -> Span {
    Span::seconds(5)
}

fn default_metric_timeout() -> Span {
    Span::seconds(10)
}
