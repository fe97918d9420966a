//! What it is told, by the environment.

use std::time::Duration;

/// No case begins later than this unless `BOUND_SECONDS` says otherwise.
const BOUND: Duration = Duration::from_secs(480);

/// What it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Decides the order of the cases, and how much load there is in each.
    pub seed: u64,
    /// No case begins later than this.
    pub bound: Duration,
    /// Only cases whose names contain this.
    pub only: String,
}

impl Options {
    /// `SEED`, `BOUND_SECONDS`, `ONLY`. Without a seed, one by the clock.
    pub fn from_environment() -> Result<Self, String> {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let number = |name: &str| {
            let parse = |text: String| text.parse::<u64>().map_err(|_| format!("{name}={text} is no number"));
            variable(name).map(parse).transpose()
        };
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            seed: number("SEED")?.unwrap_or(clock.as_secs()),
            bound: number("BOUND_SECONDS")?.map_or(BOUND, Duration::from_secs),
            only: variable("ONLY").unwrap_or_default(),
        })
    }
}
