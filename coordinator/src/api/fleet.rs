//! The coordinator itself, hosts, credentials, audit.

use std::sync::Arc;
use std::time::Duration;

use throng_common::error_chain::chain;
use throng_common::ids::{HostId, OperatorName};
use throng_common::span::SPAN_MAX;
use throng_common::status::HostFacts;
use throng_proto::{agent, operator as wire};
use tonic::Status;

use super::service::ApiService;
use super::status::{invalid, of_store};
use super::wire::residue;
use crate::clock;
use crate::fleet::LinkState;
use crate::fleet::fan_out;
use crate::pki::{Principal, Validity};
use crate::store::OperatorRecord;

/// How long a join token can be used where the caller does not say.
const TOKEN_TTL: Duration = Duration::from_secs(15 * 60);

/// How long an operator's certificate is valid where the caller does not say.
const OPERATOR_TTL: Duration = Duration::from_secs(24 * 3600);

/// How long agents may take to end at a stop.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(15);

fn certificate(record: OperatorRecord) -> wire::OperatorCertificate {
    let role = match record.role.as_str() {
        "operator" => wire::OperatorRole::Operator,
        "viewer" => wire::OperatorRole::Viewer,
        _ => wire::OperatorRole::Unspecified,
    };
    wire::OperatorCertificate {
        name: record.name,
        role: role.into(),
        serial: record.serial,
        issued_unix_millis: record.issued.0,
        expires_unix_millis: record.expires.0,
    }
}

fn ttl(millis: u64, default: Duration) -> Result<Duration, Status> {
    match Duration::from_millis(millis) {
        Duration::ZERO => Ok(default),
        ttl if ttl > SPAN_MAX => Err(invalid("ttl_millis", "it is longer than a century")),
        ttl => Ok(ttl),
    }
}

impl ApiService {
    pub(super) fn coordinator(&self) -> wire::Coordinator {
        let resident = std::fs::read_to_string("/proc/self/statm").ok();
        let pages = resident.and_then(|text| text.split_ascii_whitespace().nth(1)?.parse::<u64>().ok());
        wire::Coordinator {
            fleet: self.core.fleet_id.to_string(),
            build: throng_proto::version::BUILD.to_owned(),
            epoch: self.core.epoch.0,
            address: self.address.to_string(),
            ca_pin: self.authority.ca_pin().to_string(),
            state_dir: self.core.state.root().display().to_string(),
            pid: std::process::id(),
            started_unix_millis: self.core.started.0,
            // Pages are 4 KiB on all machines that throng runs on.
            resident_bytes: pages.unwrap_or(0) * 4096,
            clusters: self.core.clusters().iter().map(|cluster| cluster.record().id.to_string()).collect(),
            connected_hosts: self.core.fleet.connected().iter().map(ToString::to_string).collect(),
            warnings: self.core.warnings.clone(),
            unknown_clusters: self.core.hosts.unknown().iter().map(ToString::to_string).collect(),
        }
    }

    pub(super) async fn end(&self, request: wire::StopRequest) -> Result<wire::StopReply, Status> {
        if let Some(info) = self.core.operations.list().into_iter().find(|info| info.outcome.is_none()) {
            let text = format!("operation {} is at work: wait for it, or interrupt it first", info.id);
            return Err(Status::failed_precondition(text));
        }
        let mut agents_left = Vec::new();
        if request.agents {
            let rpc =
                |mut agent: agent::agent_client::AgentClient<_>, request| async move { agent.shutdown(request).await };
            let fleet = &self.core.fleet;
            let end = |host| async move { fleet.call(&host, SHUTDOWN_DEADLINE, agent::ShutdownRequest {}, rpc).await };
            for (host, ended) in fan_out(fleet.connected(), end).await {
                if let Err(error) = ended {
                    let problem = chain(&error);
                    tracing::warn!(%host, problem, "the agent could not be ended");
                    agents_left.push(wire::AgentLeft { host: host.to_string(), problem });
                }
            }
        }
        self.core.stop.cancel();
        Ok(wire::StopReply { agents_left })
    }

    pub(super) async fn invite(
        &self,
        request: wire::CreateJoinTokenRequest,
    ) -> Result<wire::CreateJoinTokenReply, Status> {
        let host = (!request.host.is_empty()).then(|| HostId::new(request.host)).transpose();
        let host = host.map_err(|error| invalid("host", error))?;
        let token = self.enrolment.invite(host, ttl(request.ttl_millis, TOKEN_TTL)?).await.map_err(of_store)?;
        Ok(wire::CreateJoinTokenReply {
            token: token.reveal().to_owned(),
            ca_pin: self.authority.ca_pin().to_string(),
            address: self.address.to_string(),
        })
    }

    pub(super) async fn add_operator(
        &self,
        request: wire::CreateOperatorRequest,
    ) -> Result<wire::CreateOperatorReply, Status> {
        let role = request.role();
        let name = OperatorName::new(request.name).map_err(|error| invalid("name", error))?;
        let (principal, word) = match role {
            wire::OperatorRole::Unspecified => return Err(invalid("role", "is not given")),
            wire::OperatorRole::Operator => (Principal::Operator(name.clone()), "operator"),
            wire::OperatorRole::Viewer => (Principal::Viewer(name.clone()), "viewer"),
        };
        let validity = Validity::from_now(std::time::SystemTime::now(), ttl(request.ttl_millis, OPERATOR_TTL)?);
        let made = self.authority.issue_with_key(principal, validity);
        let made = made.map_err(|error| Status::internal(error.to_string()))?;
        let record = OperatorRecord {
            serial: made.issued.serial.clone(),
            name: name.to_string(),
            role: word.to_owned(),
            issued: clock::now(),
            expires: made.issued.expires,
        };
        self.core.store.save_operator(record).await.map_err(of_store)?;
        self.core.operators.add(made.issued.serial);
        self.core.note(None, &name, "operator-added", format!("a certificate as {word}")).await;
        Ok(wire::CreateOperatorReply {
            certificate: made.issued.certificate_pem,
            private_key: made.key_pem,
            ca_certificate: self.authority.certificate_pem().to_owned(),
            expires_unix_millis: made.issued.expires.0,
        })
    }

    pub(super) async fn operators(&self) -> Result<wire::ListOperatorsReply, Status> {
        let known = self.core.store.list_operators().await.map_err(of_store)?;
        Ok(wire::ListOperatorsReply { certificates: known.into_iter().map(certificate).collect() })
    }

    /// Withdraws certificates. They are good no more when this answers, also on connections that are open.
    pub(super) async fn withdraw_operator(
        &self,
        request: wire::RemoveOperatorRequest,
    ) -> Result<wire::RemoveOperatorReply, Status> {
        let name = OperatorName::new(request.name).map_err(|error| invalid("name", error))?;
        let serial = (!request.serial.is_empty()).then_some(request.serial);
        let (core, of) = (Arc::clone(&self.core), name.clone());
        // Whoever asked may go away, or withdraw what is asked with: what is withdrawn is so as a whole.
        let withdrawn = tokio::spawn(async move {
            let removed = core.store.remove_operators(of.to_string(), serial).await?;
            for record in &removed {
                core.operators.withdraw(&record.serial);
            }
            for record in &removed {
                core.note(None, &of, "operator-removed", format!("serial {}", record.serial)).await;
            }
            Ok(removed)
        });
        let withdrawn = withdrawn.await.map_err(|error| Status::internal(error.to_string()))?;
        let removed = withdrawn.map_err(of_store)?;
        if removed.is_empty() {
            let text = format!("no such certificate of {name} was given out, or it is withdrawn already");
            return Err(Status::not_found(format!("{text}\nhint: `throng operator list` shows those that are good")));
        }
        Ok(wire::RemoveOperatorReply { certificates: removed.into_iter().map(certificate).collect() })
    }

    pub(super) async fn hosts(&self) -> Result<wire::ListHostsReply, Status> {
        let known = self.core.store.list_hosts().await.map_err(of_store)?;
        let hosts = known.into_iter().map(|record| self.host_row(&record.host, &record.hostname));
        Ok(wire::ListHostsReply { hosts: hosts.collect() })
    }

    fn host_row(&self, host: &HostId, hostname: &str) -> wire::Host {
        let view = self.core.hosts.get(host);
        let (connected, problem, build) = match self.core.fleet.state(host) {
            Some(LinkState::Connected { hello, .. }) => (true, String::new(), hello.build.clone()),
            Some(LinkState::Disconnected { reason, .. }) => (false, reason.to_string(), String::new()),
            None => (false, "not connected since the coordinator started".to_owned(), String::new()),
        };
        let facts = view.facts.as_ref();
        let of = |pick: fn(&HostFacts) -> u64| facts.map_or(0, pick);
        let clusters = self.core.clusters();
        let planned = clusters.iter().flat_map(|cluster| cluster.record().plan.hosts.clone());
        let nodes: usize = planned.filter(|planned| planned.host == *host).map(|planned| planned.nodes.len()).sum();
        let engine = facts.and_then(|facts| match (&facts.engine, &facts.engine_problem) {
            (Some(engine), _) => Some(format!("Docker {}", engine.version)),
            (None, problem) => problem.clone(),
        });
        let progress = view.progress.as_ref();
        wire::Host {
            host: host.to_string(),
            hostname: facts.map_or(hostname, |facts| facts.hostname.as_str()).to_owned(),
            connected,
            problem,
            build,
            kernel: facts.map(|facts| facts.kernel.clone()).unwrap_or_default(),
            cpu_cores: facts.map_or(0, |facts| facts.cpu_cores),
            memory_total_bytes: of(|facts| facts.memory_total_bytes),
            memory_available_bytes: view
                .sample
                .as_ref()
                .map_or_else(|| of(|facts| facts.memory_available_bytes), |sample| sample.memory_available_bytes),
            engine: engine.unwrap_or_default(),
            nodes: u32::try_from(nodes).unwrap_or(u32::MAX),
            generation: progress.map_or(0, |progress| progress.generation.0),
            settled: self.core.hosts.is_settled(host),
            problems: progress
                .map(|progress| progress.problems.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            last_seen_unix_millis: view.heard.0,
            cpu_busy_cores: view.sample.as_ref().map(|sample| sample.cpu_busy_cores),
            lease_millis: 0,
        }
    }

    pub(super) async fn audit_now(&self) -> wire::AuditReply {
        let mut residues = Vec::new();
        for (host, audited) in self.core.audit_all().await {
            match audited {
                Ok(found) => residues.extend(found.iter().map(|left| residue(&host, left))),
                Err(error) => residues.push(wire::Residue {
                    host: host.to_string(),
                    kind: "unknown".to_owned(),
                    subject: error.to_string(),
                    remedy: "mend the host's link and audit again".to_owned(),
                    cluster: String::new(),
                }),
            }
        }
        wire::AuditReply { residues }
    }
}
