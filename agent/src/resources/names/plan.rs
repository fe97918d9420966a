//! From the names wanted and the files as they are to the rewrites between. Pure.

use std::path::PathBuf;

use serde::Serialize;
use throng_common::host_spec::HostEntry;
use throng_common::ids::ClusterId;

use super::block::{with_block, without_block};
use super::text::{cluster_file, node_lines};

/// The files as they are; none: missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// The host's own hosts file.
    pub host_file: Option<Vec<u8>>,
    /// The cluster's file.
    pub cluster_file: Option<Vec<u8>>,
}

/// Where the files lie, and whose names they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The cluster.
    pub cluster: ClusterId,
    /// The machine's own host name.
    pub machine: String,
    /// The host's own hosts file.
    pub host_path: PathBuf,
    /// The cluster's file.
    pub cluster_path: PathBuf,
}

/// A file that gets another text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rewrite {
    /// The file.
    pub path: PathBuf,
    /// Its whole new text.
    pub text: Vec<u8>,
}

/// The rewrites; empty where all is as wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NamesPlan {
    /// Each file at most once.
    pub rewrites: Vec<Rewrite>,
}

/// Compares both files with the names of a cluster; none: the cluster is gone, and so is its block.
///
/// A cluster's own file lies in its folder and goes with that.
pub fn plan(scope: &Scope, names: Option<&[HostEntry]>, observed: &Observed) -> NamesPlan {
    let host_file = observed.host_file.as_deref();
    let current = host_file.unwrap_or_default();
    let mut rewrites = Vec::new();
    let wanted = match names {
        Some(names) => Some(with_block(current, &scope.cluster, &node_lines(names))),
        None => host_file.map(|file| without_block(file, &scope.cluster)),
    };
    if wanted.as_deref() != host_file {
        rewrites.extend(wanted.map(|text| Rewrite { path: scope.host_path.clone(), text }));
    }
    if let Some(names) = names {
        let text = cluster_file(&scope.machine, current, names).into_bytes();
        if observed.cluster_file.as_ref() != Some(&text) {
            rewrites.push(Rewrite { path: scope.cluster_path.clone(), text });
        }
    }
    NamesPlan { rewrites }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope() -> Scope {
        Scope {
            cluster: ClusterId::new("a-1").unwrap(),
            machine: "box".to_owned(),
            host_path: "/etc/hosts".into(),
            cluster_path: "/run/throng/a-1/hosts".into(),
        }
    }

    /// The files after the plan's rewrites.
    fn applied(mut files: Observed, scope: &Scope, names: Option<&[HostEntry]>) -> Observed {
        for Rewrite { path, text } in plan(scope, names, &files).rewrites {
            let file = if path == scope.host_path { &mut files.host_file } else { &mut files.cluster_file };
            *file = Some(text);
        }
        files
    }

    #[test]
    fn both_files_are_brought_up_to_date_and_then_left_alone() {
        let scope = scope();
        let names = [HostEntry { address: "127.84.0.1".parse().unwrap(), names: vec!["worker-0000".to_owned()] }];
        let before = Observed { host_file: Some(b"127.0.0.1 localhost\n".to_vec()), cluster_file: None };
        let first = plan(&scope, Some(&names), &before);
        let [host, cluster] = &first.rewrites[..] else { panic!("{first:?}") };
        let after = Observed { host_file: Some(host.text.clone()), cluster_file: Some(cluster.text.clone()) };
        assert_eq!(plan(&scope, Some(&names), &after), NamesPlan::default());
        let end = plan(&scope, None, &after);
        assert_eq!(end.rewrites, [Rewrite { path: scope.host_path.clone(), text: before.host_file.clone().unwrap() }]);
        assert_eq!(plan(&scope, None, &before), NamesPlan::default());
        assert_eq!(plan(&scope, None, &Observed::default()), NamesPlan::default());
    }
    fn any_names() -> impl Strategy<Value = Vec<HostEntry>> {
        let entry = ("127\\.84\\.0\\.[1-9]", prop::collection::vec("[a-z]{1,8}-[0-9]{4}", 1..4));
        let entry = entry.prop_map(|(address, names)| HostEntry { address: address.parse().unwrap(), names });
        prop::collection::vec(entry, 0..5)
    }

    proptest! {
        #[test]
        fn a_plan_that_was_applied_leaves_no_rewrite_and_its_end_gives_back_what_was_there(
            foreign in prop::option::of("([0-9.]{7} [a-z]{1,9}\\n){0,4}"),
            first in any_names(),
            then in any_names(),
        ) {
            let scope = scope();
            let before = Observed { host_file: foreign.map(String::into_bytes), cluster_file: None };
            let mut now = before.clone();
            for names in [&first, &then] {
                now = applied(now, &scope, Some(names));
                prop_assert_eq!(plan(&scope, Some(names), &now), NamesPlan::default());
            }
            let end = applied(now, &scope, None);
            prop_assert_eq!(plan(&scope, None, &end), NamesPlan::default());
            prop_assert_eq!(end.host_file.unwrap_or_default(), before.host_file.unwrap_or_default());
        }
    }
}
