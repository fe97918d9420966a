//! What of a node's texts stays the same when other nodes come or go.
//!
//! `{role.R.count}` and `{role.R.names}` change whenever a role is scaled. A node whose command or files hold them is not
//! replaced for that: it has the new number when it is next started. So agents judge by a digest of its texts with these
//! two left as they are written.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use throng_common::host_spec::{FileSpec, Workload};
use throng_common::scenario::model::ParamValue;
use throng_common::scenario::placeholder::{self, Placeholder, RoleField};

/// A text whose counts and names of nodes stay as they are written when it is filled in; none where it holds none.
pub(super) fn leave_counts(text: &str, params: &BTreeMap<String, ParamValue>) -> Option<String> {
    let mut left = String::with_capacity(text.len());
    let mut at = 0;
    let mut found_any = false;
    for found in placeholder::find(text) {
        let replacement = match &found.placeholder {
            Ok(Placeholder::Role { field: RoleField::Count | RoleField::Names, .. }) => {
                // Doubled braces stand for themselves when the text is filled in.
                let written = &text[found.range.clone()];
                Some(format!("{{{written}}}"))
            }
            // Only in templates: elsewhere parameters are filled in when a scenario is loaded, as plain texts.
            Ok(Placeholder::Param(name)) => {
                params.get(name).and_then(|value| leave_counts(&value.to_string(), &BTreeMap::new()))
            }
            Ok(_) | Err(_) => None,
        };
        if let Some(replacement) = replacement {
            left.push_str(&text[at..found.range.start]);
            left.push_str(&replacement);
            at = found.range.end;
            found_any = true;
        }
    }
    left.push_str(&text[at..]);
    found_any.then_some(left)
}

/// All texts that a node is made from, with counts and names of nodes left out.
#[derive(Debug, Serialize)]
pub(super) struct Structure {
    /// How it runs.
    pub(super) workload: Workload,
    /// Its environment.
    pub(super) env: Vec<(String, String)>,
    /// Its files.
    pub(super) files: Vec<FileSpec>,
}

impl Structure {
    /// Its digest: equal for equal texts.
    pub(super) fn digest(&self) -> String {
        let text = serde_json::to_vec(self).expect("plain structs with text keys serialise");
        hex::encode(Sha256::digest(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_counts_and_names_of_roles_are_left() {
        let params = BTreeMap::from([
            ("members".to_owned(), ParamValue::Text("{role.worker.names}".to_owned())),
            ("plain".to_owned(), ParamValue::Integer(3)),
        ]);
        for (text, left) in [
            ("{role.worker.count} of {node.name}", Some("{{role.worker.count}} of {node.name}")),
            ("peers={role.a.names};{role.b.count}", Some("peers={{role.a.names}};{{role.b.count}}")),
            ("{param.members} {param.plain}", Some("{{role.worker.names}} {param.plain}")),
            ("{role.a[0].name} {role.a.address} {{role.a.count}} ${role.a.count}", None),
            ("no placeholder", None),
        ] {
            assert_eq!(leave_counts(text, &params).as_deref(), left, "{text}");
        }
        let filled = placeholder::render::<placeholder::PlaceholderError>("{{role.a.count}}", |_| unreachable!());
        assert_eq!(filled.unwrap(), "{role.a.count}");
    }
}
