//! What a teardown left behind.

use throng_common::status::{AuditScope, Residue, ResidueKind, SysctlChange};

use super::{DecodeError, text};
use crate::agent as wire;

impl From<&AuditScope> for wire::AuditRequest {
    fn from(scope: &AuditScope) -> Self {
        Self {
            cluster: scope.cluster.as_ref().map(ToString::to_string),
            live: scope.live.iter().map(ToString::to_string).collect(),
            ports: scope.ports.to_string(),
            sysctls: scope.sysctls.iter().map(Into::into).collect(),
            address: scope.address.map(|address| address.to_string()),
        }
    }
}

impl TryFrom<wire::AuditRequest> for AuditScope {
    type Error = DecodeError;
    fn try_from(request: wire::AuditRequest) -> Result<Self, DecodeError> {
        Ok(Self {
            cluster: request.cluster.map(|cluster| text("cluster", &cluster)).transpose()?,
            live: request.live.iter().map(|cluster| text("live", cluster)).collect::<Result<_, _>>()?,
            ports: text("ports", &request.ports)?,
            sysctls: request.sysctls.into_iter().map(Into::into).collect(),
            address: request.address.map(|address| text("address", &address)).transpose()?,
        })
    }
}

impl From<&SysctlChange> for wire::SysctlChange {
    fn from(change: &SysctlChange) -> Self {
        Self { key: change.key.clone(), original: change.original.clone(), written: change.written.clone() }
    }
}

impl From<wire::SysctlChange> for SysctlChange {
    fn from(change: wire::SysctlChange) -> Self {
        Self { key: change.key, original: change.original, written: change.written }
    }
}

impl From<&Residue> for wire::Residue {
    fn from(residue: &Residue) -> Self {
        let kind = match residue.kind {
            ResidueKind::Container => wire::ResidueKind::Container,
            ResidueKind::Mount => wire::ResidueKind::Mount,
            ResidueKind::Process => wire::ResidueKind::Process,
            ResidueKind::Cgroup => wire::ResidueKind::Cgroup,
            ResidueKind::ReservedPorts => wire::ResidueKind::ReservedPorts,
            ResidueKind::Sysctl => wire::ResidueKind::Sysctl,
            ResidueKind::HostsFile => wire::ResidueKind::HostsFile,
            ResidueKind::Address => wire::ResidueKind::Address,
            ResidueKind::Directory => wire::ResidueKind::Directory,
        };
        Self {
            kind: kind.into(),
            cluster: residue.cluster.as_ref().map(ToString::to_string),
            subject: residue.subject.clone(),
            remedy: residue.remedy.clone(),
        }
    }
}

impl TryFrom<wire::Residue> for Residue {
    type Error = DecodeError;
    fn try_from(residue: wire::Residue) -> Result<Self, DecodeError> {
        let kind = match residue.kind() {
            wire::ResidueKind::Unspecified => return Err(DecodeError::new("kind", "is not given")),
            wire::ResidueKind::Container => ResidueKind::Container,
            wire::ResidueKind::Mount => ResidueKind::Mount,
            wire::ResidueKind::Process => ResidueKind::Process,
            wire::ResidueKind::Cgroup => ResidueKind::Cgroup,
            wire::ResidueKind::ReservedPorts => ResidueKind::ReservedPorts,
            wire::ResidueKind::Sysctl => ResidueKind::Sysctl,
            wire::ResidueKind::HostsFile => ResidueKind::HostsFile,
            wire::ResidueKind::Address => ResidueKind::Address,
            wire::ResidueKind::Directory => ResidueKind::Directory,
        };
        Ok(Self {
            kind,
            cluster: residue.cluster.map(|cluster| text("cluster", &cluster)).transpose()?,
            subject: residue.subject,
            remedy: residue.remedy,
        })
    }
}
