//! The files that a scenario names.

use std::collections::BTreeMap;

use super::document::{self, Texts};
use super::path::KeyPath;
use super::tree::{Entry, Node, Value};

/// What a path in a bundle may look like.
pub const SAFE_PATH_RULE: &str = "name files by their path below the scenario's folder, without `..`; {scenario.dir} leads elsewhere in commands of processes and programs";

/// Whether a path stays below the folder that it is relative to, and is written in its shortest form.
pub fn is_safe_path(path: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    !path.contains(['\0', '\\', '\n']) && !path.is_empty() && path.split('/').all(plain)
}

/// What a scenario names beside itself, as it is written, each once and sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Files that nodes are given.
    pub for_nodes: Vec<String>,
    /// What scripts and programs are and read: files, folders, patterns.
    pub inputs: Vec<String>,
}

/// What a scenario names beside itself. Mistakes are passed over.
///
/// `files` are the scenario and its overlays, by name and content; `beside` what they may include; `sets` the texts of
/// `--set`.
pub fn named_files(files: Vec<(String, Vec<u8>)>, beside: &BTreeMap<String, Vec<u8>>, sets: Vec<String>) -> Named {
    let (_, document) = document::read(Texts { files, beside, sets });
    let mut named = Named::default();
    for role in tables(&document, "role") {
        named.for_nodes.extend(tables(role, "files").filter_map(|file| text(file, "source")));
        if let Some(image) = role.get(&KeyPath::from_iter(["image"])) {
            named.inputs.extend(text(image, "build"));
            named.inputs.extend(texts(image, "inputs"));
        }
    }
    for test in list(&document, "test") {
        for part in ["setup", "step", "teardown"] {
            of_steps(list(test, part), &mut named.inputs);
        }
    }
    for names in [&mut named.for_nodes, &mut named.inputs] {
        names.sort();
        names.dedup();
    }
    named
}

/// What a scenario or an overlay includes, as it is written there. Mistakes are passed over.
pub fn included_files(content: &[u8]) -> Vec<String> {
    document::included(content)
}

fn of_steps(steps: &[Node], inputs: &mut Vec<String>) {
    for step in steps {
        inputs.extend(text(step, "program"));
        inputs.extend(texts(step, "inputs"));
        of_steps(list(step, "parallel"), inputs);
    }
}

fn entry<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.table()?.get(key).map(|Entry { node, .. }| node)
}

fn tables<'a>(node: &'a Node, key: &str) -> impl Iterator<Item = &'a Node> {
    entry(node, key).and_then(Node::table).into_iter().flatten().map(|(_, entry)| &entry.node)
}

fn list<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    match entry(node, key).map(|node| &node.value) {
        Some(Value::List(list)) => list,
        _ => &[],
    }
}

fn text(node: &Node, key: &str) -> Option<String> {
    match &entry(node, key)?.value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn texts(node: &Node, key: &str) -> Vec<String> {
    let plain = |node: &Node| if let Value::Text(text) = &node.value { Some(text.clone()) } else { None };
    list(node, key).iter().filter_map(plain).collect()
}
