//! Sums in words: `100 worker × 16MiB + 100 containers × 6MiB + reserve 768MiB = 2.8GiB > 2GiB`.

use std::fmt::Write as _;

use throng_common::size::ByteSize;

use super::limit::Unit;

/// One part of a sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    /// How many; none for something that is there once.
    pub(super) count: Option<u64>,
    /// Of what.
    pub(super) what: String,
    /// How much each.
    pub(super) each: u64,
}

impl Term {
    /// `count` things of `each`.
    pub(super) fn many(count: u64, what: impl Into<String>, each: u64) -> Self {
        Self { count: Some(count), what: what.into(), each }
    }

    /// Something that is there once.
    pub(super) fn once(what: impl Into<String>, amount: u64) -> Self {
        Self { count: None, what: what.into(), each: amount }
    }

    /// How much it is.
    pub(super) fn amount(&self) -> u64 {
        self.each.saturating_mul(self.count.unwrap_or(1))
    }

    fn show(&self, unit: Unit) -> String {
        match self.count {
            Some(count) => format!("{count} {} × {}", self.what, unit.show(self.each)),
            None => format!("{} {}", self.what, unit.show(self.each)),
        }
    }
}

/// The sum of all terms.
pub(super) fn total(terms: &[Term]) -> u64 {
    terms.iter().map(Term::amount).fold(0, u64::saturating_add)
}

/// The terms with plus signs; those that are nothing are left out.
pub(super) fn words(terms: &[Term], unit: Unit) -> String {
    let mut text = String::new();
    for term in terms.iter().filter(|term| term.amount() > 0) {
        let plus = if text.is_empty() { "" } else { " + " };
        let _ = write!(text, "{plus}{}", term.show(unit));
    }
    text
}

/// The terms, their sum, and the bound that it exceeds.
pub(super) fn exceeds(terms: &[Term], unit: Unit, bound: u64) -> String {
    let sum = words(terms, unit);
    let (used, bound) = apart(total(terms), bound, unit);
    if terms.iter().filter(|term| term.amount() > 0).count() == 1 && terms.iter().all(|term| term.count.is_none()) {
        return format!("{sum} > {bound}");
    }
    format!("{sum} = {used} > {bound}")
}

/// Two different amounts, rounded no further than that they read differently.
pub(super) fn apart(a: u64, b: u64, unit: Unit) -> (String, String) {
    let shown = (unit.show(a), unit.show(b));
    if shown.0 != shown.1 || a == b {
        return shown;
    }
    for (name, size) in [("MiB", 1_u64 << 20), ("KiB", 1 << 10)] {
        if a / size != b / size {
            return (format!("{}{name}", a / size), format!("{}{name}", b / size));
        }
    }
    (String::from(ByteSize::bytes(a)), String::from(ByteSize::bytes(b)))
}
