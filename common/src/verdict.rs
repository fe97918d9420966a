//! What a test came to.

use serde::{Deserialize, Serialize};

/// What a test came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It held.
    Pass,
    /// It failed as the scenario says it would.
    KnownFailure,
    /// Its failure coincides with pressure that the nodes made themselves.
    Suspect,
    /// Its failure coincides with pressure that the nodes did not make: says nothing of the system under test.
    Invalid,
    /// It did not hold.
    Fail,
    /// It held although the scenario says that it fails.
    UnexpectedPass,
}

impl Verdict {
    /// The word in tables and reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::KnownFailure => "KNOWN FAILURE",
            Self::Suspect => "SUSPECT",
            Self::Invalid => "INVALID",
            Self::Fail => "FAIL",
            Self::UnexpectedPass => "UNEXPECTED PASS",
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.word())
    }
}

/// How a command of `throng` ended. Only `main` turns it into the process's exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything passed.
    Pass,
    /// A test or a check failed, or passed unexpectedly.
    Failed,
    /// The command line or the scenario is wrong, or the plan does not fit.
    Usage,
    /// The environment, not the system under test: INVALID or SUSPECT.
    Environment,
    /// Budget or lease.
    Budget,
    /// Something was left behind by a teardown.
    Residue,
    /// Hosts or nodes could not be had, or the quorum was not met.
    Quorum,
    /// Interrupted by the operator.
    Interrupted,
}

impl Outcome {
    /// The exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Budget => 4,
            Self::Residue => 5,
            Self::Quorum => 6,
            Self::Interrupted => 130,
        }
    }

    /// How loud it is: of several outcomes at once, the loudest counts (5 over 6 over 1 over 3 over 0).
    const fn rank(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Environment => 1,
            Self::Failed => 2,
            Self::Budget => 3,
            Self::Quorum => 4,
            Self::Usage => 5,
            Self::Interrupted => 6,
            Self::Residue => 7,
        }
    }

    /// The louder of the two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass | Verdict::KnownFailure => Self::Pass,
            Verdict::Suspect | Verdict::Invalid => Self::Environment,
            Verdict::Fail | Verdict::UnexpectedPass => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_outcomes_the_loudest_counts() {
        use Outcome::{Environment, Failed, Pass, Quorum, Residue};
        for (outcomes, loudest) in [
            (vec![Pass, Environment], Environment),
            (vec![Environment, Failed, Pass], Failed),
            (vec![Failed, Quorum], Quorum),
            (vec![Residue, Quorum, Failed], Residue),
        ] {
            assert_eq!(outcomes.into_iter().fold(Pass, Outcome::and), loudest);
        }
    }
}
