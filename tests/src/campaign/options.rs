//! What the campaign is told, by the environment.

use std::time::Duration;

/// Steps unless `STEPS` says otherwise.
const STEPS: u64 = 50;
/// How long a shorter sequence is looked for unless `SHRINK_SECONDS` says otherwise.
const SHRINK_SECONDS: u64 = 600;

/// What the campaign is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Decides all draws.
    pub seed: u64,
    /// The numbers of the steps that are played.
    pub steps: Vec<u64>,
    /// No step begins later than this.
    pub bound: Option<Duration>,
    /// How long a shorter sequence is looked for after a violation; zero: not at all.
    pub shrink: Duration,
}

impl Options {
    /// `SEED`, `STEPS`, `ONLY`, `BOUND_SECONDS`, `SHRINK_SECONDS`. Without a seed, one by the clock.
    pub fn from_environment() -> Result<Self, String> {
        Self::new(|name| std::env::var(name).ok().filter(|text| !text.is_empty()))
    }

    fn new(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let parse =
            |name: &str, text: &str| text.trim().parse::<u64>().map_err(|_| format!("{name}={text} is no number"));
        let number = |name: &str| variable(name).map(|text| parse(name, &text)).transpose();
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let only =
            variable("ONLY").map(|text| text.split(',').map(|word| parse("ONLY", word)).collect()).transpose()?;
        let all = number("STEPS")?.unwrap_or(STEPS);
        Ok(Self {
            seed: number("SEED")?.unwrap_or(clock.as_secs()),
            steps: only.unwrap_or_else(|| (0..all).collect()),
            bound: number("BOUND_SECONDS")?.map(Duration::from_secs),
            shrink: Duration::from_secs(number("SHRINK_SECONDS")?.unwrap_or(SHRINK_SECONDS)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_the_steps_or_so_many_of_them_are_played() {
        let given = |name: &str| match name {
            "SEED" => Some("7".to_owned()),
            "ONLY" => Some("3, 9,12".to_owned()),
            _ => None,
        };
        let options = Options::new(given).unwrap();
        assert_eq!((options.seed, options.steps), (7, vec![3, 9, 12]));
        let options = Options::new(|name| (name == "STEPS").then(|| "2".to_owned())).unwrap();
        assert_eq!(options.steps, [0, 1]);
    }

    #[test]
    fn what_is_no_number_is_refused_by_its_name() {
        let given = |name: &str| (name == "ONLY").then(|| "3,x".to_owned());
        assert_eq!(Options::new(given).unwrap_err(), "ONLY=x is no number");
    }
}
