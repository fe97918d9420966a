//! What another scenario means for a node, and for a role: pure.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use throng_common::host_spec::{NodeSpec, Workload};
use throng_common::ids::{NodeName, RoleName};
use throng_common::nodeset::NodeSet;

/// Keys that say nothing of what a node is made of: who it is, how often it began, whether it should run.
const NOT_COMPARED: [&str; 5] = ["name", "desired", "incarnation", "structure", "ports"];

/// What an agent follows without ending what runs: when it would start it again.
const TOLD: &str = "restart";
/// The same of a process: how it would be stopped. The engine is told of a container's when it is made.
const TOLD_OF_PROCESSES: &str = "stop";

/// Longest value that is shown.
const SHOWN_MAX_CHARS: usize = 60;

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingDiff {
    /// Which: `image`, `limits.memory`, `env.COLOUR`.
    pub setting: String,
    /// What it was; empty: there was none.
    pub before: String,
    /// What it becomes; empty: there will be none.
    pub after: String,
    /// For which node, where not all of the role say the same.
    pub instance: Option<NodeName>,
}

/// What another scenario means for a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleDiff {
    /// The role.
    pub role: RoleName,
    /// What differs.
    pub settings: Vec<SettingDiff>,
    /// The nodes that must be restarted for it.
    pub restarted: NodeSet,
    /// The nodes that are told without a restart.
    pub told: NodeSet,
    /// The nodes for which nothing changes.
    pub untouched: NodeSet,
}

/// What differs between two specs of a node: what it was and what it becomes, by setting.
pub(super) fn settings(before: &NodeSpec, after: &NodeSpec) -> BTreeMap<String, (String, String)> {
    let (before, after) = (flat(before), flat(after));
    let keys = before.keys().chain(after.keys());
    let value = |of: &BTreeMap<String, String>, key: &String| of.get(key).cloned().unwrap_or_default();
    let pairs = keys.map(|key| (key.clone(), (value(&before, key), value(&after, key))));
    pairs.filter(|(_, (before, after))| before != after).collect()
}

/// Whether a node must be restarted to follow these.
pub(super) fn needs_restart(spec: &NodeSpec, settings: &BTreeMap<String, (String, String)>) -> bool {
    let is_process = matches!(spec.workload, Workload::Process(_));
    let is_told = |key: &String| {
        let first = key.split('.').next().unwrap_or_default();
        first == TOLD || (is_process && first == TOLD_OF_PROCESSES)
    };
    settings.keys().any(|key| !is_told(key))
}

/// Nodes by the setting that changes, each with what it was and what it becomes.
type BySetting = BTreeMap<String, Vec<(NodeName, (String, String))>>;

/// What it means for every role, from the specs of all nodes before and after. A node that is missing in either is no
/// matter of this.
pub(super) fn roles(before: &BTreeMap<NodeName, NodeSpec>, after: &BTreeMap<NodeName, NodeSpec>) -> Vec<RoleDiff> {
    let mut diffs: BTreeMap<RoleName, (RoleDiff, BySetting)> = BTreeMap::new();
    for (name, was) in before {
        let Some(becomes) = after.get(name) else { continue };
        let empty = || RoleDiff {
            role: name.role().clone(),
            settings: Vec::new(),
            restarted: NodeSet::default(),
            told: NodeSet::default(),
            untouched: NodeSet::default(),
        };
        let (diff, by_setting) = diffs.entry(name.role().clone()).or_insert_with(|| (empty(), BTreeMap::new()));
        let changed = settings(was, becomes);
        if changed.is_empty() {
            diff.untouched.insert(name);
        } else if needs_restart(becomes, &changed) {
            diff.restarted.insert(name);
        } else {
            diff.told.insert(name);
        }
        for (setting, values) in changed {
            by_setting.entry(setting).or_default().push((name.clone(), values));
        }
    }
    let finish = |(mut diff, by_setting): (RoleDiff, BySetting)| {
        diff.settings = by_setting.into_iter().filter_map(|(setting, nodes)| summed(setting, &nodes)).collect();
        diff
    };
    diffs.into_values().map(finish).collect()
}

/// One setting of a role, by its first node; named where the others say something else.
fn summed(setting: String, nodes: &[(NodeName, (String, String))]) -> Option<SettingDiff> {
    let (first, values) = nodes.first()?;
    let same = nodes.iter().all(|(_, other)| other == values);
    let (before, after) = values.clone();
    Some(SettingDiff { setting, before: cut(&before), after: cut(&after), instance: (!same).then(|| first.clone()) })
}

fn cut(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if one_line.chars().count() <= SHOWN_MAX_CHARS {
        return one_line;
    }
    one_line.chars().take(SHOWN_MAX_CHARS - 1).chain(['…']).collect()
}

/// All settings of a node as texts, by their paths.
fn flat(spec: &NodeSpec) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    // Plain structs with text keys serialise.
    let Ok(Value::Object(fields)) = serde_json::to_value(spec) else { return settings };
    for (key, value) in fields.into_iter().filter(|(key, _)| !NOT_COMPARED.contains(&key.as_str())) {
        match (key.as_str(), value) {
            // Its kind is the role's; what is in it are settings of their own.
            ("workload", Value::Object(kinds)) => {
                kinds.into_iter().for_each(|(_, value)| flatten("", value, &mut settings));
            }
            (key, value) => flatten(key, value, &mut settings),
        }
    }
    settings
}

fn flatten(path: &str, value: Value, settings: &mut BTreeMap<String, String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Null => {}
        Value::Object(fields) => fields.into_iter().for_each(|(key, value)| flatten(&below(&key), value, settings)),
        Value::Array(items) if path.ends_with(".contents") => {
            let bytes: Vec<u8> = items.iter().filter_map(|item| u8::try_from(item.as_u64()?).ok()).collect();
            let digest = hex::encode(Sha256::digest(&bytes));
            settings.insert(path.to_owned(), format!("{} bytes, sha256 {}", bytes.len(), &digest[..12]));
        }
        Value::Array(items) => {
            for item in &items {
                let Some((name, value)) = named(item) else {
                    let texts: Vec<String> = items.iter().map(text).collect();
                    settings.insert(path.to_owned(), texts.join(" "));
                    return;
                };
                flatten(&below(&name), value, settings);
            }
        }
        other => drop(settings.insert(path.to_owned(), text(&other))),
    }
}

/// An element of a list that has a name: a pair, or a struct with a path or a name.
fn named(item: &Value) -> Option<(String, Value)> {
    match item {
        Value::Array(pair) => match &pair[..] {
            [Value::String(name), value] => Some((name.clone(), value.clone())),
            _ => None,
        },
        Value::Object(fields) => {
            let key = ["name", "path"].into_iter().find(|key| fields.get(*key).is_some_and(Value::is_string))?;
            let mut fields = fields.clone();
            let name = fields.remove(key)?;
            Some((text(&name), Value::Object(fields)))
        }
        _ => None,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
