//! What a whole run amounts to. Pure.

use throng_common::verdict::Outcome;

use super::model::{Ending, NotRun, Teardown, TestReport, WhyNotRun};

/// Of everything that a run came to, the loudest: 5 over 6 over 1 over 3 over 0.
pub fn outcome(tests: &[TestReport], not_run: &[NotRun], ending: &Ending, teardown: &Teardown) -> Outcome {
    let verdicts = tests.iter().filter_map(|test| test.verdict).map(Outcome::from);
    let skipped = not_run.iter().map(|test| match test.why {
        WhyNotRun::Filtered => Outcome::Pass,
        WhyNotRun::Interrupted => Outcome::Interrupted,
        WhyNotRun::NoCluster => Outcome::Quorum,
        WhyNotRun::LeftOff => Outcome::Environment,
    });
    let interrupted = tests.iter().any(|test| test.verdict.is_none());
    let broken_off = if interrupted { Outcome::Interrupted } else { Outcome::Pass };
    let ended = match ending {
        Ending::Completed => Outcome::Pass,
        Ending::Interrupted => Outcome::Interrupted,
        Ending::QuorumNotMet { .. } | Ending::Broken { .. } => Outcome::Quorum,
        Ending::LeftOff { .. } => Outcome::Environment,
    };
    // An audit that could not be done proves nothing gone: as loud as residue.
    let left = match teardown {
        Teardown::Clean | Teardown::Kept { .. } => Outcome::Pass,
        Teardown::Residue { .. } | Teardown::Unknown { .. } => Outcome::Residue,
    };
    verdicts.chain(skipped).fold(broken_off.and(ended).and(left), Outcome::and)
}

#[cfg(test)]
mod tests {
    use throng_common::status::UnixMillis;
    use throng_common::verdict::Verdict;

    use super::*;

    fn test(verdict: Option<Verdict>) -> TestReport {
        TestReport {
            name: "a claim".to_owned(),
            verdict,
            evidence: String::new(),
            known_failure: None,
            started_at: UnixMillis(0),
            took_millis: 1,
            repetitions: 1,
            steps: Vec::new(),
            ended_by: String::new(),
            artefacts: Vec::new(),
        }
    }

    fn residue() -> Teardown {
        Teardown::Unknown { detail: "the agent is gone".to_owned() }
    }

    #[test]
    fn the_loudest_of_all_that_happened_is_the_outcome() {
        let quorum = Ending::QuorumNotMet { detail: "90 of 100".to_owned() };
        let cases = [
            (vec![], Ending::Completed, Teardown::Clean, 0),
            (vec![Some(Verdict::Pass), Some(Verdict::KnownFailure)], Ending::Completed, Teardown::Clean, 0),
            (vec![Some(Verdict::Pass), Some(Verdict::Invalid)], Ending::Completed, Teardown::Clean, 3),
            (vec![Some(Verdict::Suspect), Some(Verdict::Fail)], Ending::Completed, Teardown::Clean, 1),
            (vec![Some(Verdict::UnexpectedPass)], Ending::Completed, Teardown::Clean, 1),
            (vec![Some(Verdict::Fail)], quorum.clone(), Teardown::Clean, 6),
            (vec![Some(Verdict::Fail)], quorum, residue(), 5),
            (vec![Some(Verdict::Pass)], Ending::Interrupted, Teardown::Clean, 130),
            (vec![None], Ending::Completed, Teardown::Clean, 130),
            (vec![None], Ending::Interrupted, residue(), 5),
        ];
        for (verdicts, ending, teardown, code) in cases {
            let tests: Vec<TestReport> = verdicts.into_iter().map(test).collect();
            assert_eq!(outcome(&tests, &[], &ending, &teardown).exit_code(), code, "{tests:?} {ending:?} {teardown:?}");
        }
    }

    #[test]
    fn a_test_left_out_by_the_operator_changes_nothing_and_one_cut_off_does() {
        let not_run = |why| [NotRun { name: "a claim".to_owned(), why }];
        let of = |why| outcome(&[], &not_run(why), &Ending::Completed, &Teardown::Clean);
        assert_eq!(of(WhyNotRun::Filtered), Outcome::Pass);
        assert_eq!(of(WhyNotRun::Interrupted), Outcome::Interrupted);
        assert_eq!(of(WhyNotRun::NoCluster), Outcome::Quorum);
    }
}
