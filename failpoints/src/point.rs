//! The places at which a daemon can be killed.
//!
//! A point is named for what has just happened, unless its name says that something is under way (`-sent`, `-writing`).

use crate::listed::listed;

listed! {
    /// A place in a daemon's code.
    Point {
        // The agent's ledger: before each write, and once it is on disk.
        /// A desired state was taken, and is not in the ledger yet.
        LedgerSpecWriting = "agent.ledger-spec-writing",
        /// The desired state is in the ledger.
        LedgerSpecWritten = "agent.ledger-spec-written",
        /// The desired state of another fleet is about to be forgotten.
        LedgerSpecForgetting = "agent.ledger-spec-forgetting",
        /// The desired state of another fleet was forgotten.
        LedgerSpecForgotten = "agent.ledger-spec-forgotten",
        /// A setting's original is about to be recorded.
        LedgerSysctlWriting = "agent.ledger-sysctl-writing",
        /// A setting's original is in the ledger.
        LedgerSysctlWritten = "agent.ledger-sysctl-written",
        /// A setting was put back and is still in the ledger.
        LedgerSysctlForgetting = "agent.ledger-sysctl-forgetting",
        /// A setting is no longer in the ledger.
        LedgerSysctlForgotten = "agent.ledger-sysctl-forgotten",
        /// Addresses are about to be recorded.
        LedgerAddressesWriting = "agent.ledger-addresses-writing",
        /// Addresses are in the ledger.
        LedgerAddressesWritten = "agent.ledger-addresses-written",
        /// A node runs and is not in the ledger yet.
        LedgerNodeWriting = "agent.ledger-node-writing",
        /// A node that runs is in the ledger.
        LedgerNodeWritten = "agent.ledger-node-written",
        /// Nodes that were found running and of which nothing is recorded are about to be.
        LedgerFoundWriting = "agent.ledger-found-writing",
        /// Nodes that were found running are in the ledger.
        LedgerFoundWritten = "agent.ledger-found-written",
        /// A node that runs on is to be stopped in another way from now on; the ledger does not know it yet.
        LedgerStopWriting = "agent.ledger-stop-writing",
        /// The ledger knows how a node is to be stopped from now on.
        LedgerStopWritten = "agent.ledger-stop-written",
        /// Nothing of a node is left but its record.
        LedgerNodeForgetting = "agent.ledger-node-forgetting",
        /// A node's record is gone.
        LedgerNodeForgotten = "agent.ledger-node-forgotten",

        // The agent's work on the host as a whole.
        /// A setting was raised in the kernel.
        SysctlRaised = "agent.sysctl-raised",
        /// A setting was put back in the kernel.
        SysctlRestored = "agent.sysctl-restored",
        /// All settings were worked on; the ledger is not up to them yet.
        SysctlsApplied = "agent.sysctls-applied",
        /// An address was added to or removed from `lo`.
        AddressChanged = "agent.address-changed",
        /// A hosts file has its new text, and what is left of a longer old one as empty lines.
        HostsPadded = "agent.hosts-padded",
        /// A hosts file was written.
        HostsWritten = "agent.hosts-written",
        /// The block of a cluster that is gone was taken out of the hosts file.
        ReleasedNames = "agent.released-names",
        /// The control groups of a cluster that is gone were removed.
        ReleasedGroups = "agent.released-groups",
        /// The folders of a cluster that is gone were removed.
        ReleasedFolders = "agent.released-folders",
        /// The host has its settings, and nobody was told.
        HostSettled = "agent.host-settled",

        // The start of a node.
        /// A node's folders are there.
        NodeFoldersMade = "agent.node-folders-made",
        /// A folder that nodes share was made, and is not theirs yet.
        SharedMade = "agent.shared-made",
        /// A node's files are written.
        NodeFilesWritten = "agent.node-files-written",
        /// One ramdisk was mounted.
        RamdiskMounted = "agent.ramdisk-mounted",
        /// A node's ramdisks were verified.
        RamdisksVerified = "agent.ramdisks-verified",
        /// A node's ports are free.
        PortsProbed = "agent.ports-probed",
        /// A node's image is there.
        ImageEnsured = "agent.image-ensured",
        /// A container's prepare container was created.
        PrepareCreated = "agent.prepare-created",
        /// A prepare command has ended well, and nothing says so yet.
        PrepareEnded = "agent.prepare-ended",
        /// The mark of a prepare command is there.
        PrepareMarked = "agent.prepare-marked",
        /// The engine was asked to create a container and has not answered.
        CreateSent = "agent.create-sent",
        /// The engine has created a container.
        CreateAnswered = "agent.create-answered",
        /// The engine was asked to start a container and has not answered.
        StartSent = "agent.start-sent",
        /// The engine has started a container.
        StartAnswered = "agent.start-answered",
        /// A process node's control groups are there.
        ProcessGroupsMade = "agent.process-groups-made",
        /// A shim's specification is written.
        ShimSpecWritten = "agent.shim-spec-written",
        /// A shim was left behind.
        ShimLeft = "agent.shim-left",
        /// A process node's program runs.
        ProcessRuns = "agent.process-runs",
        /// A node answered its probe, and nobody was told.
        NodeReady = "agent.node-ready",
        /// What happened is about to be told.
        EventsSending = "agent.events-sending",
        /// What happened was told.
        EventsSent = "agent.events-sent",

        // The end of a node.
        /// A container is being sent its signal.
        StopSent = "agent.stop-sent",
        /// A container was asked to end.
        ContainerAsked = "agent.container-asked",
        /// A container has ended, or its time is over.
        ContainerWaited = "agent.container-waited",
        /// The engine says that a container has ended.
        ContainerEnded = "agent.container-ended",
        /// A process node was asked to end.
        ProcessAsked = "agent.process-asked",
        /// A process node has ended, and all that it started.
        ProcessEnded = "agent.process-ended",
        /// The engine was asked to remove a container and has not answered.
        RemoveSent = "agent.remove-sent",
        /// A container was removed.
        ContainerRemoved = "agent.container-removed",
        /// One ramdisk was unmounted.
        RamdiskUnmounted = "agent.ramdisk-unmounted",
        /// A node's ramdisks are unmounted.
        RamdisksGone = "agent.ramdisks-gone",
        /// A node's control groups are removed.
        NodeGroupsRemoved = "agent.node-groups-removed",
        /// A node's folders are removed.
        NodeFoldersRemoved = "agent.node-folders-removed",

        // What the agent is asked, and its own beginning.
        /// A command is about to run in a node.
        ExecBeginning = "agent.exec-beginning",
        /// A command in a node has ended, and nobody was told.
        ExecEnded = "agent.exec-ended",
        /// A node is about to be sent a signal.
        SignalSending = "agent.signal-sending",
        /// A node was sent a signal, and nobody was told.
        Signalled = "agent.signalled",
        /// An image was imported, and nobody was told.
        ImageImported = "agent.image-imported",
        /// The host was audited, and nobody was told.
        Audited = "agent.audited",
        /// The agent has a certificate that is not on disk yet.
        IdentityObtained = "agent.identity-obtained",
        /// The agent's certificate is on disk.
        IdentitySaved = "agent.identity-saved",
        /// The agent has looked at everything that runs, and done nothing about it yet.
        LookedAtAll = "agent.looked-at-all",
        /// The coordinator said hello.
        Greeted = "agent.greeted",

        // The coordinator's journal: before each write, and once it is on disk.
        /// A life of the coordinator is about to be counted.
        JournalLifeWriting = "coordinator.journal-life-writing",
        /// A life of the coordinator was counted.
        JournalLifeWritten = "coordinator.journal-life-written",
        /// A cluster is about to be written.
        JournalClusterWriting = "coordinator.journal-cluster-writing",
        /// A cluster was written.
        JournalClusterWritten = "coordinator.journal-cluster-written",
        /// A cluster of which nothing is left is about to be forgotten.
        JournalClusterForgetting = "coordinator.journal-cluster-forgetting",
        /// A cluster was forgotten.
        JournalClusterForgotten = "coordinator.journal-cluster-forgotten",
        /// A host's generation is about to be raised.
        JournalGenerationWriting = "coordinator.journal-generation-writing",
        /// A host's generation was raised.
        JournalGenerationWritten = "coordinator.journal-generation-written",
        /// A run is about to be written.
        JournalRunWriting = "coordinator.journal-run-writing",
        /// A run was written.
        JournalRunWritten = "coordinator.journal-run-written",
        /// Events are about to be appended.
        JournalEventsWriting = "coordinator.journal-events-writing",
        /// Events were appended.
        JournalEventsWritten = "coordinator.journal-events-written",
        /// An operation is about to be written.
        JournalOperationWriting = "coordinator.journal-operation-writing",
        /// An operation was written.
        JournalOperationWritten = "coordinator.journal-operation-written",
        /// That an operation is to stop is about to be written.
        JournalCancelWriting = "coordinator.journal-cancel-writing",
        /// That an operation is to stop was written.
        JournalCancelWritten = "coordinator.journal-cancel-written",
        /// An operation that has ended is about to be forgotten.
        JournalOperationForgetting = "coordinator.journal-operation-forgetting",
        /// An operation that has ended was forgotten.
        JournalOperationForgotten = "coordinator.journal-operation-forgotten",
        /// A join token is about to be kept.
        JournalTokenWriting = "coordinator.journal-token-writing",
        /// A join token was kept.
        JournalTokenWritten = "coordinator.journal-token-written",
        /// A join token was used, and there is no certificate for it yet.
        JournalTokenSpent = "coordinator.journal-token-spent",
        /// A host is about to be remembered with its certificate.
        JournalHostWriting = "coordinator.journal-host-writing",
        /// A host was remembered; its agent does not have its certificate yet.
        JournalHostWritten = "coordinator.journal-host-written",
        /// The generation that a host's agent holds is about to be taken over.
        JournalGenerationRaising = "coordinator.journal-generation-raising",
        /// The journal's generation is at least the agent's.
        JournalGenerationRaised = "coordinator.journal-generation-raised",
        /// An operator's certificate was made, and is not in the journal.
        JournalOperatorWriting = "coordinator.journal-operator-writing",
        /// An operator's certificate is in the journal; its holder does not have it yet.
        JournalOperatorWritten = "coordinator.journal-operator-written",
        /// An operator's certificates are about to be withdrawn.
        JournalOperatorForgetting = "coordinator.journal-operator-forgetting",
        /// An operator's certificates are no longer in the journal.
        JournalOperatorForgotten = "coordinator.journal-operator-forgotten",

        // The coordinator's operations.
        /// An operation has begun, and whoever asked for it does not know its name yet.
        OperationBegun = "coordinator.operation-begun",
        /// The images are with the hosts.
        ImagesSent = "coordinator.images-sent",
        /// A cluster's files are in the state directory.
        BundleWritten = "coordinator.bundle-written",
        /// A host has a generation that it is not told yet.
        HostTelling = "coordinator.host-telling",
        /// A host took its desired state.
        HostTold = "coordinator.host-told",
        /// The hosts know of a wave.
        WaveTold = "coordinator.wave-told",
        /// A node runs that was prepared for others, and they are not told.
        NodePrepared = "coordinator.node-prepared",
        /// A wave is up.
        WaveUp = "coordinator.wave-up",
        /// New counts are planned, and nowhere on disk.
        ScalePlanned = "coordinator.scale-planned",
        /// The hosts know new counts.
        ScaleTold = "coordinator.scale-told",
        /// The hosts know of nodes that begin anew, one bounded turn of them.
        TurnTold = "coordinator.turn-told",
        /// A node that began anew is up again, and nobody was told.
        TurnUp = "coordinator.turn-up",
        /// Everything that a cluster's nodes had written is gone, and none is started yet.
        ResetWiped = "coordinator.reset-wiped",
        /// The hosts know of a teardown.
        DownTold = "coordinator.down-told",
        /// The hosts have taken everything down.
        DownSettled = "coordinator.down-settled",
        /// The hosts are audited.
        DownAudited = "coordinator.down-audited",
        /// A run's folder is there, and nothing else of it.
        RunFolderMade = "coordinator.run-folder-made",
        /// A run's tests have ended.
        RunTested = "coordinator.run-tested",
        /// What a run came to is written down, and its cluster still there.
        RunDrafted = "coordinator.run-drafted",
        /// A run's report is written.
        ReportWritten = "coordinator.report-written",
        /// A node's outcome of a command came from its host.
        NodeOutcome = "coordinator.node-outcome",
        /// A host's agent is connected, and was told nothing.
        SessionBegun = "coordinator.session-begun",
    }
}
