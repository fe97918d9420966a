//! A document whose every key and value knows where it stands.

use std::collections::BTreeMap;

use super::path::{KeyPath, Segment};
use super::source::Origin;

/// A value and where it stands. A table's place is its header.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// Where it stands.
    pub(super) origin: Origin,
    /// What it is.
    pub(super) value: Value,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// true or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A finite number with a fraction.
    Number(f64),
    /// A text.
    Text(String),
    /// A date or time, which the format has no use for.
    Date(String),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(BTreeMap<String, Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// Where the key stands.
    pub(super) key: Origin,
    /// The value.
    pub(super) node: Node,
}

impl Value {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Flag(_) => "true or false",
            Self::Integer(_) => "a whole number",
            Self::Number(_) => "a number with a fraction",
            Self::Text(_) => "text",
            Self::Date(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }

    /// As a text, or a part of one; none for lists and tables. A number with a fraction keeps it: 7.0 is not 7.
    pub(super) fn plain_text(&self) -> Option<String> {
        match self {
            Self::Flag(flag) => Some(flag.to_string()),
            Self::Integer(number) => Some(number.to_string()),
            Self::Number(number) => Some(format!("{number:?}")),
            Self::Text(text) | Self::Date(text) => Some(text.clone()),
            Self::List(_) | Self::Table(_) => None,
        }
    }
}

impl Node {
    /// The value at a path, if there is one.
    pub(super) fn get(&self, path: &KeyPath) -> Option<&Self> {
        path.segments().iter().try_fold(self, |node, segment| match (&node.value, segment) {
            (Value::Table(table), Segment::Key(key)) => table.get(key).map(|entry| &entry.node),
            (Value::List(list), Segment::Index(index)) => list.get(*index),
            _ => None,
        })
    }

    /// The value at a path, to be changed.
    pub(super) fn get_mut(&mut self, path: &KeyPath) -> Option<&mut Self> {
        path.segments().iter().try_fold(self, |node, segment| match (&mut node.value, segment) {
            (Value::Table(table), Segment::Key(key)) => table.get_mut(key).map(|entry| &mut entry.node),
            (Value::List(list), Segment::Index(index)) => list.get_mut(*index),
            _ => None,
        })
    }

    /// The entries, where this is a table.
    pub(super) fn table(&self) -> Option<&BTreeMap<String, Entry>> {
        if let Value::Table(table) = &self.value { Some(table) } else { None }
    }

    /// The entries to be changed, where this is a table.
    pub(super) fn table_mut(&mut self) -> Option<&mut BTreeMap<String, Entry>> {
        if let Value::Table(table) = &mut self.value { Some(table) } else { None }
    }

    /// Where the value at the path stands, or the nearest above it.
    pub(super) fn origin_at(&self, path: &KeyPath) -> &Origin {
        let mut node = self;
        for segment in path.segments() {
            let next = match (&node.value, segment) {
                (Value::Table(table), Segment::Key(key)) => table.get(key).map(|entry| &entry.node),
                (Value::List(list), Segment::Index(index)) => list.get(*index),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        &node.origin
    }

    /// Where the key at the end of the path stands, or what [`Self::origin_at`] says.
    pub(super) fn key_origin_at(&self, path: &KeyPath) -> &Origin {
        let entry = path.split_last().and_then(|(last, parent)| match (last, self.get(&parent)?.table()) {
            (Segment::Key(key), Some(table)) => table.get(key),
            _ => None,
        });
        entry.map_or_else(|| self.origin_at(path), |entry| &entry.key)
    }

    /// The document as JSON, without places.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Flag(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Number(value) => (*value).into(),
            Value::Text(text) | Value::Date(text) => text.as_str().into(),
            Value::List(list) => list.iter().map(Self::to_json).collect(),
            Value::Table(table) => table.iter().map(|(key, entry)| (key.clone(), entry.node.to_json())).collect(),
        }
    }
}
