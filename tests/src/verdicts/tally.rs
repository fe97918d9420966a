//! What was judged, against what was right.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The verdicts, as reports have them.
const VERDICTS: [&str; 4] = ["pass", "fail", "invalid", "suspect"];
/// So many cases must have been judged for the result to mean anything, and so many of each verdict.
const JUDGED_MIN: u32 = 40;
const EACH_MIN: u32 = 10;

/// What was judged, against what was right.
#[derive(Debug, Default)]
pub struct Tally {
    counts: BTreeMap<(&'static str, String), u32>,
    wrong: Vec<String>,
    disturbed: Vec<String>,
    not_run: u32,
}

impl Tally {
    pub(super) fn judged(&mut self, right: &'static str, judged: &str, story: impl FnOnce() -> String) {
        *self.counts.entry((right, judged.to_owned())).or_default() += 1;
        if right != judged {
            self.wrong.push(story());
        }
    }

    pub(super) fn disturbed(&mut self, story: String) {
        self.disturbed.push(story);
    }

    pub(super) fn not_run(&mut self, count: usize) {
        self.not_run += u32::try_from(count).unwrap_or(u32::MAX);
    }

    fn count(&self) -> u32 {
        self.counts.values().sum()
    }

    /// Whether enough was judged, of each verdict too, and all of it rightly.
    pub fn is_good(&self) -> bool {
        let enough = VERDICTS.iter().all(|verdict| {
            let of_it = self.counts.iter().filter(|((right, _), _)| right == verdict);
            of_it.map(|(_, count)| count).sum::<u32>() >= EACH_MIN
        });
        self.wrong.is_empty() && self.count() >= JUDGED_MIN && enough
    }

    /// The matrix, and what went wrong.
    pub fn text(&self) -> String {
        let mut text = format!("{:>18}", "right \\ judged");
        for verdict in VERDICTS {
            let _ = write!(text, "{verdict:>9}");
        }
        for right in VERDICTS {
            let _ = write!(text, "\n{right:>18}");
            for judged in VERDICTS {
                let _ = write!(text, "{:>9}", self.counts.get(&(right, judged.to_owned())).copied().unwrap_or(0));
            }
        }
        for (heading, stories) in [("wrong", &self.wrong), ("disturbed by others at work here", &self.disturbed)] {
            for story in stories {
                let _ = write!(text, "\n{heading}: {story}");
            }
        }
        let wrong = u32::try_from(self.wrong.len()).unwrap_or(u32::MAX);
        let (right, disturbed) = (self.count() - wrong, self.disturbed.len());
        let _ = write!(text, "\n{right} right, {wrong} wrong, {disturbed} disturbed, {} not run", self.not_run);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_verdict_or_too_few_of_one_are_no_success() {
        let mut tally = Tally::default();
        for right in VERDICTS {
            for _ in 0..EACH_MIN {
                assert!(!tally.is_good(), "too few");
                tally.judged(right, right, String::new);
            }
        }
        assert!(tally.is_good());
        tally.judged("fail", "invalid", || "a bug was waved through".to_owned());
        assert!(!tally.is_good() && tally.text().contains("a bug was waved through"), "{}", tally.text());
        assert!(tally.text().ends_with("40 right, 1 wrong, 0 disturbed, 0 not run"), "{}", tally.text());
    }
}
