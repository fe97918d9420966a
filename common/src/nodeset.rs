//! Node sets: many node names written short, `worker-[0000-0099,0120],primary-0000`.
//!
//! Used to name targets on the command line and to fold equal outputs of a fan-out under one heading.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::ids::{INDEX_WIDTH_DIGITS, NameError, NodeName, RoleName};

/// Most nodes that one text may name: a guard against `worker-[0-4294967295]`.
pub const NODES_MAX: usize = 1_000_000;

/// A set of nodes, sorted by role, then index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeSet {
    roles: BTreeMap<RoleName, BTreeSet<u32>>,
}

/// Why a text is not a node set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeSetError {
    /// A name in it is not one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A range of indices is malformed.
    #[error("`{0}` is not a list of indices: write numbers and ranges, like [0000-0099,0120]")]
    Indices(String),
    /// A bracket is missing or stands in the wrong place.
    #[error("`{0}`: brackets do not match")]
    Brackets(String),
    /// More nodes than [`NODES_MAX`].
    #[error("the set names more than {NODES_MAX} nodes")]
    TooMany,
}

impl NodeSet {
    /// How many nodes it names.
    pub fn len(&self) -> usize {
        self.roles.values().map(BTreeSet::len).sum()
    }

    /// Whether it names no node.
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty()
    }

    /// Adds a node.
    pub fn insert(&mut self, node: &NodeName) {
        self.roles.entry(node.role().clone()).or_default().insert(node.index());
    }

    /// Whether it names this node.
    pub fn contains(&self, node: &NodeName) -> bool {
        self.roles.get(node.role()).is_some_and(|indices| indices.contains(&node.index()))
    }

    /// All nodes, sorted.
    pub fn iter(&self) -> impl Iterator<Item = NodeName> + '_ {
        self.roles.iter().flat_map(|(role, indices)| indices.iter().map(|index| NodeName::new(role.clone(), *index)))
    }
}

impl<'a> FromIterator<&'a NodeName> for NodeSet {
    fn from_iter<I: IntoIterator<Item = &'a NodeName>>(nodes: I) -> Self {
        let mut set = Self::default();
        for node in nodes {
            set.insert(node);
        }
        set
    }
}

impl FromIterator<NodeName> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeName>>(nodes: I) -> Self {
        let mut set = Self::default();
        for node in nodes {
            set.insert(&node);
        }
        set
    }
}

impl fmt::Display for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (role, indices)) in self.roles.iter().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            write_role(f, role, indices)?;
        }
        Ok(())
    }
}

fn write_role(f: &mut fmt::Formatter<'_>, role: &RoleName, indices: &BTreeSet<u32>) -> fmt::Result {
    let width = INDEX_WIDTH_DIGITS;
    let spans = spans(indices);
    if let [(first, last)] = spans[..]
        && first == last
    {
        return write!(f, "{role}-{first:0width$}");
    }
    write!(f, "{role}-[")?;
    for (position, (first, last)) in spans.into_iter().enumerate() {
        let comma = if position > 0 { "," } else { "" };
        if first == last {
            write!(f, "{comma}{first:0width$}")?;
        } else {
            write!(f, "{comma}{first:0width$}-{last:0width$}")?;
        }
    }
    f.write_str("]")
}

/// Maximal runs of consecutive indices, each `(first, last)`.
fn spans(indices: &BTreeSet<u32>) -> Vec<(u32, u32)> {
    let mut spans: Vec<(u32, u32)> = Vec::new();
    for &index in indices {
        match spans.last_mut() {
            Some((_, last)) if index == *last + 1 => *last = index,
            _ => spans.push((index, index)),
        }
    }
    spans
}

impl FromStr for NodeSet {
    type Err = NodeSetError;

    fn from_str(text: &str) -> Result<Self, NodeSetError> {
        let mut set = Self::default();
        for part in split_outside_brackets(text)? {
            if let Some((stem, rest)) = part.split_once('[') {
                let list = rest.strip_suffix(']').ok_or_else(|| NodeSetError::Brackets(part.to_owned()))?;
                let role = stem.strip_suffix('-').ok_or_else(|| NodeSetError::Brackets(part.to_owned()))?;
                add_indices(&mut set, &RoleName::new(role)?, list)?;
            } else {
                set.insert(&part.parse()?);
            }
        }
        Ok(set)
    }
}

fn split_outside_brackets(text: &str) -> Result<Vec<&str>, NodeSetError> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_u32, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '[' if depth == 0 => depth = 1,
            ']' if depth == 1 => depth = 0,
            '[' | ']' => return Err(NodeSetError::Brackets(text.to_owned())),
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if depth != 0 {
        return Err(NodeSetError::Brackets(text.to_owned()));
    }
    parts.push(text[start..].trim());
    Ok(parts)
}

fn add_indices(set: &mut NodeSet, role: &RoleName, list: &str) -> Result<(), NodeSetError> {
    let wrong = || NodeSetError::Indices(list.to_owned());
    let number = |text: &str| {
        let text = text.trim();
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if plain { text.parse::<u32>().map_err(|_| wrong()) } else { Err(wrong()) }
    };
    let mut budget = NODES_MAX.saturating_sub(set.len());
    for piece in list.split(',') {
        let (first, last) = piece.split_once('-').unwrap_or((piece, piece));
        let (first, last) = (number(first)?, number(last)?);
        if last < first {
            return Err(wrong());
        }
        let count = usize::try_from(last - first).unwrap_or(usize::MAX);
        budget = budget.checked_sub(count).filter(|left| *left > 0).ok_or(NodeSetError::TooMany)?;
        set.roles.entry(role.clone()).or_default().extend(first..=last);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sets_fold_and_unfold() {
        let text = "client-0000,worker-[0001-0996,0998]";
        let set: NodeSet = text.parse().unwrap();
        assert_eq!((set.len(), set.to_string().as_str()), (998, text));
        assert!(set.contains(&"worker-0998".parse().unwrap()));
        assert!(!set.contains(&"worker-0997".parse().unwrap()));
    }

    #[test]
    fn malformed_sets_are_refused() {
        for text in
            ["", "worker", "worker-[1", "worker-1]", "worker[1]", "worker-[2-1]", "worker-[a]", "worker-[]", "w-[[1]]"]
        {
            assert!(text.parse::<NodeSet>().is_err(), "{text}");
        }
        assert_eq!("w-[0-4294967295]".parse::<NodeSet>(), Err(NodeSetError::TooMany));
    }

    proptest! {
        #[test]
        fn folding_loses_nothing(indices in proptest::collection::btree_set(0u32..20_000, 1..60)) {
            let role = RoleName::new("worker").unwrap();
            let set: NodeSet = indices.iter().map(|index| NodeName::new(role.clone(), *index)).collect();
            prop_assert_eq!(set.to_string().parse::<NodeSet>().unwrap(), set);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}") {
            let _ = text.parse::<NodeSet>();
        }
    }
}
