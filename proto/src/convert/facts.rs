//! What a host is and has.

use throng_common::status::{EngineFacts, HostFacts, UnixMillis};

use super::{DecodeError, text};
use crate::agent as wire;

impl From<&HostFacts> for wire::HostFacts {
    fn from(facts: &HostFacts) -> Self {
        Self {
            hostname: facts.hostname.clone(),
            kernel: facts.kernel.clone(),
            boot_id: facts.boot_id.clone(),
            cpu_cores: facts.cpu_cores,
            memory_total_bytes: facts.memory_total_bytes,
            memory_available_bytes: facts.memory_available_bytes,
            cgroup_version: facts.cgroup_version,
            engine: facts.engine.as_ref().map(Into::into),
            engine_problem: facts.engine_problem.clone(),
            run_dir: facts.run_dir.clone(),
            state_dir: facts.state_dir.clone(),
            sysctls: facts.sysctls.clone().into_iter().collect(),
            child_pid_namespace: facts.child_pid_namespace,
            engine_nofile_hard: facts.engine_nofile_hard,
            agent_nofile_hard: facts.agent_nofile_hard,
            engine_lifts_limits: facts.engine_lifts_limits,
            agent_lifts_limits: facts.agent_lifts_limits,
            root_keys: facts.root_keys,
            tasks: facts.tasks,
            open_files: facts.open_files,
            listening_ports: facts.listening_ports.to_string(),
            addresses: facts.addresses.iter().map(ToString::to_string).collect(),
            now_unix_millis: facts.now.0,
            engine_disk_free_bytes: facts.engine_disk_free_bytes,
        }
    }
}

impl TryFrom<wire::HostFacts> for HostFacts {
    type Error = DecodeError;
    fn try_from(facts: wire::HostFacts) -> Result<Self, DecodeError> {
        Ok(Self {
            hostname: facts.hostname,
            kernel: facts.kernel,
            boot_id: facts.boot_id,
            cpu_cores: facts.cpu_cores,
            memory_total_bytes: facts.memory_total_bytes,
            memory_available_bytes: facts.memory_available_bytes,
            cgroup_version: facts.cgroup_version,
            engine: facts.engine.map(Into::into),
            engine_problem: facts.engine_problem,
            run_dir: facts.run_dir,
            state_dir: facts.state_dir,
            sysctls: facts.sysctls.into_iter().collect(),
            child_pid_namespace: facts.child_pid_namespace,
            engine_nofile_hard: facts.engine_nofile_hard,
            agent_nofile_hard: facts.agent_nofile_hard,
            engine_lifts_limits: facts.engine_lifts_limits,
            agent_lifts_limits: facts.agent_lifts_limits,
            root_keys: facts.root_keys,
            tasks: facts.tasks,
            open_files: facts.open_files,
            listening_ports: text("listening_ports", &facts.listening_ports)?,
            addresses: facts.addresses.iter().map(|address| text("addresses", address)).collect::<Result<_, _>>()?,
            now: UnixMillis(facts.now_unix_millis),
            engine_disk_free_bytes: facts.engine_disk_free_bytes,
        })
    }
}

impl From<&EngineFacts> for wire::EngineFacts {
    fn from(facts: &EngineFacts) -> Self {
        Self {
            version: facts.version.clone(),
            api_version: facts.api_version.clone(),
            socket: facts.socket.clone(),
            storage_driver: facts.storage_driver.clone(),
            cgroup_driver: facts.cgroup_driver.clone(),
            live_restore: facts.live_restore,
            unusable: facts.unusable.clone(),
            pid: facts.pid,
        }
    }
}

impl From<wire::EngineFacts> for EngineFacts {
    fn from(facts: wire::EngineFacts) -> Self {
        Self {
            version: facts.version,
            api_version: facts.api_version,
            socket: facts.socket,
            storage_driver: facts.storage_driver,
            cgroup_driver: facts.cgroup_driver,
            live_restore: facts.live_restore,
            unusable: facts.unusable,
            pid: facts.pid,
        }
    }
}
