//! The end of a command, whatever died while it ran.

use std::time::Duration;

use super::said::caught;
use crate::finished::{Finished, Running};
use crate::programs::Build;
use crate::site::Site;

/// How often a command that failed is resumed by what it printed.
const RESUMES_MAX: u32 = 3;

/// What a command says that has not begun.
const NOT_BEGUN: [&str; 1] = ["no coordinator runs"];

/// What a command says that was given again, and whose work was done before its answer was lost.
const DONE_BEFORE: [&str; 1] = ["is withdrawn already"];

/// What a command came to, with those that resumed it.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// What the last one wrote to stdout.
    pub(crate) stdout: String,
    /// Whether it was the first one.
    pub(crate) once: bool,
    /// Why it did not end rightly.
    pub(crate) problem: Option<String>,
}

/// Waits for the command's end, which is right with this code. Another one must have printed the command that resumes it.
/// One that found no coordinator has not begun: it is given again.
pub(crate) fn finish(site: &Site, running: Running, within: Duration, code: i32) -> Ended {
    let line = shlex::split(running.line()).expect("a line of ours is quoted well");
    let mut finished = match caught(|| running.end(within)) {
        Ok(finished) => finished,
        Err(late) => return Ended { problem: Some(late), ..Ended::default() },
    };
    for resumed in 0..=RESUMES_MAX {
        let is_done = resumed > 0 && DONE_BEFORE.iter().any(|said| finished.stderr.contains(said));
        if finished.code == Some(code) || is_done {
            return Ended { stdout: finished.stdout, once: resumed == 0, problem: None };
        }
        let again = || NOT_BEGUN.iter().any(|said| finished.stderr.contains(said)).then(|| line[1..].to_vec());
        let Some(words) = printed(&finished).or_else(again) else { break };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match caught(|| site.throng_within(within, &words)) {
            Ok(again) => finished = again,
            Err(late) => return Ended { problem: Some(late), ..Ended::default() },
        }
    }
    let problem = format!("did not end rightly, nor print what resumes it: {finished}");
    Ended { stdout: finished.stdout, once: true, problem: Some(problem) }
}

/// The last command that a failed one printed, by its words.
fn printed(finished: &Finished) -> Option<Vec<String>> {
    let program = Build::Killable.program("throng").display().to_string();
    let line = finished.stderr.lines().rev().find_map(|line| line.split_once(&program))?.1.to_owned();
    let command = line.split('`').next().unwrap_or_default();
    // As a shell would: what a person copies must be one command again.
    shlex::split(command)
}
