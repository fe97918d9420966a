//! Asking one node again and again, for as long as it runs.

use std::time::Duration;

use futures_util::future::BoxFuture;
use throng_common::host_spec::{NamedPorts, Probe};
use throng_common::status::Reason;
use tokio::sync::mpsc;

use super::check::{check, reason};

/// Half of the first wait between two attempts at a node that is not ready yet: small servers are within milliseconds.
const STARTING_FIRST_WAIT: Duration = Duration::from_millis(5);

/// The longest wait between two attempts at a node that is not ready yet.
const STARTING_LONGEST_WAIT: Duration = Duration::from_millis(1000);

/// Attempts that a ready node may leave unanswered in a row before it counts as not ready.
const MISSES_MAX: u32 = 3;

/// Runs a command in the node that is probed.
pub trait ExecProbe: Send + Sync {
    /// Ends well when the command ends with code 0, else says what happened. It ends the command at the timeout, and
    /// itself some time after it where the engine does not answer.
    fn run<'a>(&'a self, command: &'a [String], timeout: Duration) -> BoxFuture<'a, Result<(), ExecFailure>>;
}

/// Why a command gave no good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecFailure {
    /// It did not end well.
    Bad(ExecProblem),
    /// It could not be run, for a reason that is not the node's.
    NotAsked(String),
}

/// What became of a command that did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecProblem {
    /// The same for all nodes to which the same happens.
    pub what: String,
    /// What the command said, on one line; may be empty.
    pub said: String,
}

impl std::fmt::Display for ExecProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

/// What a node answered: only changes are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeNews {
    /// It is ready.
    Ready,
    /// It is not ready, or no longer.
    NotReady(Reason),
}

/// What is known of a node when it begins to be asked.
#[derive(Debug, Clone, Copy)]
pub struct Begins {
    /// Between 0 and 1, another one for each node: they do not ask in step.
    pub phase: f64,
    /// Whether it is ready: then it is not asked at once, and may miss as often as any.
    pub is_ready: bool,
}

/// Asks until it is dropped, and tells changes. Cancel safe: it holds nothing but a connection.
///
/// `ports` are the node's, by whose names it is told which one does not answer.
pub async fn watch(
    probe: Probe,
    ports: &[NamedPorts],
    exec: &dyn ExecProbe,
    begins: Begins,
    news: mpsc::Sender<ProbeNews>,
) {
    let Begins { phase, is_ready: mut ready } = begins;
    let mut wait = STARTING_FIRST_WAIT;
    let mut misses = 0;
    let mut told = ready.then_some(ProbeNews::Ready);
    if ready {
        tokio::time::sleep(probe.interval.mul_f64(phase)).await;
    }
    loop {
        // Boxed: between two questions a node costs what its timer does, not the buffers of an answer.
        let outcome = Box::pin(check(&probe, ports, exec)).await;
        let change = match outcome {
            Ok(()) => {
                // The first interval of a ready node is cut short by a random part: nodes fall out of step.
                wait = if ready { probe.interval } else { probe.interval.mul_f64(0.5 + phase / 2.0) };
                ready = true;
                misses = 0;
                Some(ProbeNews::Ready)
            }
            // Whoever was ready still is, as far as anybody knows.
            Err(error) if ready && error.is_silence() => {
                wait = probe.interval;
                None
            }
            Err(error) if ready => {
                misses += 1;
                wait = STARTING_LONGEST_WAIT.min(probe.interval);
                if misses >= MISSES_MAX {
                    ready = false;
                    wait = STARTING_FIRST_WAIT;
                    Some(ProbeNews::NotReady(reason(&probe, &error)))
                } else {
                    None
                }
            }
            Err(error) => {
                wait = (wait * 2).min(STARTING_LONGEST_WAIT);
                // A node that has only just been started refuses connections: nothing to tell yet.
                (wait == STARTING_LONGEST_WAIT).then(|| ProbeNews::NotReady(reason(&probe, &error)))
            }
        };
        if let Some(change) = change
            && told.as_ref() != Some(&change)
        {
            told = Some(change.clone());
            if news.send(change).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use throng_common::host_spec::ProbeCheck;

    use super::*;

    /// Answers attempt number n with `answers[n]`, then with the last; none: the command could not be run.
    struct Script {
        answers: Vec<Option<bool>>,
        asked: AtomicU32,
    }

    impl ExecProbe for Script {
        fn run<'a>(&'a self, _: &'a [String], _: Duration) -> BoxFuture<'a, Result<(), ExecFailure>> {
            let at = self.asked.fetch_add(1, Ordering::SeqCst) as usize;
            let answer = match *self.answers.get(at).or(self.answers.last()).unwrap_or(&Some(true)) {
                Some(true) => Ok(()),
                Some(false) => {
                    Err(ExecFailure::Bad(ExecProblem { what: "exit code 1".to_owned(), said: String::new() }))
                }
                None => Err(ExecFailure::NotAsked("the engine is hung".to_owned())),
            };
            Box::pin(std::future::ready(answer))
        }
    }

    async fn news_of(answers: Vec<bool>, lasting: Duration) -> (Vec<ProbeNews>, u32) {
        news_of_any(answers.into_iter().map(Some).collect(), lasting, false).await
    }

    async fn news_of_any(answers: Vec<Option<bool>>, lasting: Duration, is_ready: bool) -> (Vec<ProbeNews>, u32) {
        let begins = Begins { phase: 0.5, is_ready };
        let script = Script { answers, asked: AtomicU32::new(0) };
        let (sender, mut receiver) = mpsc::channel(64);
        let command = ProbeCheck::Exec { command: vec!["x".into()] };
        let probe = Probe { check: command, timeout: Duration::from_secs(1), interval: Duration::from_secs(10) };
        let _ = tokio::time::timeout(lasting, watch(probe, &[], &script, begins, sender)).await;
        let mut all = Vec::new();
        while let Ok(news) = receiver.try_recv() {
            all.push(news);
        }
        (all, script.asked.load(Ordering::SeqCst))
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_ready_is_not_asked_at_once_and_may_miss_as_any() {
        let missing = || vec![Some(false), Some(false), Some(true)];
        let (news, asked) = news_of_any(missing(), Duration::from_millis(4_900), true).await;
        assert_eq!((news, asked), (vec![], 0));
        let (news, asked) = news_of_any(missing(), Duration::from_secs(9), true).await;
        assert_eq!((news, asked), (vec![], 3), "nothing is new");
    }

    #[tokio::test(start_paused = true)]
    async fn a_ready_node_is_told_once_and_asked_rarely() {
        let (news, asked) = news_of(vec![false, false, true], Duration::from_secs(60)).await;
        assert_eq!(news, [ProbeNews::Ready]);
        assert!((7..=9).contains(&asked), "{asked}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_missed_answer_is_forgiven_and_three_are_not() {
        let (news, _) = news_of(vec![true, false, true], Duration::from_secs(60)).await;
        assert_eq!(news, [ProbeNews::Ready]);
        let (news, _) = news_of(vec![true, false], Duration::from_secs(60)).await;
        assert!(matches!(news[..], [ProbeNews::Ready, ProbeNews::NotReady(_)]), "{news:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_ready_node_that_cannot_be_asked_stays_ready_and_one_that_starts_is_not_ready_yet() {
        let (news, _) = news_of_any(vec![Some(true), None], Duration::from_secs(120), false).await;
        assert_eq!(news, [ProbeNews::Ready]);
        let (news, _) = news_of_any(vec![Some(true), None, Some(false)], Duration::from_secs(120), false).await;
        assert!(matches!(news[..], [ProbeNews::Ready, ProbeNews::NotReady(_)]), "what it answers counts: {news:?}");
        let (news, _) = news_of_any(vec![None], Duration::from_secs(120), false).await;
        assert!(matches!(&news[..], [ProbeNews::NotReady(reason)] if reason.message.contains("hung")), "{news:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_never_answers_is_told_with_the_reason() {
        let (news, _) = news_of(vec![false], Duration::from_secs(5)).await;
        assert!(matches!(&news[..], [ProbeNews::NotReady(reason)] if reason.message.contains("exit code 1")));
    }
}
