//! Finding nodes in what the system under test says: pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use regex::Regex;
use throng_common::ids::NodeName;
use throng_common::scenario::model::{Each, EachJson};

/// What the system under test said of a role's nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// These it knows.
    Names(BTreeSet<NodeName>),
    /// It knows so many and does not say which.
    Count(u64),
}

impl Sighting {
    /// How many it knows.
    pub fn count(&self) -> u64 {
        match self {
            Self::Names(names) => names.len() as u64,
            Self::Count(count) => *count,
        }
    }
}

/// Why an answer cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SightingError {
    /// The regular expression is malformed. The scenario was checked, so this does not happen.
    #[error("`each` is not a regular expression")]
    Regex(#[from] regex::Error),
    /// The answer is not JSON.
    #[error("the answer is not JSON")]
    Json(#[from] serde_json::Error),
    /// The pointer leads nowhere.
    #[error("the answer has nothing at {0}")]
    Pointer(String),
    /// Neither a list nor a number.
    #[error("what the answer has at {0} is neither a list nor a number")]
    Shape(String),
    /// No number where one should be.
    #[error("the answer has no number that matches `{0}`")]
    NoCount(String),
}

/// By what a node can be told.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    names: BTreeMap<String, NodeName>,
    endpoints: BTreeMap<(IpAddr, u16), NodeName>,
    ids: BTreeMap<String, NodeName>,
}

impl Directory {
    /// Adds a node with the address and ports that it listens on and the id of its container.
    pub fn add(&mut self, node: &NodeName, address: IpAddr, ports: impl IntoIterator<Item = u16>, id: Option<&str>) {
        self.names.insert(node.to_string(), node.clone());
        self.endpoints.extend(ports.into_iter().map(|port| ((address, port), node.clone())));
        if let Some(id) = id {
            self.ids.insert(id.to_owned(), node.clone());
        }
    }

    /// A node is also told by another one's name: it bears that one's host name.
    pub fn also_called(&mut self, node: &NodeName, name: &NodeName) {
        self.names.insert(name.to_string(), node.clone());
    }

    fn by_name(&self, name: &str) -> Option<&NodeName> {
        self.names.get(name)
    }

    /// An address may also be a name: some systems announce names.
    fn by_endpoint(&self, address: &str, port: &str) -> Option<&NodeName> {
        let port: u16 = port.trim().parse().ok()?;
        match address.trim().trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => self.endpoints.get(&(address, port)),
            Err(_) => self.by_name(address),
        }
    }

    /// Systems show the beginning of a long id.
    fn by_id(&self, id: &str) -> Option<&NodeName> {
        let (known, node) = self.ids.range(id.to_owned()..).next()?;
        (!id.is_empty() && known.starts_with(id)).then_some(node)
    }
}

/// Finds nodes in an answer.
pub fn sight(each: &Each, answer: &str, directory: &Directory) -> Result<Sighting, SightingError> {
    match each {
        Each::Regex(pattern) => sight_regex(&Regex::new(pattern)?, answer, directory),
        Each::Json(pointers) => sight_json(pointers, answer, directory),
    }
}

fn sight_regex(pattern: &Regex, answer: &str, directory: &Directory) -> Result<Sighting, SightingError> {
    let has = |group: &str| pattern.capture_names().flatten().any(|name| name == group);
    if has("count") {
        let found = pattern.captures(answer).and_then(|found| found.name("count")?.as_str().trim().parse().ok());
        // An answer without a number is not one of "none".
        return found.map(Sighting::Count).ok_or_else(|| SightingError::NoCount(pattern.to_string()));
    }
    if !(has("name") || has("id") || has("address")) {
        return Ok(Sighting::Count(pattern.find_iter(answer).count() as u64));
    }
    let node = |found: regex::Captures<'_>| {
        let group = |name: &str| found.name(name).map(|group| group.as_str());
        let by_name = || directory.by_name(group("name")?);
        let by_endpoint = || directory.by_endpoint(group("address")?, group("port")?);
        let by_id = || directory.by_id(group("id")?);
        by_name().or_else(by_endpoint).or_else(by_id).cloned()
    };
    Ok(Sighting::Names(pattern.captures_iter(answer).filter_map(node).collect()))
}

fn sight_json(pointers: &EachJson, answer: &str, directory: &Directory) -> Result<Sighting, SightingError> {
    let document: serde_json::Value = serde_json::from_str(answer)?;
    let at = document.pointer(&pointers.list).ok_or_else(|| SightingError::Pointer(pointers.list.clone()))?;
    if let Some(count) = at.as_u64() {
        return Ok(Sighting::Count(count));
    }
    let elements = at.as_array().ok_or_else(|| SightingError::Shape(pointers.list.clone()))?;
    if pointers.name.is_none() && pointers.address.is_none() {
        return Ok(Sighting::Count(elements.len() as u64));
    }
    let node = |element: &serde_json::Value| {
        let text = |pointer: &Option<String>| match element.pointer(pointer.as_deref()?)? {
            serde_json::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let by_name = || directory.by_name(&text(&pointers.name)?);
        let by_endpoint = || directory.by_endpoint(&text(&pointers.address)?, &text(&pointers.port)?);
        by_name().or_else(by_endpoint).cloned()
    };
    Ok(Sighting::Names(elements.iter().filter_map(node).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let mut directory = Directory::default();
        for (index, port) in [(0, 20_000), (1, 20_001), (2, 20_002)] {
            let node: NodeName = format!("worker-000{index}").parse().unwrap();
            directory.add(&node, "127.84.0.1".parse().unwrap(), [port], Some(&format!("{index}abcdef")));
        }
        directory
    }

    fn names(each: &Each, answer: &str) -> Vec<String> {
        match sight(each, answer, &directory()).unwrap() {
            Sighting::Names(names) => names.iter().map(ToString::to_string).collect(),
            Sighting::Count(count) => vec![format!("{count} nodes")],
        }
    }

    #[test]
    fn nodes_are_told_by_name_endpoint_id_or_count() {
        let regex = |text: &str| Each::Regex(text.to_owned());
        let redis = "slave0:ip=127.84.0.1,port=20001,state=online\nslave1:ip=worker-0002,port=20002,state=online\nslave2:ip=127.84.0.1,port=20000,state=sync";
        let endpoint = regex(r"slave\d+:ip=(?<address>[^,]+),port=(?<port>\d+),state=online");
        assert_eq!(names(&endpoint, redis), ["worker-0001", "worker-0002"]);
        assert_eq!(names(&regex(r"node (?<name>\S+)"), "node worker-0000\nnode stranger"), ["worker-0000"]);
        assert_eq!(names(&regex(r"id=(?<id>\w+)"), "id=1abc id=9 id="), ["worker-0001"]);
        assert_eq!(names(&regex(r"live:(?<count>\d+)"), "live:17"), ["17 nodes"]);
        assert_eq!(names(&regex("up"), "up up down"), ["2 nodes"]);
        for answer in ["", "dead:17", "live:99999999999999999999"] {
            assert!(sight(&regex(r"live:(?<count>\d+)"), answer, &directory()).is_err(), "{answer}");
        }
    }

    #[test]
    fn nodes_are_found_in_json() {
        let json = |name: Option<&str>, address: Option<&str>, list: &str| {
            Each::Json(EachJson {
                list: list.into(),
                name: name.map(Into::into),
                address: address.map(Into::into),
                port: Some("/port".into()),
            })
        };
        let text = r#"{"leafs": [{"name": "worker-0001", "ip": "127.84.0.1", "port": 20000}, {"name": "x"}], "n": 3}"#;
        assert_eq!(names(&json(Some("/name"), None, "/leafs"), text), ["worker-0001"]);
        assert_eq!(names(&json(None, Some("/ip"), "/leafs"), text), ["worker-0000"]);
        assert_eq!(names(&json(None, None, "/leafs"), text), ["2 nodes"]);
        assert_eq!(names(&json(None, None, "/n"), text), ["3 nodes"]);
        assert!(sight(&json(None, None, "/no"), text, &directory()).is_err());
        assert!(sight(&json(None, None, "/n"), "no json", &directory()).is_err());
    }
}
