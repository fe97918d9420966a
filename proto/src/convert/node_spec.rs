//! The desired state of a node.

use std::time::Duration;

use throng_common::host_spec::{
    ContainerSpec, DesiredState, DiskSpec, FileSpec, Limits, NamedPorts, NodeSpec, PrepareSpec, Probe, ProbeCheck,
    ProcessSpec, RamdiskSpec, RestartSpec, SharedSpec, StopSpec, Workload,
};
use throng_common::ids::Incarnation;
use throng_common::ports::PortRange;
use throng_common::scenario::model::{PullPolicy, RestartWhen};
use throng_common::size::ByteSize;

use super::{DecodeError, list, millis, required, text};
use crate::agent as wire;

impl From<&NodeSpec> for wire::NodeSpec {
    fn from(spec: &NodeSpec) -> Self {
        use wire::node_spec::Workload as Wire;
        let desired = match spec.desired {
            DesiredState::Stopped => wire::DesiredState::Stopped,
            DesiredState::Running => wire::DesiredState::Running,
        };
        let workload = match &spec.workload {
            Workload::Process(process) => Wire::Process(wire::ProcessSpec {
                command: process.command.clone(),
                user: process.user.clone(),
                workdir: process.workdir.clone(),
            }),
            Workload::Container(container) => Wire::Container(container.into()),
        };
        Self {
            name: spec.name.to_string(),
            desired: desired.into(),
            incarnation: spec.incarnation.0,
            workload: Some(workload),
            env: spec
                .env
                .iter()
                .map(|(name, value)| wire::EnvVar { name: name.clone(), value: value.clone() })
                .collect(),
            files: spec.files.iter().map(Into::into).collect(),
            ports: spec.ports.iter().map(Into::into).collect(),
            ramdisks: spec.ramdisks.iter().map(Into::into).collect(),
            disk: spec
                .disk
                .as_ref()
                .map(|disk| wire::DiskSpec { path: disk.path.clone(), keep_on_restart: disk.keep_on_restart }),
            limits: Some(wire::Limits {
                memory_bytes: spec.limits.memory.map(ByteSize::as_bytes),
                cpu_millis: spec.limits.cpu_millis,
                pids: spec.limits.pids,
                nofile: spec.limits.nofile,
            }),
            prepare: spec.prepare.as_ref().map(|prepare| wire::PrepareSpec {
                command: prepare.command.clone(),
                timeout_millis: millis(prepare.timeout),
            }),
            ready: spec.ready.as_ref().map(Into::into),
            stop: Some(wire::StopSpec { signal: spec.stop.signal, grace_millis: millis(spec.stop.grace) }),
            restart: Some(wire::RestartSpec {
                when: restart_to_wire(spec.restart.when).into(),
                max: spec.restart.max,
                backoff_millis: millis(spec.restart.backoff),
            }),
            structure: spec.structure.clone(),
            at_once: spec.at_once,
            shared: spec.shared.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<wire::NodeSpec> for NodeSpec {
    type Error = DecodeError;
    fn try_from(spec: wire::NodeSpec) -> Result<Self, DecodeError> {
        use wire::node_spec::Workload as Wire;
        let desired = match spec.desired() {
            wire::DesiredState::Unspecified => return Err(DecodeError::new("desired", "is not given")),
            wire::DesiredState::Stopped => DesiredState::Stopped,
            wire::DesiredState::Running => DesiredState::Running,
        };
        let workload = match required("workload", spec.workload)? {
            Wire::Process(process) => {
                Workload::Process(process.try_into().map_err(|error: DecodeError| error.within("process"))?)
            }
            Wire::Container(container) => {
                Workload::Container(container.try_into().map_err(|error: DecodeError| error.within("container"))?)
            }
        };
        let limits = required("limits", spec.limits)?;
        let stop = required("stop", spec.stop)?;
        Ok(Self {
            name: text("name", &spec.name)?,
            desired,
            incarnation: Incarnation(spec.incarnation),
            workload,
            env: spec.env.into_iter().map(|var| (var.name, var.value)).collect(),
            files: spec.files.into_iter().map(Into::into).collect(),
            ports: list("ports", spec.ports)?,
            ramdisks: spec.ramdisks.into_iter().map(Into::into).collect(),
            shared: spec.shared.into_iter().map(Into::into).collect(),
            disk: spec.disk.map(|disk| DiskSpec { path: disk.path, keep_on_restart: disk.keep_on_restart }),
            limits: Limits {
                memory: limits.memory_bytes.map(ByteSize::bytes),
                cpu_millis: limits.cpu_millis,
                pids: limits.pids,
                nofile: limits.nofile,
            },
            prepare: spec.prepare.map(|prepare| PrepareSpec {
                command: prepare.command,
                timeout: Duration::from_millis(prepare.timeout_millis),
            }),
            ready: spec.ready.map(Probe::try_from).transpose().map_err(|error| error.within("ready"))?,
            stop: StopSpec { signal: stop.signal, grace: Duration::from_millis(stop.grace_millis) },
            restart: required("restart", spec.restart)?
                .try_into()
                .map_err(|error: DecodeError| error.within("restart"))?,
            structure: spec.structure,
            at_once: spec.at_once,
        })
    }
}

impl TryFrom<wire::ProcessSpec> for ProcessSpec {
    type Error = DecodeError;
    fn try_from(spec: wire::ProcessSpec) -> Result<Self, DecodeError> {
        if spec.command.is_empty() {
            return Err(DecodeError::new("command", "is empty"));
        }
        if spec.user.is_empty() {
            return Err(DecodeError::new("user", "is empty"));
        }
        Ok(Self { command: spec.command, user: spec.user, workdir: spec.workdir })
    }
}

impl From<&ContainerSpec> for wire::ContainerSpec {
    fn from(spec: &ContainerSpec) -> Self {
        let pull = match spec.pull {
            PullPolicy::Missing => wire::PullPolicy::Missing,
            PullPolicy::Always => wire::PullPolicy::Always,
            PullPolicy::Never => wire::PullPolicy::Never,
        };
        let scratch =
            |(path, size): &(String, ByteSize)| wire::Scratch { path: path.clone(), size_bytes: size.as_bytes() };
        Self {
            image: spec.image.clone(),
            pull: pull.into(),
            command: spec.command.clone(),
            entrypoint: spec.entrypoint.clone().map(|words| wire::Words { words }),
            user: spec.user.clone(),
            workdir: spec.workdir.clone(),
            capabilities: spec.capabilities.clone(),
            read_only: spec.read_only,
            scratch: spec.scratch.iter().map(scratch).collect(),
            hostname: spec.hostname.as_ref().map(ToString::to_string),
        }
    }
}

impl TryFrom<wire::ContainerSpec> for ContainerSpec {
    type Error = DecodeError;
    fn try_from(spec: wire::ContainerSpec) -> Result<Self, DecodeError> {
        let pull = match spec.pull() {
            wire::PullPolicy::Unspecified => return Err(DecodeError::new("pull", "is not given")),
            wire::PullPolicy::Missing => PullPolicy::Missing,
            wire::PullPolicy::Always => PullPolicy::Always,
            wire::PullPolicy::Never => PullPolicy::Never,
        };
        if spec.image.is_empty() {
            return Err(DecodeError::new("image", "is empty"));
        }
        Ok(Self {
            hostname: spec.hostname.map(|name| text("hostname", &name)).transpose()?,
            image: spec.image,
            pull,
            command: spec.command,
            entrypoint: spec.entrypoint.map(|words| words.words),
            user: spec.user,
            workdir: spec.workdir,
            capabilities: spec.capabilities,
            read_only: spec.read_only,
            scratch: spec.scratch.into_iter().map(|s| (s.path, ByteSize::bytes(s.size_bytes))).collect(),
        })
    }
}

impl From<&SharedSpec> for wire::SharedSpec {
    fn from(shared: &SharedSpec) -> Self {
        let SharedSpec { name, path, uid, gid, mode } = shared.clone();
        Self { name, path, uid, gid, mode }
    }
}

impl From<wire::SharedSpec> for SharedSpec {
    fn from(shared: wire::SharedSpec) -> Self {
        let wire::SharedSpec { name, path, uid, gid, mode } = shared;
        Self { name, path, uid, gid, mode }
    }
}

impl From<&FileSpec> for wire::FileSpec {
    fn from(file: &FileSpec) -> Self {
        Self { path: file.path.clone(), contents: file.contents.clone().into(), mode: file.mode }
    }
}

impl From<wire::FileSpec> for FileSpec {
    fn from(file: wire::FileSpec) -> Self {
        Self { path: file.path, contents: file.contents.into(), mode: file.mode }
    }
}

impl From<&NamedPorts> for wire::NamedPorts {
    fn from(ports: &NamedPorts) -> Self {
        Self { name: ports.name.clone(), first: ports.range.first().into(), last: ports.range.last().into() }
    }
}

impl TryFrom<wire::NamedPorts> for NamedPorts {
    type Error = DecodeError;
    fn try_from(ports: wire::NamedPorts) -> Result<Self, DecodeError> {
        let port = |field, value: u32| u16::try_from(value).map_err(|_| DecodeError::new(field, "is above 65535"));
        let range = PortRange::new(port("first", ports.first)?, port("last", ports.last)?);
        Ok(Self { name: ports.name, range: range.map_err(|error| DecodeError::new("last", error))? })
    }
}

impl From<&RamdiskSpec> for wire::RamdiskSpec {
    fn from(spec: &RamdiskSpec) -> Self {
        Self {
            name: spec.name.clone(),
            path: spec.path.clone(),
            size_bytes: spec.size.as_bytes(),
            inodes: spec.inodes,
            uid: spec.uid,
            gid: spec.gid,
            mode: spec.mode,
            keep_on_restart: spec.keep_on_restart,
        }
    }
}

impl From<wire::RamdiskSpec> for RamdiskSpec {
    fn from(spec: wire::RamdiskSpec) -> Self {
        Self {
            name: spec.name,
            path: spec.path,
            size: ByteSize::bytes(spec.size_bytes),
            inodes: spec.inodes,
            uid: spec.uid,
            gid: spec.gid,
            mode: spec.mode,
            keep_on_restart: spec.keep_on_restart,
        }
    }
}

impl From<&Probe> for wire::Probe {
    fn from(probe: &Probe) -> Self {
        use wire::probe::Check;
        let check = match &probe.check {
            ProbeCheck::Tcp { address, port, send, expect } => Check::Tcp(wire::TcpCheck {
                address: address.to_string(),
                port: (*port).into(),
                send: send.clone(),
                expect: expect.clone(),
            }),
            ProbeCheck::Http { url, expect } => {
                Check::Http(wire::HttpCheck { url: url.clone(), expect: expect.clone() })
            }
            ProbeCheck::Exec { command } => Check::Exec(wire::Words { words: command.clone() }),
        };
        Self { check: Some(check), timeout_millis: millis(probe.timeout), interval_millis: millis(probe.interval) }
    }
}

impl TryFrom<wire::Probe> for Probe {
    type Error = DecodeError;
    fn try_from(probe: wire::Probe) -> Result<Self, DecodeError> {
        use wire::probe::Check;
        let check = match required("check", probe.check)? {
            Check::Tcp(tcp) => ProbeCheck::Tcp {
                address: text("tcp.address", &tcp.address)?,
                port: u16::try_from(tcp.port).map_err(|_| DecodeError::new("tcp.port", "is above 65535"))?,
                send: tcp.send,
                expect: tcp.expect,
            },
            Check::Http(http) => ProbeCheck::Http { url: http.url, expect: http.expect },
            Check::Exec(words) => ProbeCheck::Exec { command: words.words },
        };
        Ok(Self {
            check,
            timeout: Duration::from_millis(probe.timeout_millis),
            interval: Duration::from_millis(probe.interval_millis),
        })
    }
}

fn restart_to_wire(when: RestartWhen) -> wire::RestartWhen {
    match when {
        RestartWhen::Never => wire::RestartWhen::Never,
        RestartWhen::Failure => wire::RestartWhen::Failure,
        RestartWhen::Always => wire::RestartWhen::Always,
    }
}

impl TryFrom<wire::RestartSpec> for RestartSpec {
    type Error = DecodeError;
    fn try_from(spec: wire::RestartSpec) -> Result<Self, DecodeError> {
        let when = match spec.when() {
            wire::RestartWhen::Unspecified => return Err(DecodeError::new("when", "is not given")),
            wire::RestartWhen::Never => RestartWhen::Never,
            wire::RestartWhen::Failure => RestartWhen::Failure,
            wire::RestartWhen::Always => RestartWhen::Always,
        };
        Ok(Self { when, max: spec.max, backoff: Duration::from_millis(spec.backoff_millis) })
    }
}
