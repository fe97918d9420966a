//! The files that a scenario names.

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

/// The paths of all files that a scenario names, as they are written, each once and sorted. Mistakes are passed over.
///
/// `files` are the scenario and its overlays, by name and content; `sets` the texts of `--set`.
pub fn named_files(files: Vec<(String, Vec<u8>)>, sets: Vec<String>) -> Vec<String> {
    let (_, document) = document::read(Texts { files, sets });
    let mut names = Vec::new();
    for role in tables(&document, "role") {
        for file in tables(role, "files") {
            names.extend(text(file, "source"));
        }
        if let Some(image) = role.get(&KeyPath::from_iter(["image"])) {
            names.extend(text(image, "build"));
            names.extend(texts(image, "inputs"));
        }
    }
    for test in list(&document, "test") {
        for part in ["setup", "step", "teardown"] {
            of_steps(list(test, part), &mut names);
        }
    }
    names.sort();
    names.dedup();
    names
}

fn of_steps(steps: &[Node], names: &mut Vec<String>) {
    for step in steps {
        names.extend(text(step, "program"));
        names.extend(texts(step, "inputs"));
        of_steps(list(step, "parallel"), names);
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
