//! Ranges and sets of TCP/UDP ports.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text_type::text_type;

/// Ports `first..=last`, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// Why a text is not a port range or a set of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a port range: write a port from 1 to 65535, or first-last")]
pub struct PortError {
    text: String,
}

impl PortRange {
    /// Ports `first..=last`; an error where `first` is 0 or `last` lies below it.
    pub fn new(first: u16, last: u16) -> Result<Self, PortError> {
        if first == 0 || last < first {
            return Err(PortError { text: format!("{first}-{last}") });
        }
        Ok(Self { first, last })
    }

    /// The lowest port.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest port, inclusive.
    pub fn last(self) -> u16 {
        self.last
    }

    /// How many ports it holds, at least 1.
    pub fn count(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }

    /// Whether the port lies in the range.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// Whether the two share a port.
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// All ports, ascending.
    pub fn iter(self) -> impl Iterator<Item = u16> {
        self.first..=self.last
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

impl FromStr for PortRange {
    type Err = PortError;
    fn from_str(text: &str) -> Result<Self, PortError> {
        let wrong = || PortError { text: text.to_owned() };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let port = |text: &str| text.trim().parse::<u16>().map_err(|_| wrong());
        Self::new(port(first)?, port(last)?).map_err(|_| wrong())
    }
}

text_type!(PortRange, PortError, r"^\s*\d{1,5}(\s*-\s*\d{1,5})?\s*$", "A range of ports, like \"20000-32000\".");

/// A set of ports, kept as sorted ranges that neither overlap nor touch.
///
/// Reads and writes the kernel's form of `ip_local_reserved_ports`: `20000-20099,31000`, empty text for none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortSet {
    ranges: Vec<PortRange>,
}

impl PortSet {
    /// The ranges, ascending.
    pub fn ranges(&self) -> &[PortRange] {
        &self.ranges
    }

    /// Whether it holds no port.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many ports it holds.
    pub fn count(&self) -> u32 {
        self.ranges.iter().map(|range| range.count()).sum()
    }

    /// Whether it holds this port.
    pub fn contains(&self, port: u16) -> bool {
        let after = self.ranges.partition_point(|range| range.first <= port);
        after > 0 && self.ranges[after - 1].contains(port)
    }

    /// All ports, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.ranges.iter().flat_map(|range| range.iter())
    }

    /// All ports of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.ranges.iter().chain(&other.ranges).copied().collect()
    }

    /// The ports that `other` does not hold.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        for range in &self.ranges {
            let mut from = u32::from(range.first);
            for hole in other.ranges.iter().filter(|hole| hole.overlaps(*range)) {
                push_span(&mut left, from, u32::from(hole.first));
                from = from.max(u32::from(hole.last) + 1);
            }
            push_span(&mut left, from, u32::from(range.last) + 1);
        }
        Self { ranges: left }
    }

    /// The ports that both hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.difference(&self.difference(other))
    }
}

/// Pushes `from..end` (exclusive) where it holds a port.
fn push_span(ranges: &mut Vec<PortRange>, from: u32, end: u32) {
    if from < end {
        let port = |number: u32| u16::try_from(number).expect("a span lies within the range it was cut from");
        ranges.push(PortRange { first: port(from), last: port(end - 1) });
    }
}

impl FromIterator<PortRange> for PortSet {
    fn from_iter<I: IntoIterator<Item = PortRange>>(ranges: I) -> Self {
        let mut sorted: Vec<PortRange> = ranges.into_iter().collect();
        sorted.sort_unstable();
        let mut merged: Vec<PortRange> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match merged.last_mut() {
                Some(last) if u32::from(range.first) <= u32::from(last.last) + 1 => {
                    last.last = last.last.max(range.last);
                }
                _ => merged.push(range),
            }
        }
        Self { ranges: merged }
    }
}

impl From<PortRange> for PortSet {
    fn from(range: PortRange) -> Self {
        Self { ranges: vec![range] }
    }
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, range) in self.ranges.iter().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            write!(f, "{range}")?;
        }
        Ok(())
    }
}

impl FromStr for PortSet {
    type Err = PortError;
    fn from_str(text: &str) -> Result<Self, PortError> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::parse).collect()
    }
}

impl TryFrom<String> for PortSet {
    type Error = PortError;
    fn try_from(text: String) -> Result<Self, PortError> {
        text.parse()
    }
}

impl From<PortSet> for String {
    fn from(set: PortSet) -> Self {
        set.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_kernels_form_is_read_and_merged() {
        let set: PortSet = "31000,20000-20099,20100\n".parse().unwrap();
        assert_eq!(set.to_string(), "20000-20100,31000");
        assert_eq!("".parse::<PortSet>().unwrap().to_string(), "");
        for text in ["0", "9-8", "x", "70000", "1-2-3"] {
            assert!(text.parse::<PortSet>().is_err(), "{text}");
        }
    }

    fn any_set() -> impl Strategy<Value = PortSet> {
        proptest::collection::vec((1u16..200, 0u16..20), 0..12).prop_map(|spans| {
            spans.into_iter().map(|(first, more)| PortRange::new(first, first + more).unwrap()).collect()
        })
    }

    proptest! {
        #[test]
        fn sets_agree_with_plain_sets_of_numbers(a in any_set(), b in any_set()) {
            let plain = |set: &PortSet| set.iter().collect::<BTreeSet<u16>>();
            let (pa, pb) = (plain(&a), plain(&b));
            prop_assert_eq!(plain(&a.union(&b)), &pa | &pb);
            prop_assert_eq!(plain(&a.difference(&b)), &pa - &pb);
            prop_assert_eq!(plain(&a.intersection(&b)), &pa & &pb);
            prop_assert_eq!(a.to_string().parse::<PortSet>().unwrap(), a.clone());
            for port in 1..250 {
                prop_assert_eq!(a.contains(port), pa.contains(&port));
            }
        }
    }
}
