//! A container's image: named, or built by a script beside the scenario.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A container's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Image {
    /// A name that the engine knows or a registry has.
    Name(String),
    /// Built by a script beside the scenario.
    Build(ImageBuild),
}

/// An image that a script builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageBuild {
    /// The script, relative to the scenario. It runs beside the coordinator, in a folder of its own that holds nothing
    /// but itself and its `inputs`; its first argument is the path of the tar archive of a root file system that it must
    /// write. It runs again only when it, `args` or `inputs` have changed.
    pub build: String,
    /// Further arguments of the script.
    #[serde(default)]
    pub args: Vec<String>,
    /// What else the script reads, relative to the scenario: files, folders, or patterns like `lib/**/*.jar`.
    #[serde(default)]
    pub inputs: Vec<String>,
}

/// When to ask a registry for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PullPolicy {
    /// Only when the engine does not have it.
    #[default]
    Missing,
    /// Before every `up`.
    Always,
    /// Never: fail when the engine does not have it.
    Never,
}
