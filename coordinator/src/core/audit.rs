//! The teardown audit: what of throng the hosts still have, from kernel and engine only.

use std::collections::BTreeSet;
use std::time::Duration;

use throng_common::ids::HostId;
use throng_common::ports::PortSet;
use throng_common::status::{AuditScope, Residue, SysctlChange};
use throng_proto::agent::{self as wire, agent_client::AgentClient};

use super::coordinator::{Core, CoreError};
use crate::cluster::ClusterRecord;
use crate::fleet::{FleetError, fan_out};

/// How long a host may take to look through every mount namespace and process.
const AUDIT_DEADLINE: Duration = Duration::from_secs(60);

impl Core {
    /// Audits the hosts of a cluster that was taken down: what the journal knows is only added to what the marks tell.
    pub async fn audit_cluster(&self, record: &ClusterRecord) -> Vec<(HostId, Result<Vec<Residue>, CoreError>)> {
        let hosts = record.hosts();
        fan_out(hosts, |host| async move {
            let planned = record.plan.hosts.iter().find(|planned| planned.host == host);
            let reserved = planned.map(|planned| planned.reserved.clone()).unwrap_or_default();
            let scope = AuditScope {
                cluster: Some(record.id.clone()),
                live: Vec::new(),
                ports: reserved.difference(&self.ports_of_others(record, &host)),
                sysctls: self.sysctls_to_be_restored(record, &host),
                address: planned.filter(|planned| planned.manage_address).map(|planned| planned.address),
            };
            self.audit_host(&host, &scope).await
        })
        .await
    }

    /// Audits all connected hosts for what no live cluster owns.
    pub async fn audit_all(&self) -> Vec<(HostId, Result<Vec<Residue>, CoreError>)> {
        let live: Vec<_> = self.clusters().iter().map(|cluster| cluster.record().id.clone()).collect();
        let scope = AuditScope { live, ..AuditScope::default() };
        fan_out(self.fleet.connected(), |host| {
            let scope = scope.clone();
            async move { self.audit_host(&host, &scope).await }
        })
        .await
    }

    async fn audit_host(&self, host: &HostId, scope: &AuditScope) -> Result<Vec<Residue>, CoreError> {
        let ask = || {
            let request = wire::AuditRequest::from(scope);
            let rpc = |mut agent: AgentClient<_>, request| async move { agent.audit(request).await };
            self.fleet.call(host, AUDIT_DEADLINE, request, rpc)
        };
        let reply = self.fleet.patiently_with_engine(host, ask).await?;
        let residues = reply.residues.into_iter().map(Residue::try_from).collect::<Result<Vec<_>, _>>();
        residues.map_err(|source| FleetError::Decode { host: host.clone(), source }.into())
    }

    fn ports_of_others(&self, record: &ClusterRecord, host: &HostId) -> PortSet {
        let mut ports = PortSet::default();
        for cluster in self.clusters().iter().map(|cluster| cluster.record()).filter(|other| other.id != record.id) {
            let planned = cluster.plan.hosts.iter().filter(|planned| planned.host == *host);
            ports = planned.fold(ports, |ports, planned| ports.union(&planned.reserved));
        }
        ports
    }

    /// Sysctls that nobody else of ours still needs raised. The ports' list is audited by its ports.
    fn sysctls_to_be_restored(&self, record: &ClusterRecord, host: &HostId) -> Vec<SysctlChange> {
        let needed: BTreeSet<String> = self
            .clusters()
            .iter()
            .map(|cluster| cluster.record())
            .filter(|other| other.id != record.id)
            .flat_map(|other| other.plan.hosts.clone())
            .flat_map(|planned| planned.sysctls)
            .map(|sysctl| sysctl.spec.key)
            .collect();
        let changes = record.sysctls.get(host).into_iter().flat_map(|changes| changes.values());
        let restored = |change: &&SysctlChange| {
            !needed.contains(&change.key) && change.key != throng_common::sysctl_keys::RESERVED_PORTS
        };
        changes.filter(restored).cloned().collect()
    }
}
