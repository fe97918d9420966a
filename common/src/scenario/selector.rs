//! Selectors: which nodes a step, a command or a metric means.
//!
//! `worker` (all of a role) · `worker-0003`, `worker-[0000-0009]` (a node set) · `3 of worker`, `one of worker`,
//! `10% of worker` (so many, drawn at random) · `all` · `{saved.X}` (nodes that an earlier step saved).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{NodeName, RoleName};
use crate::nodeset::NodeSet;
use crate::scenario::placeholder::{self, Piece, Placeholder};

/// Which nodes are meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Selector {
    /// Every node of the cluster.
    All,
    /// Every node of a role.
    Role(RoleName),
    /// These nodes.
    Nodes(NodeSet),
    /// So many nodes of a role, drawn at random.
    Some {
        /// How many.
        amount: Amount,
        /// Of which role.
        role: RoleName,
    },
    /// The nodes that an earlier step of the test saved under this name.
    Saved(String),
}

/// How many nodes of a role.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// A number of nodes.
    Count(u32),
    /// A share of the role's nodes, in percent; rounded up, so that it is never none.
    Percent(f64),
}

/// Why a text selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` selects no nodes: write a role (worker), nodes (worker-0003, worker-[0000-0009]), 3 of worker, 10% of worker, or all"
)]
pub struct SelectorError {
    text: String,
}

/// Nodes that a selector names and that there are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// Which.
    pub nodes: NodeSet,
    /// Which there are: of the same roles, or of all where these have none.
    pub present: NodeSet,
}

impl Absent {
    /// What is wrong, as a sentence about the cluster of this name.
    pub fn words(&self, cluster: &str) -> String {
        let is = if self.nodes.len() == 1 { "is" } else { "are" };
        let present = if self.present.is_empty() { "no nodes".to_owned() } else { self.present.to_string() };
        format!("{} {is} not in {cluster}, which has {present}", self.nodes)
    }
}

impl Amount {
    /// How many nodes of `total` it means, at most `total`.
    pub fn of(self, total: usize) -> usize {
        match self {
            Self::Count(count) => usize::try_from(count).unwrap_or(usize::MAX).min(total),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a share of a count of nodes is small and not negative"
            )]
            Self::Percent(percent) => ((total as f64 * percent / 100.0).ceil() as usize).min(total),
        }
    }
}

impl Selector {
    /// The role that it speaks of, where it speaks of just one.
    pub fn role(&self) -> Option<RoleName> {
        match self {
            Self::All | Self::Saved(_) => None,
            Self::Role(role) | Self::Some { role, .. } => Some(role.clone()),
            Self::Nodes(nodes) => {
                let mut roles = nodes.iter().map(|node| node.role().clone());
                let first = roles.next()?;
                roles.all(|role| role == first).then_some(first)
            }
        }
    }

    /// What it names and `nodes` does not have; none: all of it is there, or it names no single nodes.
    pub fn absent(&self, nodes: &[NodeName]) -> Option<Absent> {
        let Self::Nodes(named) = self else { return None };
        let present: NodeSet = nodes.iter().collect();
        let absent: NodeSet = named.iter().filter(|node| !present.contains(node)).collect();
        let roles: BTreeSet<RoleName> = absent.iter().map(|node| node.role().clone()).collect();
        let of_roles: NodeSet = nodes.iter().filter(|node| roles.contains(node.role())).collect();
        let present = if of_roles.is_empty() { present } else { of_roles };
        (!absent.is_empty()).then_some(Absent { nodes: absent, present })
    }

    /// The nodes of `nodes` that it means. `draw` takes so many of a list: at random in a run, the first in a plan.
    pub fn select(
        &self,
        nodes: &[NodeName],
        draw: impl FnOnce(Vec<NodeName>, usize) -> Vec<NodeName>,
    ) -> Vec<NodeName> {
        let of_role = |role: &RoleName| nodes.iter().filter(|node| node.role() == role).cloned().collect::<Vec<_>>();
        match self {
            Self::All => nodes.to_vec(),
            Self::Role(role) => of_role(role),
            // Whoever knows what was saved puts that in its place.
            Self::Saved(_) => Vec::new(),
            Self::Nodes(set) => nodes.iter().filter(|node| set.contains(node)).cloned().collect(),
            Self::Some { amount, role } => {
                let candidates = of_role(role);
                let count = amount.of(candidates.len());
                draw(candidates, count)
            }
        }
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let wrong = || SelectorError { text: text.to_owned() };
        let text = text.trim();
        if text == "all" {
            return Ok(Self::All);
        }
        if let Some((amount, role)) = text.split_once(" of ") {
            let role = RoleName::new(role.trim()).map_err(|_| wrong())?;
            let amount = parse_amount(amount.trim()).ok_or_else(wrong)?;
            return Ok(Self::Some { amount, role });
        }
        if let Ok([Piece::Placeholder(Placeholder::Saved(name))]) = placeholder::parse(text).as_deref() {
            return Ok(Self::Saved(name.clone()));
        }
        if let Ok(nodes) = text.parse::<NodeSet>() {
            return Ok(Self::Nodes(nodes));
        }
        RoleName::new(text).map(Self::Role).map_err(|_| wrong())
    }
}

fn parse_amount(text: &str) -> Option<Amount> {
    if text == "one" {
        return Some(Amount::Count(1));
    }
    if let Some(percent) = text.strip_suffix('%') {
        let percent: f64 = percent.trim().parse().ok()?;
        return (percent > 0.0 && percent <= 100.0).then_some(Amount::Percent(percent));
    }
    text.parse().ok().filter(|count| *count > 0).map(Amount::Count)
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Role(role) => role.fmt(f),
            Self::Saved(name) => write!(f, "{{saved.{name}}}"),
            Self::Nodes(nodes) => nodes.fmt(f),
            Self::Some { amount: Amount::Count(count), role } => write!(f, "{count} of {role}"),
            Self::Some { amount: Amount::Percent(percent), role } => write!(f, "{percent}% of {role}"),
        }
    }
}

impl TryFrom<String> for Selector {
    type Error = SelectorError;
    fn try_from(text: String) -> Result<Self, SelectorError> {
        text.parse()
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.to_string()
    }
}

impl schemars::JsonSchema for Selector {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Selector".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "Nodes: a role (\"worker\"), a node set (\"worker-[0000-0009]\"), \"3 of worker\", \"10% of worker\", \"all\", or those that an earlier step saved: \"{saved.NAME}\".",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_mean_what_they_say() {
        let role = RoleName::new("worker").unwrap();
        let nodes: Vec<NodeName> = (0..25).map(|index| NodeName::new(role.clone(), index)).collect();
        let count = |text: &str| {
            text.parse::<Selector>().unwrap().select(&nodes, |list, count| list.into_iter().take(count).collect()).len()
        };
        let counts: Vec<usize> = [
            "all",
            "worker",
            "worker-0003",
            "worker-[0000-0009]",
            "3 of worker",
            "one of worker",
            "10% of worker",
            "99 of worker",
            "client",
        ]
        .into_iter()
        .map(count)
        .collect();
        assert_eq!(counts, [25, 25, 1, 10, 3, 1, 3, 25, 0]);
    }

    #[test]
    fn nodes_that_are_named_and_not_there_are_told_with_those_that_are() {
        let nodes = |text: &str| text.parse::<NodeSet>().unwrap().iter().collect::<Vec<_>>();
        let there = nodes("worker-[0000-0099],primary-0000");
        let absent = |text: &str, nodes: &[NodeName]| {
            text.parse::<Selector>().unwrap().absent(nodes).map(|absent| absent.words("redis-ab12"))
        };
        for (text, words) in [
            ("worker-[0001-0100]", "worker-0100 is not in redis-ab12, which has worker-[0000-0099]"),
            ("worker-[0099-0101]", "worker-[0100-0101] are not in redis-ab12, which has worker-[0000-0099]"),
            ("client-0000", "client-0000 is not in redis-ab12, which has primary-0000,worker-[0000-0099]"),
        ] {
            assert_eq!(absent(text, &there).as_deref(), Some(words));
        }
        assert_eq!(absent("worker-0000", &[]).as_deref(), Some("worker-0000 is not in redis-ab12, which has no nodes"));
        for text in ["worker-[0000-0099]", "all", "worker", "client", "200 of worker"] {
            assert_eq!(absent(text, &there), None, "{text}");
        }
    }

    #[test]
    fn malformed_selectors_are_refused() {
        assert_eq!("{saved.dead}".parse(), Ok(Selector::Saved("dead".to_owned())));
        assert_eq!(Selector::Saved("dead".to_owned()).to_string(), "{saved.dead}");
        for text in [
            "",
            "{saved.a} of worker",
            "{saved.}",
            "{node.name}",
            "0 of worker",
            "200% of worker",
            "x of worker",
            "Worker",
            "3 of Worker",
        ] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }
}
