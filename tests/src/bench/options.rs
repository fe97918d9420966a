//! What the benchmarks are told, by the environment.

use std::time::Duration;

use super::benchmark::Benchmark;

/// Pairs unless `BENCH_PAIRS` says otherwise: with ten, the interval of a median leaves the outermost out.
const PAIRS: usize = 10;
/// Nodes unless `BENCH_NODES` says otherwise.
const NODES: usize = 100;
/// Most nodes: the pool of their ports, and what an engine of a test may be asked for.
const NODES_MAX: usize = 1000;
/// How long idle daemons are watched unless `BENCH_IDLE_SECONDS` says otherwise: longer than the slowest of their timers.
const IDLE_SECONDS: usize = 40;

/// What the benchmarks are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How often everything that is compared is done.
    pub pairs: usize,
    /// How many workers a cluster has.
    pub nodes: usize,
    /// What is measured.
    pub only: Vec<Benchmark>,
    /// Whether the peers are measured too.
    pub peers: bool,
    /// How long idle daemons are watched.
    pub idle: Duration,
}

impl Options {
    /// `BENCH_PAIRS`, `BENCH_NODES`, `BENCH_ONLY` (names with commas between), `BENCH_PEERS` (`no` leaves them out),
    /// `BENCH_IDLE_SECONDS`.
    pub fn from_environment() -> Result<Self, String> {
        Self::new(|name| std::env::var(name).ok().filter(|text| !text.is_empty()))
    }

    fn new(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let number = |name: &str, usual: usize, most: usize| match variable(name).map(|text| (text.parse(), text)) {
            None => Ok(usual),
            Some((Ok(number), _)) if (1..=most).contains(&number) => Ok(number),
            Some((_, text)) => Err(format!("{name}={text}: give a number from 1 to {most}")),
        };
        let only = variable("BENCH_ONLY").unwrap_or_default();
        let named = only.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::parse);
        let named = named.collect::<Result<Vec<Benchmark>, String>>()?;
        let peers = match variable("BENCH_PEERS").as_deref() {
            None | Some("yes") => true,
            Some("no") => false,
            Some(other) => return Err(format!("BENCH_PEERS={other}: say yes or no")),
        };
        Ok(Self {
            pairs: number("BENCH_PAIRS", PAIRS, 1000)?,
            nodes: number("BENCH_NODES", NODES, NODES_MAX)?,
            only: if named.is_empty() { Benchmark::ALL.to_vec() } else { named },
            peers,
            idle: Duration::from_secs(number("BENCH_IDLE_SECONDS", IDLE_SECONDS, 3600)? as u64),
        })
    }

    /// Whether this is measured.
    pub fn has(&self, benchmark: Benchmark) -> bool {
        self.only.contains(&benchmark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(given: &[(&str, &str)]) -> Result<Options, String> {
        Options::new(|name| given.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_name() {
        for (name, value) in [("BENCH_PAIRS", "0"), ("BENCH_NODES", "many"), ("BENCH_PEERS", "1"), ("BENCH_ONLY", "x")]
        {
            let problem = options(&[(name, value)]).unwrap_err();
            assert!(problem.contains(name) || problem.contains(value), "{problem}");
        }
    }

    #[test]
    fn without_a_word_everything_is_measured() {
        let all = options(&[]).unwrap();
        assert_eq!((all.pairs, all.nodes, all.only.len(), all.peers), (PAIRS, NODES, Benchmark::ALL.len(), true));
        let some = options(&[("BENCH_ONLY", "exec, idle"), ("BENCH_PAIRS", "3")]).unwrap();
        assert_eq!((some.only, some.pairs), (vec![Benchmark::Exec, Benchmark::Idle], 3));
    }
}
