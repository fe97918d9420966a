//! What is wanted of one setting by all clusters together, and how far a value is from it. Pure.

use serde::Serialize;
use throng_common::host_spec::SysctlWant;
use throng_common::ports::PortSet;
use throng_common::status::SysctlChange;
use throng_common::sysctl_keys::RESERVED_PORTS;

/// The merged want of one setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Target {
    /// Numbers, each at least this.
    AtLeast(Vec<u64>),
    /// A list that holds these ports.
    Ports(PortSet),
    /// Just this text.
    Exactly(String),
}

impl Target {
    /// What one cluster wants.
    pub fn of(want: &SysctlWant) -> Self {
        match want {
            SysctlWant::AtLeast(least) => Self::AtLeast(vec![*least]),
            SysctlWant::EachAtLeast(least) => Self::AtLeast(least.clone()),
            SysctlWant::Ports(ports) => Self::Ports(ports.clone()),
            SysctlWant::Exactly(text) => Self::Exactly(plain(text)),
        }
    }

    /// Both wants together; none where they contradict each other.
    #[must_use]
    pub fn merge(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::AtLeast(a), Self::AtLeast(b)) if a.len() == b.len() => Some(Self::AtLeast(each_larger(&a, &b))),
            (Self::Ports(a), Self::Ports(b)) => Some(Self::Ports(a.union(&b))),
            (Self::Exactly(a), Self::Exactly(b)) if a == b => Some(Self::Exactly(a)),
            (Self::AtLeast(_) | Self::Ports(_) | Self::Exactly(_), _) => None,
        }
    }

    /// Whether a value is as wanted; none where it cannot be read as what it should be.
    pub fn is_met(&self, current: &str) -> Option<bool> {
        match self {
            Self::AtLeast(least) => {
                let numbers = numbers(current).filter(|numbers| numbers.len() == least.len())?;
                Some(numbers.iter().zip(least).all(|(number, least)| number >= least))
            }
            Self::Ports(ports) => Some(ports.difference(&ports_of(current)?).is_empty()),
            Self::Exactly(text) => Some(plain(current) == *text),
        }
    }

    /// The value to write instead of `current`, never lower than it; none where `current` cannot be read.
    ///
    /// `stale` are ports of ours that nobody wants any more.
    pub fn value(&self, current: &str, stale: &PortSet) -> Option<String> {
        match self {
            Self::AtLeast(least) => {
                let numbers = numbers(current).filter(|numbers| numbers.len() == least.len())?;
                Some(joined(&each_larger(&numbers, least)))
            }
            Self::Ports(ports) => Some(ports_of(current)?.difference(stale).union(ports).to_string()),
            Self::Exactly(text) => Some(text.clone()),
        }
    }
}

/// The ports that we put into a list: what we wrote and was not there before.
pub fn our_ports(record: &SysctlChange) -> Option<PortSet> {
    Some(ports_of(&record.written)?.difference(&ports_of(&record.original)?))
}

/// Whether a setting still has what we wrote: of a list, all that we put into it.
pub fn is_still_written(record: &SysctlChange, current: &str) -> bool {
    if record.key == RESERVED_PORTS {
        let left = our_ports(record).zip(ports_of(current)).map(|(ours, current)| ours.difference(&current));
        return left.is_some_and(|left| left.is_empty());
    }
    plain(current) == plain(&record.written)
}

/// A list of ports as the kernel writes it; none where it is none.
pub fn ports_of(text: &str) -> Option<PortSet> {
    plain(text).parse().ok()
}

/// The value without the blanks, tabs and newlines that the kernel puts between and after.
pub fn plain(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn numbers(text: &str) -> Option<Vec<u64>> {
    text.split_ascii_whitespace().map(|word| word.parse().ok()).collect()
}

fn each_larger(a: &[u64], b: &[u64]) -> Vec<u64> {
    a.iter().zip(b).map(|(a, b)| *a.max(b)).collect()
}

fn joined(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_still_ours_while_it_has_what_we_wrote_and_a_list_while_it_holds_our_ports() {
        let change = |key: &str, original: &str, written: &str| SysctlChange {
            key: key.to_owned(),
            original: original.to_owned(),
            written: written.to_owned(),
        };
        let raised = change("net.ipv4.tcp_rmem", "1 2 3", "4 5 6");
        assert!(is_still_written(&raised, "4\t5\t6\n") && !is_still_written(&raised, "4 5 7"));
        let ports = change(RESERVED_PORTS, "80", "80,2000-2003");
        assert!(is_still_written(&ports, "90,2000-2009") && !is_still_written(&ports, "80,2000-2002"));
    }
}
