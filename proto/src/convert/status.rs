//! What an agent saw.

use throng_common::ids::{Generation, Incarnation};
use throng_common::status::{
    AgentEvent, HostProgress, NodePhase, NodeSample, NodeStatus, Reason, ReasonKind, UnixMillis,
};

use super::{DecodeError, list, required, text};
use crate::agent as wire;

impl From<&AgentEvent> for wire::AgentEvent {
    fn from(event: &AgentEvent) -> Self {
        use wire::agent_event::Event;
        let event = match event {
            AgentEvent::Node(status) => Event::Node(status.into()),
            AgentEvent::Gone { cluster, node } => {
                Event::Gone(wire::NodeGone { cluster: cluster.to_string(), node: node.to_string() })
            }
            AgentEvent::Progress(progress) => Event::Progress(progress.into()),
            AgentEvent::Sysctl(change) => Event::Sysctl(change.into()),
            AgentEvent::Host(sample) => Event::Host(sample.into()),
            AgentEvent::Nodes(samples) => {
                Event::Nodes(wire::NodeSamples { samples: samples.iter().map(Into::into).collect() })
            }
        };
        Self { event: Some(event) }
    }
}

impl TryFrom<wire::AgentEvent> for AgentEvent {
    type Error = DecodeError;
    fn try_from(event: wire::AgentEvent) -> Result<Self, DecodeError> {
        use wire::agent_event::Event;
        Ok(match required("event", event.event)? {
            Event::Node(status) => Self::Node(status.try_into().map_err(|error: DecodeError| error.within("node"))?),
            Event::Gone(gone) => {
                Self::Gone { cluster: text("gone.cluster", &gone.cluster)?, node: text("gone.node", &gone.node)? }
            }
            Event::Progress(progress) => Self::Progress(progress.try_into()?),
            Event::Sysctl(change) => Self::Sysctl(change.into()),
            Event::Host(sample) => Self::Host(sample.try_into().map_err(|error: DecodeError| error.within("host"))?),
            Event::Nodes(samples) => Self::Nodes(list("nodes.samples", samples.samples)?),
        })
    }
}

impl From<&NodeStatus> for wire::NodeStatus {
    fn from(status: &NodeStatus) -> Self {
        Self {
            cluster: status.cluster.to_string(),
            node: status.node.to_string(),
            phase: phase_to_wire(status.phase).into(),
            reason: status.reason.as_ref().map(Into::into),
            incarnation: status.incarnation.0,
            restarts: status.restarts,
            container_id: status.container_id.clone(),
            image_id: status.image_id.clone(),
            pid: status.pid,
            started_at_unix_millis: status.started_at.map(|at| at.0),
            ready_at_unix_millis: status.ready_at.map(|at| at.0),
            observed_at_unix_millis: status.observed_at.0,
        }
    }
}

impl TryFrom<wire::NodeStatus> for NodeStatus {
    type Error = DecodeError;
    fn try_from(status: wire::NodeStatus) -> Result<Self, DecodeError> {
        Ok(Self {
            cluster: text("cluster", &status.cluster)?,
            node: text("node", &status.node)?,
            phase: phase_from_wire(status.phase())?,
            reason: status.reason.map(Reason::try_from).transpose()?,
            incarnation: Incarnation(status.incarnation),
            restarts: status.restarts,
            container_id: status.container_id,
            image_id: status.image_id,
            pid: status.pid,
            started_at: status.started_at_unix_millis.map(UnixMillis),
            ready_at: status.ready_at_unix_millis.map(UnixMillis),
            observed_at: UnixMillis(status.observed_at_unix_millis),
        })
    }
}

fn phase_to_wire(phase: NodePhase) -> wire::NodePhase {
    match phase {
        NodePhase::Pending => wire::NodePhase::Pending,
        NodePhase::Preparing => wire::NodePhase::Preparing,
        NodePhase::Starting => wire::NodePhase::Starting,
        NodePhase::Ready => wire::NodePhase::Ready,
        NodePhase::Unready => wire::NodePhase::Unready,
        NodePhase::Backoff => wire::NodePhase::Backoff,
        NodePhase::Stopping => wire::NodePhase::Stopping,
        NodePhase::Stopped => wire::NodePhase::Stopped,
        NodePhase::Failed => wire::NodePhase::Failed,
        NodePhase::Unknown => wire::NodePhase::Unknown,
    }
}

fn phase_from_wire(phase: wire::NodePhase) -> Result<NodePhase, DecodeError> {
    Ok(match phase {
        wire::NodePhase::Unspecified => return Err(DecodeError::new("phase", "is not given")),
        wire::NodePhase::Pending => NodePhase::Pending,
        wire::NodePhase::Preparing => NodePhase::Preparing,
        wire::NodePhase::Starting => NodePhase::Starting,
        wire::NodePhase::Ready => NodePhase::Ready,
        wire::NodePhase::Unready => NodePhase::Unready,
        wire::NodePhase::Backoff => NodePhase::Backoff,
        wire::NodePhase::Stopping => NodePhase::Stopping,
        wire::NodePhase::Stopped => NodePhase::Stopped,
        wire::NodePhase::Failed => NodePhase::Failed,
        wire::NodePhase::Unknown => NodePhase::Unknown,
    })
}

/// Each kind of reason beside its number on the wire.
const REASON_KINDS: [(ReasonKind, wire::ReasonKind); 14] = [
    (ReasonKind::Exited, wire::ReasonKind::Exited),
    (ReasonKind::Signalled, wire::ReasonKind::Signalled),
    (ReasonKind::OutOfMemory, wire::ReasonKind::OutOfMemory),
    (ReasonKind::PortTaken, wire::ReasonKind::PortTaken),
    (ReasonKind::Ramdisk, wire::ReasonKind::Ramdisk),
    (ReasonKind::Image, wire::ReasonKind::Image),
    (ReasonKind::Prepare, wire::ReasonKind::Prepare),
    (ReasonKind::Probe, wire::ReasonKind::Probe),
    (ReasonKind::Sysctl, wire::ReasonKind::Sysctl),
    (ReasonKind::Engine, wire::ReasonKind::Engine),
    (ReasonKind::EngineUnreachable, wire::ReasonKind::EngineUnreachable),
    (ReasonKind::EngineHung, wire::ReasonKind::EngineHung),
    (ReasonKind::Host, wire::ReasonKind::Host),
    (ReasonKind::Lost, wire::ReasonKind::Lost),
];

impl From<&Reason> for wire::Reason {
    fn from(reason: &Reason) -> Self {
        let known = REASON_KINDS.into_iter().find(|(kind, _)| *kind == reason.kind);
        let kind = known.map_or(wire::ReasonKind::Unspecified, |(_, kind)| kind);
        Self { kind: kind.into(), message: reason.message.clone(), detail: reason.detail.clone() }
    }
}

impl TryFrom<wire::Reason> for Reason {
    type Error = DecodeError;
    fn try_from(reason: wire::Reason) -> Result<Self, DecodeError> {
        let known = REASON_KINDS.into_iter().find(|(_, kind)| *kind == reason.kind());
        let (kind, _) = known.ok_or_else(|| DecodeError::new("reason.kind", "is not known"))?;
        Ok(Self { kind, message: reason.message, detail: reason.detail })
    }
}

impl From<&HostProgress> for wire::HostProgress {
    fn from(progress: &HostProgress) -> Self {
        Self {
            generation: progress.generation.0,
            settled: progress.settled,
            problems: progress.problems.iter().map(Into::into).collect(),
            clusters: progress.clusters.iter().map(ToString::to_string).collect(),
            unsettled: progress.unsettled.iter().map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<wire::HostProgress> for HostProgress {
    type Error = DecodeError;
    fn try_from(progress: wire::HostProgress) -> Result<Self, DecodeError> {
        Ok(Self {
            generation: Generation(progress.generation),
            settled: progress.settled,
            problems: list("problems", progress.problems)?,
            clusters: progress.clusters.iter().map(|id| text("clusters", id)).collect::<Result<_, _>>()?,
            unsettled: progress.unsettled.iter().map(|id| text("unsettled", id)).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&NodeSample> for wire::NodeSample {
    fn from(sample: &NodeSample) -> Self {
        Self {
            cluster: sample.cluster.to_string(),
            node: sample.node.to_string(),
            at_unix_millis: sample.at.0,
            cpu_usage_micros: sample.cpu_usage_micros,
            throttled_micros: sample.throttled_micros,
            anonymous_bytes: sample.anonymous_bytes,
            ramdisk_bytes: sample.ramdisk_bytes,
            kernel_bytes: sample.kernel_bytes,
            oom_kills: sample.oom_kills,
        }
    }
}

impl TryFrom<wire::NodeSample> for NodeSample {
    type Error = DecodeError;
    fn try_from(sample: wire::NodeSample) -> Result<Self, DecodeError> {
        Ok(Self {
            cluster: text("cluster", &sample.cluster)?,
            node: text("node", &sample.node)?,
            at: UnixMillis(sample.at_unix_millis),
            cpu_usage_micros: sample.cpu_usage_micros,
            throttled_micros: sample.throttled_micros,
            anonymous_bytes: sample.anonymous_bytes,
            ramdisk_bytes: sample.ramdisk_bytes,
            kernel_bytes: sample.kernel_bytes,
            oom_kills: sample.oom_kills,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(phase: NodePhase, kind: ReasonKind) -> NodeStatus {
        NodeStatus {
            cluster: "c-x7k2".parse().unwrap(),
            node: "worker-0003".parse().unwrap(),
            phase,
            reason: Some(Reason::new(kind, "why").with_detail("where")),
            incarnation: Incarnation(2),
            restarts: 1,
            container_id: Some("abc".into()),
            image_id: Some("sha256:0f".into()),
            pid: Some(17),
            started_at: Some(UnixMillis(5)),
            ready_at: None,
            observed_at: UnixMillis(9),
        }
    }

    #[test]
    fn every_phase_and_every_reason_survives_the_wire() {
        use NodePhase::{Backoff, Failed, Pending, Preparing, Ready, Starting, Stopped, Stopping, Unknown, Unready};
        let phases = [Pending, Preparing, Starting, Ready, Unready, Backoff, Stopping, Stopped, Failed, Unknown];
        for phase in phases {
            for (kind, _) in REASON_KINDS {
                let event = AgentEvent::Node(status(phase, kind));
                assert_eq!(AgentEvent::try_from(wire::AgentEvent::from(&event)).unwrap(), event);
            }
        }
    }
}
