//! Nodes that wait until another one has been prepared, and they with it.

use std::sync::Arc;

use throng_common::error_chain::chain;
use throng_common::status::NodeStatus;
use throng_failpoints::{Point, hit};

use super::coordinator::Core;
use crate::cluster::LiveCluster;
use crate::planner::preparing::{Preparing, is_shared};

impl Core {
    /// A node was seen. If it runs for the first time and others have waited for that, they begin.
    pub(super) fn let_begin(self: &Arc<Self>, cluster: &Arc<LiveCluster>, status: &NodeStatus) {
        let record = cluster.record();
        let node = &status.node;
        let is_news = status.phase.is_running()
            && record.state.has_nodes()
            && is_shared(&record.scenario, node.role())
            && !record.prepared.contains(node)
            && Preparing::of(&record.plan, &record.scenario).is_first(node);
        if !is_news {
            return;
        }
        cluster.edit(|record| record.prepared.extend([node.clone()]));
        let (core, cluster) = (Arc::clone(self), Arc::clone(cluster));
        self.tasks.spawn(async move {
            hit(Point::NodePrepared);
            // It is in memory: a host that is away is told when it comes back.
            if let Err(error) = core.publish(&cluster).await {
                tracing::warn!(cluster = %cluster.record().id, error = chain(&error), "who waited could not be told");
            }
        });
    }
}
