//! The scenario as its file says it: one struct a table, one field a key.
//!
//! These types carry what the file says, checked key by key; what spans several keys (placeholders, references,
//! sums) is checked by the coordinator's `scenario` module, which also knows where each key stands.
//! Texts that may hold placeholders are plain [`String`]s: see [`super::placeholder`].
//! The doc comments become the JSON Schema's descriptions (`throng schema`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ports::PortsDecl;
use super::selector::Selector;
use super::steps::Step;
use crate::ids::RoleName;
use crate::size::ByteSize;
use crate::span::Span;

/// The only format there is.
pub const FORMAT: u32 = 1;

/// A scenario file: the system under test, its fleet, its tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Version of the scenario format: 1.
    pub format: u32,
    /// What this scenario is called.
    pub scenario: About,
    /// Where it runs.
    #[serde(default)]
    pub fleet: Fleet,
    /// Values to be used as `{param.NAME}` anywhere in the file, changed with `--set param.NAME=VALUE`.
    #[serde(default)]
    pub param: BTreeMap<String, ParamValue>,
    /// The kinds of members, by name.
    pub role: BTreeMap<RoleName, Role>,
    /// Kernel settings of the hosts.
    #[serde(default)]
    pub tuning: Tuning,
    /// Figures that the system under test gives of itself, sampled during every run.
    #[serde(default)]
    pub metric: Vec<Metric>,
    /// The tests, run in this order.
    #[serde(default)]
    pub test: Vec<Test>,
}

/// What a scenario is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Short name: a-z, 0-9 and '-'. Clusters are named after it.
    pub name: crate::ids::ClusterId,
    /// One line for people.
    #[serde(default)]
    pub description: Option<String>,
}

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ParamValue {
    /// true or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Number(f64),
    /// Text.
    Text(String),
}

impl std::fmt::Display for ParamValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// Where a scenario runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fleet {
    /// Who provides the hosts.
    pub provider: Provider,
    /// The address that nodes of this machine listen on. Default: one of throng's own in 127.84.0.0/16. Inside 198.18.0.0/15 it is added to `lo` and removed at the end; any other must exist.
    pub address: Option<std::net::IpAddr>,
    /// The pool from which nodes get their ports, below the kernel's ephemeral range.
    #[schemars(with = "String", regex(pattern = r"^\d+-\d+$"))]
    pub ports: crate::ports::PortRange,
    /// What is left alone on every host.
    pub reserve: Reserve,
    /// Admit more memory than a host has, by this factor (1.0: never). Printed by `plan`.
    pub memory_overcommit: f64,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            provider: Provider::Local,
            address: None,
            ports: crate::ports::PortRange::new(20_000, 32_000).expect("20000 lies below 32000"),
            reserve: Reserve::default(),
            memory_overcommit: 1.0,
        }
    }
}

/// Who provides the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// This machine is the one host.
    #[default]
    Local,
}

/// What is left alone on every host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reserve {
    /// Memory for the system, the engine and the agent.
    pub memory: ByteSize,
}

impl Default for Reserve {
    fn default() -> Self {
        Self { memory: ByteSize::mib(768) }
    }
}

/// How the members of a role run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// A plain process on the host, not containerised: for the member whose performance is measured.
    Process,
    /// A container: for the members of which there are many.
    Container,
}

/// A kind of member of the system under test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// How its nodes run.
    pub run: RunKind,
    /// How many nodes.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub count: u32,
    /// Roles that must be up before this one starts.
    #[serde(default)]
    pub after: Vec<RoleName>,
    /// The image of a container role: a name, or `{ build = "script" }`.
    #[serde(default)]
    pub image: Option<Image>,
    /// When to ask a registry for the image.
    #[serde(default)]
    pub pull: PullPolicy,
    /// Program and arguments. Optional for a container whose image has its own.
    #[serde(default)]
    pub command: Vec<String>,
    /// Replaces the image's entrypoint.
    #[serde(default)]
    pub entrypoint: Option<Vec<String>>,
    /// Environment variables.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Files given to every node, by absolute path (for a process: relative to `{node.dir}`).
    #[serde(default)]
    pub files: BTreeMap<String, FileDecl>,
    /// Ports by name: a list of names, or a table.
    #[serde(default)]
    pub ports: PortsDecl,
    /// Ramdisks by name.
    #[serde(default)]
    pub ramdisk: BTreeMap<String, Ramdisk>,
    /// A folder of the node's own on the host's disk.
    #[serde(default)]
    pub disk: Option<Disk>,
    /// Small writable tmpfs folders of a container, by path: `{ "/tmp" = "1MiB" }`. Emptied by a restart.
    #[serde(default)]
    pub scratch: BTreeMap<String, ByteSize>,
    /// Memory limit. It must hold the ramdisks too: their pages are charged to it.
    #[serde(default)]
    pub memory: Option<ByteSize>,
    /// CPU limit in cores.
    #[serde(default)]
    #[schemars(range(min = 0.01))]
    pub cpu: Option<f64>,
    /// Most processes and threads.
    #[serde(default = "default_pids")]
    #[schemars(range(min = 1))]
    pub pids: u32,
    /// Most open files.
    #[serde(default)]
    #[schemars(range(min = 16))]
    pub nofile: Option<u64>,
    /// User, as `uid`, `uid:gid` or a name. Default: the image's; for a process, whoever called throng.
    #[serde(default)]
    pub user: Option<String>,
    /// Working folder. Default: the image's; for a process, `{node.dir}`.
    #[serde(default)]
    pub workdir: Option<String>,
    /// Linux capabilities that a container keeps; all others are dropped.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Whether a container's root file system is read-only.
    #[serde(default = "yes")]
    pub read_only: bool,
    /// A command run once in a node's place before its first start, to its end.
    #[serde(default)]
    pub prepare: Option<Prepare>,
    /// When a node counts as ready. Without it: as soon as it runs.
    #[serde(default)]
    pub ready: Option<Ready>,
    /// What the system under test itself says of each node.
    #[serde(default)]
    pub seen: Option<Seen>,
    /// How a node is stopped.
    #[serde(default)]
    pub stop: Stop,
    /// What happens when a node ends by itself.
    #[serde(default)]
    pub restart: Restart,
    /// How the role is started.
    #[serde(default)]
    pub start: Start,
    /// Files fetched into the artefacts when a test fails: absolute paths in the node.
    #[serde(default)]
    pub collect: Vec<String>,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

fn default_pids() -> u32 {
    512
}

/// A container's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Image {
    /// A name that the engine knows or a registry has.
    Name(String),
    /// Built by a script beside the scenario.
    Build(ImageBuild),
}

/// An image that a script builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageBuild {
    /// The script, relative to the scenario. It is called with one argument, the path of the tar archive of a root
    /// file system that it must write, and runs as whoever called throng. Run again only when it or `inputs` change.
    pub build: String,
    /// Further files that the script reads, relative to the scenario.
    #[serde(default)]
    pub inputs: Vec<String>,
}

/// When to ask a registry for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PullPolicy {
    /// Only when the engine does not have it.
    #[default]
    Missing,
    /// Before every `up`.
    Always,
    /// Never: fail when the engine does not have it.
    Never,
}

/// A file given to a node: its text, or a file beside the scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileDecl {
    /// The text itself.
    #[serde(default)]
    pub text: Option<String>,
    /// A file beside the scenario.
    #[serde(default)]
    pub source: Option<String>,
    /// Whether placeholders in it are filled in.
    #[serde(default)]
    pub template: bool,
    /// Permissions in octal.
    #[serde(default = "default_file_mode")]
    #[schemars(regex(pattern = "^0?[0-7]{3}$"))]
    pub mode: String,
}

fn default_file_mode() -> String {
    "0644".to_owned()
}

/// A tmpfs of the node's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ramdisk {
    /// Where a container sees it. A process finds it at `{ramdisk.NAME}`.
    #[serde(default)]
    pub path: Option<String>,
    /// Its size.
    pub size: ByteSize,
    /// Most files on it. Default: one for every 4 KiB.
    #[serde(default)]
    pub inodes: Option<u64>,
    /// Owner of its root folder.
    #[serde(default)]
    pub uid: u32,
    /// Group of its root folder.
    #[serde(default)]
    pub gid: u32,
    /// Permissions of its root folder, in octal.
    #[serde(default = "default_ramdisk_mode")]
    #[schemars(regex(pattern = "^[01]?[0-7]{3}$"))]
    pub mode: String,
    /// Whether its data outlive a restart of the node.
    #[serde(default = "yes")]
    pub keep_on_restart: bool,
}

fn default_ramdisk_mode() -> String {
    "1777".to_owned()
}

/// A folder of the node's own on the host's disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Where a container sees it. A process finds it at `{node.disk}`.
    #[serde(default)]
    pub path: Option<String>,
    /// Whether its data outlive a restart of the node.
    #[serde(default = "yes")]
    pub keep_on_restart: bool,
}

/// A command run once before a node's first start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prepare {
    /// Program and arguments, run with the node's image, limits, files and ramdisks.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// How long it may take.
    #[serde(default = "default_prepare_timeout")]
    pub timeout: Span,
}

fn default_prepare_timeout() -> Span {
    Span::seconds(60)
}

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

/// How a node is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Stop {
    /// The signal that asks it to end: TERM, INT, QUIT, HUP, USR1, USR2 or KILL.
    pub signal: String,
    /// How long it may take before it is killed.
    pub grace: Span,
}

impl Default for Stop {
    fn default() -> Self {
        Self { signal: "TERM".to_owned(), grace: Span::seconds(5) }
    }
}

/// When a node that ended by itself is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RestartWhen {
    /// Never.
    Never,
    /// When it ended with another code than 0, by a signal, or out of memory.
    #[default]
    Failure,
    /// Always.
    Always,
}

/// What happens when a node ends by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Restart {
    /// When it is started again.
    pub when: RestartWhen,
    /// How often in a row, before it counts as failed. A node that stays up for a minute starts to count anew.
    pub max: u32,
    /// The first wait; it doubles each time, up to 30 s.
    pub backoff: Span,
}

impl Default for Restart {
    fn default() -> Self {
        Self { when: RestartWhen::Failure, max: 5, backoff: Span::millis(500) }
    }
}

/// How a role is started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Start {
    /// Most starts a second over the whole fleet: `"40/s"`. Default: as fast as the hosts can.
    #[schemars(with = "Option<String>", regex(pattern = r"^\d+(\.\d+)?/(s|m)$"))]
    pub rate: Option<String>,
    /// The share of nodes that must be up, as a percentage.
    #[schemars(regex(pattern = r"^\d+(\.\d+)?%$"))]
    pub quorum: String,
    /// How long all of it may take.
    pub timeout: Span,
}

impl Default for Start {
    fn default() -> Self {
        Self { rate: None, quorum: "100%".to_owned(), timeout: Span::seconds(300) }
    }
}

/// Kernel settings of the hosts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tuning {
    /// Where the settings come from.
    pub profile: TuningProfile,
    /// Settings of your own, by their sysctl name. They win over the profile and may lower a value.
    pub sysctl: BTreeMap<String, SysctlValue>,
}

/// Where kernel settings come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TuningProfile {
    /// Derived from how many nodes a host holds; never lowers a value.
    #[default]
    Auto,
    /// Only what `sysctl` says, and the ports' reservation.
    None,
}

/// A sysctl's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SysctlValue {
    /// A number.
    Integer(i64),
    /// Anything else, as the file in /proc/sys takes it.
    Text(String),
}

impl std::fmt::Display for SysctlValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
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
    #[serde(default = "one")]
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
