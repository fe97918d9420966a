//! Waiting until everything is as it should be: by throng's own words, and by every invariant.

use std::time::Duration;

use serde_json::Value;

use super::clusters::{Farm, ready};
use super::daemons::status;
use super::told::told;
use super::wanted::{SIDE_NODES, Wanted};
use crate::invariants::{Invariant, Observation, Violation, violations};
use crate::wait::until;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// By throng's own words something is still to come.
    Restless(String),
    /// An invariant does not hold.
    Violation(Violation),
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Restless(what) => write!(f, "not at rest: {what}"),
            Self::Violation(violation) => violation.fmt(f),
        }
    }
}

impl Farm {
    /// The second cluster's id; none where there is none.
    pub(crate) fn side(&self) -> Option<String> {
        let status = status(&self.site)?;
        let clusters = status["clusters"].as_array()?;
        let side = clusters.iter().find(|cluster| cluster["scenario"] == self.side_name().as_str())?;
        Some(side["cluster"].as_str()?.to_owned())
    }

    /// The second cluster's id, by what was seen of it.
    fn side_of(&self, seen: &Observation) -> Option<String> {
        let name = self.side_name();
        let found = seen.containers.iter().find(|container| container.cluster.starts_with(&name))?;
        Some(found.cluster.clone())
    }

    /// Waits until throng says that all is at rest and every invariant holds; what does not at the end. Nodes of `before`
    /// that nobody touched must be the same processes still. Both kinds of problems are looked for, whatever the other
    /// one says.
    pub(crate) fn await_rest(
        &self,
        within: Duration,
        before: &Observation,
        wanted: &Wanted,
    ) -> Result<Observation, Vec<Problem>> {
        until(within, || {
            // One that throng forgot is wanted all the same.
            let side = self.side().or_else(|| self.side_of(before));
            let mut seen = self.observe();
            let clusters = [Some(&self.cluster), side.as_ref().filter(|_| wanted.side)];
            let mut unknown = Vec::new();
            for cluster in clusters.into_iter().flatten() {
                match told(&self.site, cluster) {
                    Some(nodes) => seen.told.extend(nodes),
                    None => unknown.push(format!("{cluster} is up, and throng does not know of it")),
                }
            }
            let expected = self.expected(wanted, side.as_deref(), before);
            let mut found = violations(&expected, &seen);
            found.extend(unknown.into_iter().map(|seen| Violation { invariant: Invariant::Told, seen }));
            let mut problems: Vec<Problem> = found.into_iter().map(Problem::Violation).collect();
            problems.extend(self.at_rest(wanted, side.as_deref()).err().map(Problem::Restless));
            if problems.is_empty() { Ok(seen) } else { Err(problems) }
        })
    }

    /// Whether throng itself says that all has come to rest as it should; what it says instead.
    fn at_rest(&self, wanted: &Wanted, side: Option<&str>) -> Result<(), String> {
        let counts = [(Some(self.cluster.as_str()), wanted.nodes()), (side.filter(|_| wanted.side), SIDE_NODES.len())];
        for (cluster, count) in counts.iter().filter_map(|(cluster, count)| Some((cluster.as_ref()?, *count))) {
            let finished = self.site.throng(&["ps", "--cluster", cluster, "--format", "json"]);
            if finished.code != Some(0) || ready(&finished.json()) != count {
                return Err(format!("{count} nodes of {cluster} should be ready: {finished}"));
            }
        }
        let status = status(&self.site).ok_or("no coordinator answers")?;
        let all =
            |key: &str, holds: &dyn Fn(&Value) -> bool| status[key].as_array().is_some_and(|all| all.iter().all(holds));
        if !all("hosts", &|host| host["connected"] == true && host["settled"] == true) {
            return Err(format!("hosts: {}", status["hosts"]));
        }
        if !all("operations", &|operation| operation["ended"] == true) {
            return Err(format!("operations: {}", status["operations"]));
        }
        let clusters = 1 + usize::from(wanted.side);
        if status["clusters"].as_array().map_or(0, Vec::len) != clusters
            || !all("clusters", &|cluster| cluster["state"] == "up")
        {
            let listed = status["clusters"].as_array().into_iter().flatten();
            let seen: Vec<_> = listed.map(|cluster| (&cluster["cluster"], &cluster["state"])).collect();
            return Err(format!("{clusters} clusters should be up: {seen:?}"));
        }
        Ok(())
    }
}
