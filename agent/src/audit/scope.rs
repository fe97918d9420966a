//! Which clusters' remains count.

use throng_common::ids::ClusterId;
use throng_common::status::AuditScope;

/// Whether what is left of this cluster counts. What cannot be told to be of a cluster counts only in a scope of all.
pub fn counts(scope: &AuditScope, cluster: Option<&ClusterId>) -> bool {
    match (&scope.cluster, cluster) {
        (Some(only), cluster) => cluster == Some(only),
        (None, Some(cluster)) => !scope.live.contains(cluster),
        (None, None) => true,
    }
}

/// Whether other clusters are meant to be on this host: what all clusters share is then theirs to keep.
pub fn others_live(scope: &AuditScope) -> bool {
    scope.live.iter().any(|cluster| Some(cluster) != scope.cluster.as_ref())
}

/// The cluster whose id is the first part of a text like `<cluster>/<node>/…`.
pub fn first_part(text: &str) -> Option<ClusterId> {
    ClusterId::new(text.split('/').next()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_of_one_counts_only_it_and_a_scope_of_all_spares_the_living() {
        let id = |text: &str| ClusterId::new(text).unwrap();
        let one = AuditScope { cluster: Some(id("a-1")), ..AuditScope::default() };
        assert!(counts(&one, Some(&id("a-1"))) && !counts(&one, Some(&id("a-2"))) && !counts(&one, None));
        let all = AuditScope { live: vec![id("a-1")], ..AuditScope::default() };
        assert!(!counts(&all, Some(&id("a-1"))) && counts(&all, Some(&id("a-2"))) && counts(&all, None));
        assert!(others_live(&all) && !others_live(&one));
        assert_eq!(first_part("a-1/w-0000"), Some(id("a-1")));
    }
}
