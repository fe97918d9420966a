//! Decoding what the coordinator says of nodes.

use throng_common::ids::NodeName;

use super::error::CliError;

/// A node's name out of an answer.
pub fn name(text: &str) -> Result<NodeName, CliError> {
    text.parse().map_err(|error| CliError::answer(format!("node: {error}")))
}
