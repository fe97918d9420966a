//! From wants, values and records to the writes between. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use throng_common::host_spec::SysctlSpec;
use throng_common::ids::ClusterId;
use throng_common::ports::PortSet;
use throng_common::status::SysctlChange;

use super::key::SysctlKey;
use super::record::SysctlRecord;
use super::value::{Target, our_ports, plain, ports_of};

/// What one cluster wants of one setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterWant {
    /// Who.
    pub cluster: ClusterId,
    /// What.
    pub spec: SysctlSpec,
}

/// Values as they stand; none: the kernel has no such setting. One that could not be read is not among them, and is left
/// as it is.
pub type Values = BTreeMap<SysctlKey, Option<String>>;

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum SysctlStep {
    /// Raise it.
    ///
    /// The record goes to the ledger *before* the write, and again with what was read back after it.
    Raise {
        /// What to remember: the original, what was written before, and what is written now.
        record: SysctlRecord,
        /// What the value must reach.
        target: Target,
    },
    /// Put back what was there before; for a list, take our part out. The record is forgotten after it.
    Restore {
        /// The setting.
        key: String,
        /// What is written.
        value: String,
    },
    /// Forget the record: the value is no longer ours, or is as it was.
    Forget {
        /// The setting.
        key: String,
    },
}

/// A setting that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SysctlProblem {
    /// The setting.
    pub key: String,
    /// Whether nodes that need it must not start.
    pub required: bool,
    /// What is wrong.
    pub what: ProblemKind,
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum ProblemKind {
    /// No name of a setting.
    Name,
    /// The kernel does not have it.
    Missing,
    /// Its value is not of the kind that is wanted.
    Unreadable(String),
    /// Clusters want what cannot be had at once.
    Conflict(Vec<ClusterId>),
}

/// A setting that somebody else changed after us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// The setting.
    pub key: String,
    /// What we wrote.
    pub written: String,
    /// What it is now.
    pub current: String,
    /// Whether that is what it was before us.
    pub is_original: bool,
}

/// The steps, and what is to be reported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SysctlPlan {
    /// Writes, by key.
    pub steps: Vec<SysctlStep>,
    /// What cannot be had.
    pub problems: Vec<SysctlProblem>,
    /// What others changed.
    pub drift: Vec<Drift>,
}

impl SysctlPlan {
    /// The records that must be in the ledger before the plan is applied.
    pub fn records(&self) -> impl Iterator<Item = &SysctlRecord> {
        self.steps.iter().filter_map(|step| match step {
            SysctlStep::Raise { record, .. } => Some(record),
            SysctlStep::Restore { .. } | SysctlStep::Forget { .. } => None,
        })
    }
}

/// The settings whose values a plan needs: those wanted and those recorded. Names that are none are left out.
pub fn keys<'a>(wants: &'a [ClusterWant], recorded: impl IntoIterator<Item = &'a SysctlChange>) -> BTreeSet<SysctlKey> {
    let wanted = wants.iter().map(|want| want.spec.key.as_str());
    let all = wanted.chain(recorded.into_iter().map(|record| record.key.as_str()));
    all.filter_map(|key| SysctlKey::new(key).ok()).collect()
}

/// What becomes of settings that we changed and that nobody is known to want any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwanted {
    /// They are put back.
    PutBack,
    /// They stay: of some cluster it is not known what it wants.
    Keep,
}

/// Compares what all clusters want with what is, and with what we changed before.
pub fn plan(wants: &[ClusterWant], current: &Values, recorded: &[SysctlChange], unwanted: Unwanted) -> SysctlPlan {
    let mut plan = SysctlPlan::default();
    let mut by_key: BTreeMap<&str, Vec<&ClusterWant>> = BTreeMap::new();
    for want in wants {
        by_key.entry(&want.spec.key).or_default().push(want);
    }
    for (key, wants) in &by_key {
        let record = recorded.iter().find(|record| record.key == *key);
        if let Err(what) = plan_wanted(wants, current, record, unwanted, &mut plan) {
            let required = wants.iter().any(|want| want.spec.required);
            plan.problems.push(SysctlProblem { key: (*key).to_owned(), required, what });
        }
    }
    if unwanted == Unwanted::PutBack {
        for record in recorded.iter().filter(|record| !by_key.contains_key(record.key.as_str())) {
            plan_unwanted(record, current, &mut plan);
        }
    }
    plan
}

fn plan_wanted(
    wants: &[&ClusterWant],
    current: &Values,
    record: Option<&SysctlChange>,
    unwanted: Unwanted,
    plan: &mut SysctlPlan,
) -> Result<(), ProblemKind> {
    let Some(target) = merged(wants) else {
        return Err(ProblemKind::Conflict(wants.iter().map(|want| want.cluster.clone()).collect()));
    };
    let key = wants.first().map(|want| want.spec.key.as_str()).unwrap_or_default();
    let checked = SysctlKey::new(key).map_err(|_| ProblemKind::Name)?;
    let Some(current) = current.get(&checked) else { return Ok(()) };
    let current = current.as_ref().ok_or(ProblemKind::Missing)?;
    let current = plain(current);
    let unreadable = || ProblemKind::Unreadable(current.clone());
    let met = target.is_met(&current).ok_or_else(unreadable)?;
    let stale = match unwanted {
        Unwanted::PutBack => stale_ports(&target, record),
        Unwanted::Keep => PortSet::default(),
    };
    let value = target.value(&current, &stale).ok_or_else(unreadable)?;
    if let Some(record) = record
        && !met
        && current != record.written
    {
        plan.drift.push(drift(record, &current));
    }
    if value != current && (!met || !stale.is_empty()) {
        let original = original(&target, &current, record);
        let written = record.map_or_else(|| original.clone(), |record| record.written.clone());
        let change = SysctlChange { key: key.to_owned(), original, written };
        plan.steps.push(SysctlStep::Raise { record: SysctlRecord { change, writing: Some(value) }, target });
    }
    Ok(())
}

fn merged(wants: &[&ClusterWant]) -> Option<Target> {
    let mut targets = wants.iter().map(|want| Target::of(&want.spec.want));
    let first = targets.next()?;
    targets.try_fold(first, Target::merge)
}

/// Ports that we put there for a cluster that is gone.
fn stale_ports(target: &Target, record: Option<&SysctlChange>) -> PortSet {
    match (target, record.and_then(our_ports)) {
        (Target::Ports(wanted), Some(ours)) => ours.difference(wanted),
        (Target::Ports(_), None) | (Target::AtLeast(_) | Target::Exactly(_), _) => PortSet::default(),
    }
}

/// What a restore must lead back to. Ports that others added to the list since our last write count as original.
fn original(target: &Target, current: &str, record: Option<&SysctlChange>) -> String {
    let Some(record) = record else { return current.to_owned() };
    match (target, ports_of(current), our_ports(record), ports_of(&record.original)) {
        (Target::Ports(_), Some(current), Some(ours), Some(original)) => {
            original.union(&current.difference(&ours)).to_string()
        }
        _ => record.original.clone(),
    }
}

fn plan_unwanted(record: &SysctlChange, current: &Values, plan: &mut SysctlPlan) {
    let key = record.key.clone();
    let value = SysctlKey::new(&key).map(|key| current.get(&key));
    let current = match value {
        Ok(None) => return,
        Ok(Some(Some(value))) => plain(value),
        Ok(Some(None)) | Err(_) => return plan.steps.push(SysctlStep::Forget { key }),
    };
    let is_list = key == throng_common::sysctl_keys::RESERVED_PORTS;
    let restored = match (is_list.then(|| ports_of(&current)).flatten(), our_ports(record)) {
        (Some(current), Some(ours)) => Some(current.difference(&ours).to_string()),
        _ if current == record.written => Some(record.original.clone()),
        _ => None,
    };
    match restored {
        Some(value) if value != current => plan.steps.push(SysctlStep::Restore { key, value }),
        Some(_) => plan.steps.push(SysctlStep::Forget { key }),
        None => {
            plan.drift.push(drift(record, &current));
            plan.steps.push(SysctlStep::Forget { key });
        }
    }
}

fn drift(record: &SysctlChange, current: &str) -> Drift {
    let is_original = current == record.original;
    Drift { key: record.key.clone(), written: record.written.clone(), current: current.to_owned(), is_original }
}

impl std::fmt::Display for SysctlProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = &self.key;
        match &self.what {
            ProblemKind::Name => write!(f, "`{key}` is not the name of a kernel setting"),
            ProblemKind::Missing => write!(f, "kernel setting {key} does not exist here: load its module or drop it"),
            ProblemKind::Unreadable(value) => write!(f, "kernel setting {key} is `{value}`: not of the wanted kind"),
            ProblemKind::Conflict(clusters) => {
                let names: Vec<_> = clusters.iter().map(ToString::to_string).collect();
                write!(f, "clusters {} want different values of {key}: run one after the other", names.join(", "))
            }
        }
    }
}

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key, written, current, is_original } = self;
        if *is_original {
            // A write that failed looks the same.
            write!(f, "kernel setting {key} is `{current}` as before throng, not `{written}`: put back, or never taken")
        } else {
            write!(f, "kernel setting {key} was set to `{current}` by somebody else after throng wrote `{written}`")
        }
    }
}

#[cfg(test)]
mod tests;
