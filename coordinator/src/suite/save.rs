//! Values kept for later steps. Pure.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;
use throng_common::ids::NodeName;
use throng_common::nodeset::NodeSet;

use super::excerpt::quote;
use crate::planner::texts::Saved;

/// Longest value that is kept, in bytes: it ends up in command lines and URLs.
const VALUE_MAX_BYTES: usize = 64 * 1024;

/// Why a value cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SaveError {
    /// The nodes' outputs give different values.
    #[error("cannot save `{name}`: the nodes differ ({values}): run the step on one node, like on = \"one of worker\"")]
    Differs {
        /// The name.
        name: String,
        /// Two nodes with their values.
        values: String,
    },
    /// The regular expression does not match.
    #[error("cannot save `{name}`: {pattern} does not match in {output}")]
    NoMatch {
        /// The name.
        name: String,
        /// The regular expression.
        pattern: String,
        /// An excerpt.
        output: String,
    },
    /// It is not a regular expression.
    #[error("cannot save `{name}`: {pattern} is not a regular expression")]
    Pattern {
        /// The name.
        name: String,
        /// What was written.
        pattern: String,
    },
    /// The output is not JSON, or there is nothing there.
    #[error("cannot save `{name}`: nothing at {pointer} in {output}")]
    NoValue {
        /// The name.
        name: String,
        /// The JSON pointer.
        pointer: String,
        /// An excerpt.
        output: String,
    },
    /// The value is too long.
    #[error("cannot save `{name}`: its value has {bytes} bytes, {VALUE_MAX_BYTES} at the most")]
    TooLong {
        /// The name.
        name: String,
        /// Its length.
        bytes: usize,
    },
}

/// The values that a step keeps, out of what its nodes said: all must give the same.
pub(super) fn from_nodes<'a>(
    save: &BTreeMap<String, String>,
    outputs: impl Iterator<Item = (&'a NodeName, &'a str)> + Clone,
) -> Result<Saved, SaveError> {
    let mut saved = Saved::new();
    for (name, how) in save {
        let mut first: Option<(&NodeName, String)> = None;
        for (node, output) in outputs.clone() {
            let value = extract(name, how, output)?;
            match &first {
                None => first = Some((node, value)),
                Some((_, known)) if *known == value => {}
                Some((first_node, known)) => {
                    let values = format!("{first_node} has {}, {node} has {}", quote(known), quote(&value));
                    return Err(SaveError::Differs { name: name.clone(), values });
                }
            }
        }
        saved.extend(first.map(|(_, value)| (name.clone(), value)));
    }
    Ok(saved)
}

/// The values that a step keeps out of one text.
pub(super) fn from_text(save: &BTreeMap<String, String>, output: &str) -> Result<Saved, SaveError> {
    save.iter().map(|(name, how)| Ok((name.clone(), extract(name, how, output)?))).collect()
}

/// What `kill` and `restart` say: the nodes that they met, as a node set.
pub(super) fn of_nodes(nodes: &[NodeName]) -> String {
    nodes.iter().collect::<NodeSet>().to_string()
}

/// A value: by JSON pointer where `how` begins with '/', else the first group of a regular expression, or all of its
/// match where it has no group.
fn extract(name: &str, how: &str, output: &str) -> Result<String, SaveError> {
    let value = if how.starts_with('/') { at_pointer(name, how, output)? } else { first_group(name, how, output)? };
    if value.len() > VALUE_MAX_BYTES {
        return Err(SaveError::TooLong { name: name.to_owned(), bytes: value.len() });
    }
    Ok(value)
}

fn at_pointer(name: &str, pointer: &str, output: &str) -> Result<String, SaveError> {
    let document: Option<Value> = serde_json::from_str(output.trim()).ok();
    let value = document.as_ref().and_then(|document| document.pointer(pointer)).ok_or_else(|| SaveError::NoValue {
        name: name.to_owned(),
        pointer: pointer.to_owned(),
        output: quote(output),
    })?;
    Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn first_group(name: &str, pattern: &str, output: &str) -> Result<String, SaveError> {
    let regex =
        Regex::new(pattern).map_err(|_| SaveError::Pattern { name: name.to_owned(), pattern: quote(pattern) })?;
    let found = regex.captures(output).and_then(|groups| groups.get(1).or_else(|| groups.get(0)));
    let no_match = || SaveError::NoMatch { name: name.to_owned(), pattern: quote(pattern), output: quote(output) };
    found.map(|found| found.as_str().to_owned()).ok_or_else(no_match)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save(how: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("x".to_owned(), how.to_owned())])
    }

    #[test]
    fn values_are_taken_by_group_or_by_pointer() {
        for (how, output, value) in [
            ("id=(\\w+)", "id=a7 id=b8", "a7"),
            ("[0-9]+", "run 42", "42"),
            ("/a/0", r#"{"a":["text"]}"#, "text"),
            ("/n", r#"{"n":9007199254740993}"#, "9007199254740993"),
            ("/a", r#"{"a":[1,2]}"#, "[1,2]"),
        ] {
            assert_eq!(from_text(&save(how), output).unwrap()["x"], value, "{how}");
        }
        for how in ["id=(\\d+)", "(", "/nothing"] {
            assert!(from_text(&save(how), "id=x").is_err(), "{how}");
        }
    }

    #[test]
    fn several_nodes_must_agree_and_the_error_names_two_that_do_not() {
        let nodes: Vec<NodeName> = ["worker-0000", "worker-0001"].map(|text| text.parse().unwrap()).to_vec();
        let agree = nodes.iter().map(|node| (node, "v=1"));
        assert_eq!(from_nodes(&save("v=(.)"), agree).unwrap()["x"], "1");
        let differ = nodes.iter().zip(["v=1", "v=2"]);
        let error = from_nodes(&save("v=(.)"), differ).unwrap_err().to_string();
        assert_eq!(
            error,
            "cannot save `x`: the nodes differ (worker-0000 has \"1\", worker-0001 has \"2\"): \
             run the step on one node, like on = \"one of worker\""
        );
    }
}
