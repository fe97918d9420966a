//! The kinds of mistakes, each with a stable name that scripts may rely on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares the codes once: the variant, its stable name, what it means.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $slug:literal),+ $(,)?) => {
        /// What kind of mistake a diagnostic is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $slug)] $variant),+
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable name, like `unknown-key`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $slug),+
                }
            }
        }
    };
}

codes! {
    /// The text is not TOML.
    Syntax = "syntax",
    /// A key that the format does not know.
    UnknownKey = "unknown-key",
    /// A key that must be there is not.
    MissingKey = "missing-key",
    /// A key that has no meaning beside the others.
    StrayKey = "stray-key",
    /// Of several keys exactly one must be given.
    ExactlyOne = "exactly-one",
    /// A text where a number belongs, and the like.
    WrongType = "wrong-type",
    /// A word that is not one of those allowed.
    UnknownValue = "unknown-value",
    /// A number that is too small or too large.
    OutOfRange = "out-of-range",
    /// Not a size like `64MiB`.
    BadSize = "bad-size",
    /// Not a duration like `30s`.
    BadDuration = "bad-duration",
    /// Not a selector like `10% of worker`.
    BadSelector = "bad-selector",
    /// Not a name.
    BadName = "bad-name",
    /// Not a rate like `40/s`.
    BadRate = "bad-rate",
    /// Not a percentage of nodes.
    BadQuorum = "bad-quorum",
    /// Not permissions in octal.
    BadMode = "bad-mode",
    /// Not a signal.
    BadSignal = "bad-signal",
    /// Not a range of ports, or one that cannot be used.
    BadPortRange = "bad-port-range",
    /// Not an address that nodes can listen on.
    BadAddress = "bad-address",
    /// Not a comparison like `>= 90`.
    BadComparison = "bad-comparison",
    /// Not an image's name.
    BadImage = "bad-image",
    /// Not a URL that can be fetched.
    BadUrl = "bad-url",
    /// Not a regular expression.
    BadRegex = "bad-regex",
    /// A regular expression without the groups that are needed.
    RegexWithoutGroup = "regex-without-group",
    /// Not a JSON pointer.
    BadJsonPointer = "bad-json-pointer",
    /// Not a user.
    BadUser = "bad-user",
    /// Not a kernel setting's name.
    BadSysctl = "bad-sysctl",
    /// A text with a NUL character.
    NulCharacter = "nul-character",
    /// An empty text where one is needed.
    EmptyText = "empty-text",
    /// An empty list where one is needed.
    EmptyList = "empty-list",
    /// A command without a program.
    EmptyCommand = "empty-command",
    /// A duration or size of nothing.
    Zero = "zero",
    /// Another format than 1.
    BadFormat = "bad-format",
    /// A scenario without roles, or without a node of any.
    NoRoles = "no-roles",
    /// A role that is not defined.
    UnknownRole = "unknown-role",
    /// Roles that wait for one another.
    RoleCycle = "role-cycle",
    /// A role that cannot be paired with the one that it names.
    BadPair = "bad-pair",
    /// A role whose name selectors take for all nodes.
    ReservedName = "reserved-name",
    /// A `seen` that asks a role which starts only after its own.
    SeenTooEarly = "seen-too-early",
    /// More nodes than one scenario may have.
    TooManyNodes = "too-many-nodes",
    /// A node's index beyond its role's count.
    IndexOutOfRange = "index-out-of-range",
    /// A selector of more nodes than its role ever has.
    TooFewNodes = "too-few-nodes",
    /// Something of a role's only node, where it has several.
    NeedsOneNode = "needs-one-node",
    /// A key that does not fit how the role runs.
    WrongRunKind = "wrong-run-kind",
    /// A container without an image.
    MissingImage = "missing-image",
    /// A process without a command.
    MissingCommand = "missing-command",
    /// Memory that cannot hold the ramdisks.
    MemoryTooSmall = "memory-too-small",
    /// A container without a memory limit.
    NoMemoryLimit = "no-memory-limit",
    /// A port that is not declared.
    UndefinedPort = "undefined-port",
    /// Ports derived from one another.
    PortCycle = "port-cycle",
    /// A derived port that lacks one of its two keys.
    IncompletePort = "incomplete-port",
    /// More ports than the pool holds.
    PortsDoNotFit = "ports-do-not-fit",
    /// A pool that overlaps the kernel's ephemeral ports.
    EphemeralPorts = "ephemeral-ports",
    /// A capability that Linux does not have.
    UnknownCapability = "unknown-capability",
    /// A capability that would hand the host to a container.
    ForbiddenCapability = "forbidden-capability",
    /// A process that shall run as somebody else than its caller.
    UserNotAllowed = "user-not-allowed",
    /// A path in a node that does not begin with `/`.
    NotAbsolute = "not-absolute",
    /// Two things at the same path in a node.
    DuplicatePath = "duplicate-path",
    /// A path that throng or the kernel needs.
    ReservedPath = "reserved-path",
    /// A path that leads out of the scenario's folder.
    PathEscapes = "path-escapes",
    /// A file that the scenario names and that is not there.
    MissingFile = "missing-file",
    /// Files that include one another.
    IncludeCycle = "include-cycle",
    /// An entry of `inputs` that is no pattern.
    BadPattern = "bad-pattern",
    /// A file with neither or both of its contents.
    FileContent = "file-content",
    /// A name that is given twice.
    DuplicateName = "duplicate-name",
    /// A placeholder that is malformed.
    BadPlaceholder = "bad-placeholder",
    /// A parameter that is not defined.
    UndefinedParam = "undefined-param",
    /// Parameters that refer to one another.
    ParamCycle = "param-cycle",
    /// Parameters that grow without bound.
    ParamTooLong = "param-too-long",
    /// A ramdisk that is not declared.
    UndefinedRamdisk = "undefined-ramdisk",
    /// A shared folder that is not declared.
    UndefinedShared = "undefined-shared",
    /// `{node.disk}` of a role without `disk`.
    NoDisk = "no-disk",
    /// `{saved.X}` before a step saved it.
    UndefinedSaved = "undefined-saved",
    /// A placeholder of a node where no node is meant.
    NoNodeHere = "no-node-here",
    /// A placeholder where none is filled in.
    PlaceholderNotHere = "placeholder-not-here",
    /// The caller's folder in a container, which cannot see it.
    ScenarioDirInContainer = "scenario-dir-in-container",
    /// A metric that is not defined.
    UnknownMetric = "unknown-metric",
    /// A step that does nothing.
    StepWithoutKind = "step-without-kind",
    /// A step that does two things.
    StepWithTwoKinds = "step-with-two-kinds",
    /// A step that does not say where.
    StepWithoutTarget = "step-without-target",
    /// A check that compares nothing.
    CheckWithoutComparison = "check-without-comparison",
    /// A step that waits for nothing known.
    BadWait = "bad-wait",
    /// A `scale` that leaves no node, or of no role.
    BadScale = "bad-scale",
    /// `always` without how long.
    AlwaysNeedsWithin = "always-needs-within",
    /// A known failure without its reason.
    MissingReason = "missing-reason",
    /// A probe that starts a program in each of very many nodes.
    ExecProbeForMany = "exec-probe-for-many",
    /// A `--set` that is not `key=value`, or whose key leads nowhere.
    BadSet = "bad-set",
    /// More mistakes than are shown.
    TooMany = "too-many",
}

impl Code {
    /// Whether it speaks of one value alone, so that it is true whatever else of the file could not be read.
    pub fn stands_alone(self) -> bool {
        matches!(
            self,
            Self::Syntax
                | Self::UnknownValue
                | Self::OutOfRange
                | Self::BadSize
                | Self::BadDuration
                | Self::BadSelector
                | Self::BadName
                | Self::BadRate
                | Self::BadQuorum
                | Self::BadMode
                | Self::BadSignal
                | Self::BadPortRange
                | Self::BadAddress
                | Self::BadSet
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
