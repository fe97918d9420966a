//! What is remembered of a setting that was changed, also while a write of it is under way. Pure.

use serde::{Deserialize, Serialize};
use throng_common::ports::PortSet;
use throng_common::status::SysctlChange;
use throng_common::sysctl_keys::RESERVED_PORTS;

use super::value::{plain, ports_of};

/// What is remembered of a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SysctlRecord {
    /// What it was before, and what was last written. Before the first write that is what it was before.
    #[serde(flatten)]
    pub change: SysctlChange,
    /// What is about to be written. Left by a death in between: whether the kernel has taken it, only its value tells.
    #[serde(default)]
    pub writing: Option<String>,
}

impl SysctlRecord {
    /// One that is not being written.
    pub fn of(change: SysctlChange) -> Self {
        Self { change, writing: None }
    }

    /// The change as it turned out, by the value that the kernel has. Of a list it is what it has of both.
    pub fn as_of(&self, current: &str) -> SysctlChange {
        let Some(writing) = &self.writing else { return self.change.clone() };
        let written = if self.change.key == RESERVED_PORTS {
            let lists = [&self.change.written, writing, current].map(|list| ports_of(list).unwrap_or_default());
            let [written, writing, current]: [PortSet; 3] = lists;
            written.union(&writing).intersection(&current).to_string()
        } else if plain(current) == plain(writing) {
            writing.clone()
        } else {
            self.change.written.clone()
        };
        SysctlChange { written, ..self.change.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_value_tells_whether_a_write_was_taken() {
        let record = |key: &str, original: &str, written: &str, writing: Option<&str>| SysctlRecord {
            change: SysctlChange { key: key.into(), original: original.into(), written: written.into() },
            writing: writing.map(str::to_owned),
        };
        let number = record("net.ipv4.tcp_rmem", "1 2 3", "4 5 6", Some("7 8 9"));
        for (current, written) in [("7\t8\t9\n", "7 8 9"), ("4\t5\t6\n", "4 5 6"), ("1 1 1", "4 5 6")] {
            assert_eq!(number.as_of(current).written, written, "{current}");
        }
        let list = record(RESERVED_PORTS, "80", "80,2000-2009,3000", Some("80,2000-2009,4000"));
        for (current, written) in [
            ("80,2000-2009,3000", "80,2000-2009,3000"),
            ("80,2000-2009,4000", "80,2000-2009,4000"),
            ("90,2000-2004", "2000-2004"),
        ] {
            assert_eq!(list.as_of(current).written, written, "{current}");
        }
        let settled = record(RESERVED_PORTS, "80", "80,2000-2009", None);
        assert_eq!(settled.as_of("80").written, "80,2000-2009");
    }
}
