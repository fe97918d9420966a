//! Asking the system under test which nodes it knows, while something waits for the answer.

use std::sync::Arc;
use std::time::Duration;

use throng_common::error_chain::chain;
use throng_common::ids::{NodeName, RoleName};
use throng_common::scenario::model::Seen;
use tokio::time::Instant;

use super::coordinator::Core;
use crate::clock;
use crate::cluster::{Column, LiveCluster, Sighting, sight};
use crate::planner::texts::{Saved, Texts};
use crate::suite::ops::{ExecOptions, FetchOptions};

/// How long one question may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// Most of an answer that is read: a line for each of many thousand nodes.
const ANSWER_MAX_BYTES: u64 = 16 << 20;

/// Most characters of why there is no answer: it stands in a line of a table.
const PROBLEM_MAX_CHARS: usize = 300;

impl Core {
    /// Asks again and again, until dropped.
    pub async fn keep_asking(self: Arc<Self>, cluster: Arc<LiveCluster>, role: RoleName) {
        loop {
            let Some(seen) = cluster.record().scenario.role.get(&role).and_then(|role| role.seen.clone()) else {
                return;
            };
            self.ask(&cluster, &role, &seen).await;
            tokio::time::sleep(seen.interval.0).await;
        }
    }

    /// Asks once, and notes the answer.
    pub async fn ask(self: &Arc<Self>, cluster: &LiveCluster, role: &RoleName, seen: &Seen) {
        let (asked, at) = (Instant::now(), clock::now());
        let (sighting, problem) = match self.sighting(cluster, role, seen).await {
            Ok(sighting) => (Some(sighting), None),
            Err(problem) => (None, Some(one_line(&problem))),
        };
        cluster.role_seen(role, Column { sighting, problem, asked, at });
    }

    async fn sighting(
        self: &Arc<Self>,
        cluster: &LiveCluster,
        role: &RoleName,
        seen: &Seen,
    ) -> Result<Sighting, String> {
        let answer = self.answer(cluster, seen).await;
        let answer = answer.map_err(|problem| format!("the system under test did not answer: {problem}"))?;
        let unusable =
            |error| format!("the answer of the system under test does not say who it knows: {}", chain(&error));
        sight(&seen.each, &answer, &cluster.directory(role)).map_err(unusable)
    }

    async fn answer(self: &Arc<Self>, cluster: &LiveCluster, seen: &Seen) -> Result<String, String> {
        let record = cluster.record();
        let asked: Vec<NodeName> =
            seen.on.select(&cluster.nodes(), |nodes, count| nodes.into_iter().take(count).collect());
        let node = asked.into_iter().next().ok_or_else(|| format!("`{}` selects no node to ask", seen.on))?;
        let texts = Texts::new(&record.plan, &record.scenario);
        let resolve =
            |text: &String| texts.resolve_text(text, Some(&node), &Saved::new()).map_err(|error| error.to_string());
        if let Some(command) = &seen.exec {
            let command = command.iter().map(resolve).collect::<Result<Vec<_>, _>>()?;
            let options =
                ExecOptions { timeout: ASK_TIMEOUT, output_max_bytes: ANSWER_MAX_BYTES, ..ExecOptions::default() };
            let mut outcomes = self.exec(cluster, vec![(node, command)], &options, 1);
            let outcome = outcomes.recv().await.ok_or("no outcome")?;
            let output = outcome.result.map_err(|error| error.to_string())?;
            if output.code != 0 {
                let stderr = String::from_utf8_lossy(&output.stderr);
                return Err(format!("exit code {}: {}", output.code, stderr.trim()));
            }
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let url = resolve(seen.http.as_ref().ok_or("neither exec nor http")?)?;
        let options = FetchOptions {
            method: "GET".to_owned(),
            timeout: ASK_TIMEOUT,
            output_max_bytes: ANSWER_MAX_BYTES,
            ..FetchOptions::default()
        };
        let mut outcomes = self.fetch(cluster, vec![(node, url)], &options);
        let outcome = outcomes.recv().await.ok_or("no outcome")?;
        let output = outcome.result.map_err(|error| error.to_string())?;
        if output.status >= 300 {
            return Err(format!("status {}", output.status));
        }
        Ok(String::from_utf8_lossy(&output.body).into_owned())
    }
}

/// What a program said, on one line, cut where it is long, without what a terminal would obey.
fn one_line(problem: &str) -> String {
    let words = problem.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = words.chars().filter(|letter| !letter.is_control()).take(PROBLEM_MAX_CHARS).collect();
    if words.chars().nth(PROBLEM_MAX_CHARS).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_there_is_no_answer_fits_on_a_line() {
        assert_eq!(
            one_line("exit code 1: Could not connect\n  to \u{1b}[31mredis\n"),
            "exit code 1: Could not connect to [31mredis"
        );
        let long = one_line(&"x".repeat(1000));
        assert_eq!((long.len(), long.ends_with("x...")), (PROBLEM_MAX_CHARS + 3, true));
    }
}
