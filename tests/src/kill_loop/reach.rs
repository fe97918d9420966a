//! Which operation comes by which point, and how often at least. A new point does not compile without its row.

use throng_failpoints::Point;

/// What is going on while a daemon dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Operation {
    /// A second cluster is brought up.
    Up,
    /// It is brought up, and that is broken off.
    Abort,
    /// It is taken down.
    Down,
    /// It is brought up, tested and taken down in one go.
    Run,
    /// The first cluster gets more workers.
    Grow,
    /// It gets fewer.
    Shrink,
    /// A command runs in all of its workers.
    Exec,
    /// Its tests run; one of them restarts a worker, and kills it.
    Test,
    /// A worker of it begins anew.
    Restart,
    /// Three of its workers begin anew, two of them down at the most.
    Roll,
    /// What the second cluster has written is wiped, and it begins anew.
    Reset,
    /// The second cluster is changed to another scenario, node by node.
    Update,
    /// The daemon itself begins.
    Begin,
    /// The agent joins the fleet anew, for its certificate is lost.
    Join,
    /// The agent begins without its ledger, which is lost.
    Lose,
    /// The agent begins with what another fleet wanted in its ledger.
    Estrange,
    /// Somebody is given a certificate.
    Admit,
    /// Somebody's certificates are withdrawn.
    Dismiss,
}

/// How a point is come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// By any of these.
    pub(crate) operations: &'static [Operation],
    /// At least so often by each of them.
    times: u32,
    /// But only so often by this one.
    less: Option<(Operation, u32)>,
}

impl Operation {
    /// Whether it is a daemon's own beginning: nothing goes on before it runs.
    pub(crate) const fn is_beginning(self) -> bool {
        matches!(self, Self::Begin | Self::Join | Self::Lose | Self::Estrange)
    }
}

impl Reach {
    const fn but(self, operation: Operation, times: u32) -> Self {
        Self { less: Some((operation, times)), ..self }
    }

    /// How often it is come by at least.
    pub(crate) fn times(self, operation: Operation) -> u32 {
        self.less.filter(|(less, _)| *less == operation).map_or(self.times, |(_, times)| times)
    }
}

const fn by(operations: &'static [Operation]) -> Reach {
    often(operations, 1)
}

const fn often(operations: &'static [Operation], times: u32) -> Reach {
    Reach { operations, times, less: None }
}

/// What is asked of the coordinator, and changes what is desired.
const CHANGES: &[Operation] = &[
    Operation::Up,
    Operation::Down,
    Operation::Run,
    Operation::Grow,
    Operation::Shrink,
    Operation::Test,
    Operation::Restart,
    Operation::Roll,
    Operation::Reset,
    Operation::Update,
];

/// How this point is come by.
#[expect(clippy::match_same_arms, reason = "a table: rows stand beside those of their kind, not of their value")]
pub(crate) fn reach(point: Point) -> Reach {
    use Operation::{
        Abort, Admit, Begin, Dismiss, Down, Estrange, Exec, Grow, Join, Lose, Reset, Restart, Roll, Run, Shrink, Test,
        Up, Update,
    };
    use Point as P;
    match point {
        P::LedgerSpecWriting | P::LedgerSpecWritten => by(CHANGES),
        P::LedgerSysctlWriting | P::LedgerSysctlWritten => often(&[Up, Down, Run], 4).but(Down, 2),
        P::SysctlRaised => often(&[Up, Down, Run], 2).but(Down, 1),
        P::SysctlsApplied | P::HostSettled => by(&[Up, Down, Run, Grow, Shrink]),
        P::LedgerSysctlForgetting | P::LedgerSysctlForgotten | P::SysctlRestored => often(&[Down, Run], 2),
        P::LedgerAddressesWriting | P::LedgerAddressesWritten | P::AddressChanged => by(&[Up, Down, Run]),
        P::LedgerNodeWriting | P::LedgerNodeWritten => often(&[Up, Run, Grow, Reset], 2),
        P::LedgerSpecForgetting | P::LedgerSpecForgotten => by(&[Estrange]),
        P::LedgerFoundWriting | P::LedgerFoundWritten => by(&[Lose]),
        P::LedgerStopWriting | P::LedgerStopWritten => often(&[Update], 2),
        P::LedgerNodeForgetting | P::LedgerNodeForgotten => often(&[Down, Run, Shrink], 3),
        P::HostsPadded | P::HostsWritten => often(&[Up, Run, Grow, Shrink], 2),
        P::ReleasedNames | P::ReleasedGroups | P::ReleasedFolders => by(&[Down, Run]),
        P::NodeFoldersMade | P::NodeFilesWritten | P::RamdisksVerified | P::PortsProbed => {
            often(&[Up, Run, Grow, Reset], 2)
        }
        P::SharedMade => often(&[Up, Run, Reset], 2),
        P::RamdiskMounted => often(&[Up, Run, Grow, Reset], 2),
        P::ImageEnsured | P::CreateSent | P::CreateAnswered => often(&[Up, Run, Grow, Reset], 2),
        P::StartSent | P::StartAnswered => often(&[Up, Run, Grow, Roll, Reset], 2),
        P::PrepareCreated => often(&[Up, Run, Reset], 3),
        P::PrepareEnded | P::PrepareMarked => often(&[Up, Run, Reset], 4),
        P::ProcessGroupsMade | P::ShimSpecWritten | P::ShimLeft => often(&[Up, Run, Reset], 2),
        P::ProcessRuns => often(&[Up, Run, Reset], 2),
        P::NodeReady => often(&[Up, Run, Grow, Roll, Reset], 2),
        P::EventsSending | P::EventsSent => often(&[Up, Down, Run, Grow, Shrink], 3),
        P::StopSent | P::ContainerAsked | P::ContainerWaited => often(&[Down, Run, Shrink, Roll, Reset], 3),
        P::ContainerEnded => often(&[Down, Run, Shrink, Roll, Reset], 3),
        P::ProcessAsked | P::ProcessEnded => often(&[Down, Run, Reset], 2),
        P::RemoveSent | P::ContainerRemoved | P::RamdiskUnmounted => often(&[Down, Run, Shrink, Reset], 3),
        P::RamdisksGone | P::NodeGroupsRemoved | P::NodeFoldersRemoved => often(&[Down, Run, Shrink, Reset], 3),
        P::ExecBeginning | P::ExecEnded => often(&[Exec, Test], 10),
        P::SignalSending | P::Signalled => by(&[Test]),
        P::ImageImported => by(&[Up, Run]),
        P::Audited => by(&[Down, Run]),
        P::IdentityObtained | P::IdentitySaved => by(&[Begin, Join]),
        P::LookedAtAll | P::Greeted => by(&[Begin]),
        P::JournalLifeWriting | P::JournalLifeWritten | P::SessionBegun => by(&[Begin]),
        P::JournalClusterWriting | P::JournalClusterWritten => by(CHANGES),
        P::JournalClusterForgetting | P::JournalClusterForgotten => by(&[Down, Run]),
        P::JournalGenerationWriting | P::JournalGenerationWritten => by(CHANGES),
        P::HostTelling | P::HostTold => by(CHANGES),
        P::JournalRunWriting | P::JournalRunWritten => by(&[Run, Test]),
        P::JournalEventsWriting | P::JournalEventsWritten => often(&[Up, Run], 3),
        P::JournalOperationWriting | P::JournalOperationWritten => by(CHANGES),
        P::JournalCancelWriting | P::JournalCancelWritten => by(&[Abort]),
        P::JournalOperationForgetting | P::JournalOperationForgotten => by(CHANGES),
        P::JournalTokenWriting | P::JournalTokenWritten | P::JournalTokenSpent => by(&[Join]),
        P::JournalHostWriting | P::JournalHostWritten => by(&[Join]),
        P::JournalGenerationRaising | P::JournalGenerationRaised => by(&[Begin]),
        P::JournalOperatorWriting | P::JournalOperatorWritten => by(&[Admit]),
        P::JournalOperatorForgetting | P::JournalOperatorForgotten => by(&[Dismiss]),
        P::OperationBegun => by(CHANGES),
        P::ImagesSent | P::BundleWritten => by(&[Up, Run]),
        P::NodePrepared => by(&[Up, Run, Reset]),
        P::WaveTold | P::WaveUp => often(&[Up, Run, Reset], 2),
        P::TurnTold | P::TurnUp => by(&[Restart, Roll, Update]),
        P::ResetWiped => by(&[Reset]),
        P::ScalePlanned | P::ScaleTold => by(&[Grow, Shrink]),
        P::DownTold | P::DownSettled | P::DownAudited => by(&[Down, Run]),
        P::RunDrafted => by(&[Run]),
        P::RunFolderMade | P::RunTested | P::ReportWritten => by(&[Run, Test]),
        P::NodeOutcome => often(&[Exec, Test], 10),
    }
}
