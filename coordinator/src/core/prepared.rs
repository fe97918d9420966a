//! Nodes that wait until another one has been prepared, and they with it.

use std::sync::Arc;
use std::time::Duration;

use throng_common::error_chain::chain;
use throng_common::ids::HostId;
use throng_common::status::NodeStatus;
use throng_failpoints::{Point, hit};

use super::coordinator::Core;
use crate::cluster::LiveCluster;
use crate::planner::preparing::{Preparing, is_shared};

/// The wait before hosts that could not be told are told again.
const TELL_AGAIN: Duration = Duration::from_secs(2);

impl Core {
    /// A node was seen. If it has begun for the first time and others have waited for that, they begin.
    pub(super) fn let_begin(self: &Arc<Self>, cluster: &Arc<LiveCluster>, host: &HostId, status: &NodeStatus) {
        let record = cluster.record();
        let node = &status.node;
        // One that ended meanwhile has begun as well.
        let has_begun = status.phase.is_running() || status.started_at.is_some();
        let is_news = has_begun
            && is_shared(&record.scenario, node.role())
            && record.state.has_nodes()
            && !record.prepared.contains(node)
            && record.plan.hosts.iter().any(|planned| planned.host == *host && planned.holds(node))
            && Preparing::new(&record.plan, &record.scenario, &record.prepared).is_first(host, node);
        if !is_news {
            return;
        }
        cluster.edit(|record| record.prepared.extend([node.clone()]));
        let (core, cluster) = (Arc::clone(self), Arc::clone(cluster));
        self.tasks.spawn(async move {
            hit(Point::NodePrepared);
            while cluster.record().state.has_nodes() {
                let Err(error) = core.publish(&cluster).await else { return };
                tracing::warn!(cluster = %cluster.record().id, error = chain(&error), "who waited could not be told yet");
                tokio::select! {
                    () = core.stop.cancelled() => return,
                    () = tokio::time::sleep(TELL_AGAIN) => {}
                }
            }
        });
    }
}
