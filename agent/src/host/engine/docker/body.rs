//! The body of a create call: hardened, bounded, and nothing in it that costs time.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountBindOptions,
    MountBindOptionsPropagationEnum, MountType, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};

use throng_common::size::ByteSize;

use crate::host::engine::model::{Bind, ContainerPlan};

/// The log driver that is cheapest to write and that the engine can read back.
const LOG_DRIVER: &str = "local";
/// Options of the log driver: two files of 1 MB a container, so that 100 containers keep 200 MB at the most.
/// Not compressed: that costs the engine's CPU time in the midst of a test.
const LOG_OPTIONS: [(&str, &str); 3] = [("max-size", "1m"), ("max-file", "2"), ("compress", "false")];
/// When memory ends on the host, nodes go before the engine and the agent. Raising needs no privilege.
const NODE_OOM_SCORE_ADJ: i64 = 500;
/// Nanoseconds of CPU time a second for a thousandth of a core.
const NANO_CPUS_PER_MILLI: u64 = 1_000_000;

/// The body for this plan. Numbers beyond the API's range are cut to it.
pub(super) fn create_body(plan: &ContainerPlan) -> ContainerCreateBody {
    ContainerCreateBody {
        hostname: Some(plan.hostname.clone()),
        user: plan.user.clone(),
        env: Some(plan.env.iter().map(|(key, value)| format!("{key}={value}")).collect()),
        cmd: (!plan.command.is_empty()).then(|| plan.command.clone()),
        image: Some(plan.image.clone()),
        working_dir: plan.workdir.clone(),
        entrypoint: plan.entrypoint.clone(),
        labels: Some(plan.labels.clone().into_iter().collect()),
        stop_signal: Some(plan.stop_signal.to_string()),
        stop_timeout: Some(signed(plan.stop_grace.as_secs())),
        // The agent asks; the engine would start a program in each of many nodes, again and again.
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..Default::default() }),
        host_config: Some(host_config(plan)),
        ..Default::default()
    }
}

fn host_config(plan: &ContainerPlan) -> HostConfig {
    let memory = plan.memory.map(|size| signed(size.as_bytes()));
    HostConfig {
        network_mode: Some("host".to_owned()),
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
        init: plan.init.then_some(true),
        privileged: Some(false),
        readonly_rootfs: Some(plan.read_only),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: (!plan.capabilities.is_empty()).then(|| plan.capabilities.clone()),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        oom_score_adj: Some(NODE_OOM_SCORE_ADJ),
        memory,
        memory_swap: memory,
        nano_cpus: plan.cpu_millis.map(|millis| signed(millis.saturating_mul(NANO_CPUS_PER_MILLI))),
        pids_limit: plan.pids.map(i64::from),
        ulimits: plan.nofile.map(|files| {
            let limit = Some(signed(files));
            vec![ResourcesUlimits { name: Some("nofile".to_owned()), soft: limit, hard: limit }]
        }),
        log_config: Some(HostConfigLogConfig {
            typ: Some(LOG_DRIVER.to_owned()),
            config: Some(LOG_OPTIONS.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()),
        }),
        mounts: (!plan.binds.is_empty()).then(|| plan.binds.iter().map(mount).collect()),
        tmpfs: (!plan.scratch.is_empty()).then(|| scratch(plan)),
        ..Default::default()
    }
}

/// A bind as a mount: unlike the short form it is refused when its source is missing, instead of made up.
fn mount(bind: &Bind) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(bind.source.to_string_lossy().into_owned()),
        target: Some(bind.target.clone()),
        read_only: Some(bind.read_only),
        bind_options: Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Scratch folders may hold programs: JVMs unpack their native libraries to /tmp.
///
/// runc 1.1 gives one the mode of what lies at its path in the image, or of the working directory that the engine makes
/// there, whatever mode is asked for: it is the user's, as far as that is known by number.
fn scratch(plan: &ContainerPlan) -> HashMap<String, String> {
    let owner = owner(plan.user.as_deref().unwrap_or_default());
    let options = |size: &ByteSize| format!("rw,exec,nosuid,nodev,mode=1777,size={}{owner}", size.as_bytes());
    plan.scratch.iter().map(|(path, size)| (path.clone(), options(size))).collect()
}

/// Mount options for a user written as `uid` or `uid:gid`; none for a name, which only the image knows.
fn owner(user: &str) -> String {
    let (uid, gid) = user.split_once(':').unwrap_or((user, ""));
    let option = |key: &str, id: &str| id.parse::<u32>().map(|id| format!(",{key}={id}")).unwrap_or_default();
    format!("{}{}", option("uid", uid), option("gid", gid))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_folder_belongs_to_a_user_that_is_known_by_number() {
        for (user, options) in [("1000:100", ",uid=1000,gid=100"), ("1000", ",uid=1000"), ("redis", ""), ("", "")] {
            assert_eq!(owner(user), options, "{user}");
        }
    }
}
