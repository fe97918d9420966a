//! What an operation was asked for: enough for a coordinator that begins anew to go on with it where that can be done, and
//! to say what was left where it cannot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use throng_common::ids::{RoleName, RunId};

/// When a run's cluster is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Never.
    Never,
    /// When a test failed or the cluster did not come up.
    OnFailure,
    /// Always.
    Always,
}

/// What an operation was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub enum Wish {
    /// Bring a cluster up.
    Up,
    /// Bring a cluster up, test it, take it down.
    Run {
        /// The run.
        run: RunId,
        /// What its random draws come from.
        seed: u64,
        /// Only tests whose name matches this regular expression.
        tests: Option<String>,
        /// When the cluster is kept.
        keep: Keep,
    },
    /// Test a cluster that is up.
    Test {
        /// The run.
        run: RunId,
        /// What its random draws come from.
        seed: u64,
        /// Only tests whose name matches this regular expression.
        tests: Option<String>,
    },
    /// Change counts.
    Scale {
        /// The new ones.
        counts: BTreeMap<RoleName, u32>,
    },
    /// Take a cluster down.
    Down,
    /// Remove what no cluster owns.
    Sweep,
    /// Restart nodes.
    Restart,
    /// Wipe what nodes wrote and start them anew.
    Reset,
    /// Bring a cluster to another scenario.
    Update,
}

impl Wish {
    /// The command's word.
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Run { .. } => "run",
            Self::Test { .. } => "test",
            Self::Scale { .. } => "scale",
            Self::Down => "down",
            Self::Sweep => "sweep",
            Self::Restart => "restart",
            Self::Reset => "reset",
            Self::Update => "update",
        }
    }

    /// The run whose report it writes.
    pub const fn run(&self) -> Option<&RunId> {
        match self {
            Self::Run { run, .. } | Self::Test { run, .. } => Some(run),
            Self::Up | Self::Scale { .. } | Self::Down | Self::Sweep | Self::Restart | Self::Reset | Self::Update => {
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_the_same_in_the_next_life() {
        let run: RunId = "redis-x7k2".parse().unwrap();
        for wish in [
            Wish::Up,
            Wish::Run { run: run.clone(), seed: 7, tests: Some("^a".to_owned()), keep: Keep::OnFailure },
            Wish::Test { run, seed: 7, tests: None },
            Wish::Scale { counts: BTreeMap::from([("worker".parse().unwrap(), 3)]) },
            Wish::Down,
        ] {
            let json = serde_json::to_string(&wish).unwrap();
            assert!(json.contains(&format!("\"verb\":\"{}\"", wish.verb())), "{json}");
            assert_eq!(serde_json::from_str::<Wish>(&json).unwrap(), wish);
        }
    }
}
