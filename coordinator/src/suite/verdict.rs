//! What a test came to. Pure.
//!
//! INVALID and SUSPECT are not decided here: a failure's [`Cause`] says whether it may be a matter of lateness, which
//! is what [`crate::judgement`] starts from.

use throng_common::scenario::model::Expected;
use throng_common::verdict::Verdict;

use crate::report::model::{Cause, Part, StepReport};

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TestEnd {
    /// All that had to be run was run.
    Finished,
    /// Its time was over.
    TimedOut,
    /// The run was interrupted.
    Interrupted,
}

/// The verdict; none for a test that was interrupted before it failed.
///
/// A known failure is a failure of the test's own steps. One in setup or teardown, or a step that cannot be run at
/// all, is never what the scenario announced, so it fails the test whatever is expected.
pub(super) fn verdict(expected: Expected, end: TestEnd, steps: &[StepReport]) -> Option<Verdict> {
    let failed = |part: Part| steps.iter().any(|step| step.part == part && !step.held);
    let mistaken = steps.iter().any(is_mistaken);
    let around = failed(Part::Setup) || failed(Part::Teardown) || mistaken;
    let within = failed(Part::Step) || end == TestEnd::TimedOut;
    match (expected, around, within) {
        (_, true, _) | (Expected::Pass, false, true) => Some(Verdict::Fail),
        (Expected::Fail, false, true) => Some(Verdict::KnownFailure),
        (_, false, false) if end == TestEnd::Interrupted => None,
        (Expected::Pass, false, false) => Some(Verdict::Pass),
        (Expected::Fail, false, false) => Some(Verdict::UnexpectedPass),
    }
}

fn is_mistaken(step: &StepReport) -> bool {
    step.failures.iter().any(|failure| failure.cause == Cause::Mistake) || step.steps.iter().any(is_mistaken)
}

#[cfg(test)]
mod tests {
    use throng_common::status::UnixMillis;

    use super::*;
    use crate::report::model::Failure;

    fn step(part: Part, cause: Option<Cause>) -> StepReport {
        let failure =
            |cause| Failure { nodes: String::new(), count: 0, cause, message: "m".to_owned(), detail: String::new() };
        StepReport {
            part,
            number: "1".to_owned(),
            title: "exec".to_owned(),
            started_at: UnixMillis(0),
            took_millis: 0,
            attempts: 1,
            repetitions: 1,
            nodes: 1,
            held: cause.is_none(),
            failures: cause.map(failure).into_iter().collect(),
            notes: Vec::new(),
            artefacts: Vec::new(),
            recorded: Vec::new(),
            steps: Vec::new(),
        }
    }

    #[test]
    fn verdicts_follow_from_where_and_how_a_test_failed() {
        use Part::{Setup, Step, Teardown};
        let wrong = Some(Cause::WrongValue);
        let cases = [
            (Expected::Pass, TestEnd::Finished, Step, None, Some(Verdict::Pass)),
            (Expected::Pass, TestEnd::Finished, Step, wrong, Some(Verdict::Fail)),
            (Expected::Pass, TestEnd::Finished, Teardown, wrong, Some(Verdict::Fail)),
            (Expected::Pass, TestEnd::TimedOut, Step, None, Some(Verdict::Fail)),
            (Expected::Pass, TestEnd::Interrupted, Step, None, None),
            (Expected::Pass, TestEnd::Interrupted, Step, wrong, Some(Verdict::Fail)),
            (Expected::Fail, TestEnd::Finished, Step, None, Some(Verdict::UnexpectedPass)),
            (Expected::Fail, TestEnd::Finished, Step, wrong, Some(Verdict::KnownFailure)),
            (Expected::Fail, TestEnd::TimedOut, Step, None, Some(Verdict::KnownFailure)),
            (Expected::Fail, TestEnd::Finished, Setup, wrong, Some(Verdict::Fail)),
            (Expected::Fail, TestEnd::Finished, Teardown, wrong, Some(Verdict::Fail)),
            (Expected::Fail, TestEnd::Finished, Step, Some(Cause::Mistake), Some(Verdict::Fail)),
            (Expected::Fail, TestEnd::Interrupted, Step, None, None),
        ];
        for (expected, end, part, cause, judged) in cases {
            assert_eq!(verdict(expected, end, &[step(part, cause)]), judged, "{expected:?} {end:?} {part:?} {cause:?}");
        }
    }
}
