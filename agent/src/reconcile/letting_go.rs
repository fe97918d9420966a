//! Whether a desired state asks for nothing new. Pure.

use throng_common::host_spec::{DesiredState, HostSpec};

/// Whether all that `given` wants was wanted by `held` already, or is only to be stopped.
pub(super) fn lets_go(held: Option<&HostSpec>, given: &HostSpec) -> bool {
    given.clusters.iter().all(|cluster| {
        let before = held.and_then(|held| held.clusters.iter().find(|known| known.cluster == cluster.cluster));
        before.is_some_and(|before| {
            cluster.nodes.iter().all(|node| node.desired == DesiredState::Stopped || before.nodes.contains(node))
        })
    })
}

#[cfg(test)]
mod tests {
    use throng_common::host_spec::{ClusterSpec, StartPace};
    use throng_common::ids::{Epoch, Generation};
    use throng_common::ports::PortSet;

    use super::*;
    use crate::reconcile::core::tests::node;

    fn spec(nodes: &[(u32, DesiredState)]) -> HostSpec {
        let cluster = ClusterSpec {
            cluster: "c-x7k2".parse().unwrap(),
            address: "127.84.0.1".parse().unwrap(),
            manage_address: false,
            names: vec![],
            ports: PortSet::default(),
            sysctls: vec![],
            pace: StartPace { parallel: 2, per_second: None },
            nodes: nodes.iter().map(|(index, desired)| node(*index, *desired, 1)).collect(),
        };
        HostSpec {
            fleet: "f".parse().unwrap(),
            host: "local".parse().unwrap(),
            epoch: Epoch(1),
            generation: Generation(1),
            lease: None,
            leaving: vec![],
            clusters: if nodes.is_empty() { vec![] } else { vec![cluster] },
        }
    }

    #[test]
    fn fewer_nodes_and_stopped_ones_let_go_and_a_new_one_does_not() {
        use DesiredState::{Running, Stopped};
        let held = spec(&[(0, Running), (1, Running)]);
        for (given, lets) in [
            (spec(&[]), true),
            (spec(&[(1, Running)]), true),
            (spec(&[(0, Stopped), (1, Running)]), true),
            (spec(&[(0, Running), (1, Running)]), true),
            (spec(&[(0, Running), (2, Running)]), false),
        ] {
            assert_eq!(lets_go(Some(&held), &given), lets, "{given:?}");
        }
        assert!(lets_go(None, &spec(&[])) && !lets_go(None, &held));
    }
}
