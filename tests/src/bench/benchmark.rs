//! What can be measured.

use std::fmt;
use std::str::FromStr;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Benchmark {
    /// A cluster brought up and taken down with a coordinator that runs already, and what that costs in CPU time.
    UpDown,
    /// A cluster brought up from nothing: coordinator and agent are started too.
    Cold,
    /// Clusters whose workers have 0, 5, 20 and 50 ports.
    Ports,
    /// Daemons with nothing to do: memory, CPU time, writes, wake-ups.
    Idle,
    /// An agent that was killed finds its nodes again.
    Adopt,
    /// One command in every node.
    Exec,
    /// The phases of the Redis example.
    Demo,
    /// As many nodes as one machine bears: their starts, and looking at all of them.
    Density,
}

impl Benchmark {
    /// All, in the order in which they are run.
    pub const ALL: [Self; 8] =
        [Self::UpDown, Self::Cold, Self::Ports, Self::Idle, Self::Adopt, Self::Exec, Self::Demo, Self::Density];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::UpDown => "updown",
            Self::Cold => "cold",
            Self::Ports => "ports",
            Self::Idle => "idle",
            Self::Adopt => "adopt",
            Self::Exec => "exec",
            Self::Demo => "demo",
            Self::Density => "density",
        }
    }
}

impl fmt::Display for Benchmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Benchmark {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|benchmark| benchmark.name() == text)
            .ok_or_else(|| format!("no benchmark `{text}`: there are {}", known()))
    }
}
