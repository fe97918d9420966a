//! What the loop is told, by the environment.

use std::time::Duration;

/// Kills unless `KILLS` says otherwise.
const KILLS: u64 = 100;

/// What the loop is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Decides all draws.
    pub seed: u64,
    /// How many rounds.
    pub kills: u64,
    /// The number of the first: a play that was cut short is gone on with.
    pub from: u64,
    /// Only the round of this number.
    pub only: Option<u64>,
    /// Only points whose names begin so; empty: all.
    pub points: String,
    /// No round begins later than this.
    pub bound: Option<Duration>,
}

impl Options {
    /// `SEED`, `KILLS`, `FROM`, `ROUND`, `POINTS`, `BOUND_SECONDS`. Without a seed, one by the clock.
    pub fn from_environment() -> Result<Self, String> {
        Self::new(|name| std::env::var(name).ok().filter(|text| !text.is_empty()))
    }

    fn new(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let number = |name: &str| {
            let parse = |text: String| text.parse::<u64>().map_err(|_| format!("{name}={text} is no number"));
            variable(name).map(parse).transpose()
        };
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            seed: number("SEED")?.unwrap_or(clock.as_secs()),
            kills: number("KILLS")?.unwrap_or(KILLS),
            from: number("FROM")?.unwrap_or(0),
            only: number("ROUND")?,
            points: variable("POINTS").unwrap_or_default(),
            bound: number("BOUND_SECONDS")?.map(Duration::from_secs),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_refused_by_its_name() {
        let given = |name: &str| (name == "KILLS").then(|| "many".to_owned());
        assert_eq!(Options::new(given).unwrap_err(), "KILLS=many is no number");
        let given = |name: &str| (name == "SEED").then(|| "7".to_owned());
        let options = Options::new(given).unwrap();
        assert_eq!((options.seed, options.kills, options.only), (7, KILLS, None));
    }
}
