//! Faults of throng's own that a test may plant, to see that its checks find them.
//!
//! Each is one thing left out, done twice or done to the wrong one, as a mistake in the code would have it.

use crate::listed::listed;

listed! {
    /// A fault of a daemon.
    Fault {
        // What is not taken away.
        /// A ramdisk that is no longer wanted stays mounted.
        SkipUnmount = "agent.skip-unmount",
        /// A node's container is not removed, and said to be.
        SkipContainerRemoval = "agent.skip-container-removal",
        /// The container of a prepare command is not removed.
        SkipPrepareRemoval = "agent.skip-prepare-removal",
        /// A process node is not ended, and said to be.
        SkipProcessEnd = "agent.skip-process-end",
        /// Process nodes run outside of their control groups: what they start outlives them.
        SkipGroups = "agent.skip-groups",
        /// Control groups of nodes and clusters stay.
        SkipGroupRemoval = "agent.skip-group-removal",
        /// Folders on disk stay.
        SkipDiskRemoval = "agent.skip-disk-removal",
        /// The names of a cluster that is gone stay in the hosts file.
        SkipNamesRemoval = "agent.skip-names-removal",
        /// An address that is no longer wanted stays.
        SkipAddressRemoval = "agent.skip-address-removal",
        /// A kernel setting is not put back.
        SkipSettingRestore = "agent.skip-setting-restore",
        /// Reserved ports are not given back.
        SkipPortsRelease = "agent.skip-ports-release",

        // What is not written down.
        /// The original of a kernel setting is not written down.
        SkipSettingRecord = "agent.skip-setting-record",
        /// The record of a kernel setting that was put back stays.
        SkipSettingForget = "agent.skip-setting-forget",
        /// A node that was started is not written down.
        SkipNodeRecord = "agent.skip-node-record",
        /// A cluster is not written down.
        SkipClusterRecord = "coordinator.skip-cluster-record",
        /// Events are not written down.
        SkipEventsRecord = "coordinator.skip-events-record",

        // What is done wrongly.
        /// A node's container is started, and another one like it.
        StartTwice = "agent.start-twice",
        /// A ramdisk is mounted, and another one over it.
        MountTwice = "agent.mount-twice",
        /// A ramdisk gets twice the size that was asked for.
        MountLarger = "agent.mount-larger",
        /// A command runs twice in a node.
        ExecTwice = "agent.exec-twice",
        /// The outcome of a command in a node is lost.
        LoseOutcome = "agent.lose-outcome",
        /// A desired state is taken although a newer one is held.
        TakeOlder = "agent.take-older",
        /// Containers are made for a desired state of long ago.
        MakeForOlder = "agent.make-for-older",
        /// A scaling restarts a node that stays.
        RestartOnScale = "coordinator.restart-on-scale",
        /// A host is told what it was told before, once more and late. Harmless alone: the agent refuses it.
        RepeatOlder = "coordinator.repeat-older",

        // What is told wrongly.
        /// A node's end is not noticed: it counts as ready.
        MissEnd = "agent.miss-end",
        /// A node's ready is believed without asking it.
        SkipProbe = "agent.skip-probe",
        /// Of a node that is started again nobody is told.
        LoseEvent = "agent.lose-event",

        // What is somebody else's. Each touches what tests plant and nothing else: they run on people's machines.
        /// A container of another fleet is removed as one of ours that nobody wants.
        TakeForeignContainer = "agent.take-foreign-container",
        /// A mount that only looks like ours is unmounted.
        TakeForeignMount = "agent.take-foreign-mount",
        /// A line of the hosts file that is not ours is dropped.
        TakeForeignName = "agent.take-foreign-name",
        /// A port that somebody else reserved is given back.
        TakeForeignPort = "agent.take-foreign-port",
    }
}
