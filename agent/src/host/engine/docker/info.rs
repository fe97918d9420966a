//! What the engine is, and whether throng can work with it.

use std::path::{Path, PathBuf};

use bollard::models::SystemInfo;
use throng_common::status::EngineFacts;

use super::client::{Ask, DockerEngine, question};
use crate::host::engine::error::EngineResult;
use crate::host::engine::model::EngineInfo;
use crate::host::procs::peer::peer_pid;
use crate::host::procs::table::Procs;

const ASK: Ask<'static> = Ask { operation: "ask what it is:", subject: "the engine" };
/// The oldest API that throng works with, and the engine that brought it.
const OLDEST_API: (u32, u32) = (1, 41);
const OLDEST_ENGINE: &str = "20.10";
/// Where a packaged engine writes its process id.
const PID_FILES: [&str; 2] = ["/var/run/docker.pid", "/run/docker.pid"];
/// Process id of the machine's first process: with socket activation it is the one that listens.
const INIT_PID: u32 = 1;
/// What the engine reports as its init's commit where there is no init.
const NO_COMMIT: &str = "N/A";

impl DockerEngine {
    pub(super) async fn ping_engine(&self) -> EngineResult<()> {
        question(ASK, self.docker.ping()).await.map(|_| ())
    }

    pub(super) async fn read_info(&self) -> EngineResult<EngineInfo> {
        let version = question(ASK, self.docker.version()).await?;
        let info = question(ASK, self.docker.info()).await?;
        let components = version.components.unwrap_or_default().into_iter().map(|component| component.name).collect();
        let version_text = version.version.unwrap_or_default();
        let api_version = version.api_version.unwrap_or_default();
        let unusable = unusable(&info, components).or_else(|| too_old(&version_text, &api_version));
        let pid = engine_pid(&self.socket);
        // A build of the init need not say its commit: Debian's gives none. An engine that has no init says so.
        let init_commit = info.init_commit.and_then(|commit| commit.id);
        Ok(EngineInfo {
            facts: EngineFacts {
                version: version_text,
                api_version,
                socket: self.socket.display().to_string(),
                storage_driver: info.driver.unwrap_or_default(),
                cgroup_driver: info.cgroup_driver.map(|driver| driver.to_string()).unwrap_or_default(),
                live_restore: info.live_restore_enabled.unwrap_or(false),
                unusable,
                pid,
            },
            has_init: init_commit.is_some_and(|id| id != NO_COMMIT),
            data_root: PathBuf::from(info.docker_root_dir.unwrap_or_default()),
            nofile_hard: pid.and_then(|pid| Procs::default().nofile_hard(pid).ok().flatten()),
        })
    }
}

/// Why throng cannot work with this engine: where a mount made by the agent would not be seen in its containers.
fn unusable(info: &SystemInfo, components: Vec<String>) -> Option<String> {
    let options = info.security_options.as_deref().unwrap_or_default();
    let system = info.operating_system.as_deref().unwrap_or_default();
    let root = info.docker_root_dir.as_deref().unwrap_or_default();
    let reason = if options.iter().any(|option| option == "name=rootless" || option.starts_with("name=rootless,")) {
        "it is rootless, so the agent's ramdisks would not be seen in its containers; use a rootful engine (docker.io)"
    } else if system == "Docker Desktop" {
        "it is Docker Desktop, whose containers live in a virtual machine; use the distribution's engine (docker.io)"
    } else if root.starts_with("/var/snap/") {
        "it is the snap package, which is confined and does not see the agent's mounts; install docker.io instead"
    } else if options.iter().any(|option| option.starts_with("name=userns")) {
        "it maps container users to others (userns-remap), so ramdisks would belong to nobody; switch that off"
    } else if components.iter().any(|name| name == "Podman Engine") {
        "it is Podman, which has no `local` log driver and imports images under other names; install docker.io"
    } else {
        return None;
    };
    Some(reason.to_owned())
}

/// Why an engine is too old for throng; none where it is not.
fn too_old(version: &str, api_version: &str) -> Option<String> {
    let numbers =
        api_version.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    let (major, minor) = OLDEST_API;
    (numbers? < OLDEST_API).then(|| {
        format!(
            "it is version {version} (API {api_version}), and throng works with {OLDEST_ENGINE} (API {major}.{minor}) and later: upgrade it (Debian 11 and later: docker.io)"
        )
    })
}

/// The engine's process: who listens on its socket or, where that is the machine's init, who wrote its pid file.
fn engine_pid(socket: &Path) -> Option<u32> {
    let engine = |pid: &u32| *pid > INIT_PID;
    peer_pid(socket).ok().flatten().filter(engine).or_else(|| {
        PID_FILES.iter().find_map(|path| std::fs::read_to_string(path).ok()?.trim().parse().ok()).filter(engine)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(system: &str, root: &str, options: &[&str]) -> SystemInfo {
        SystemInfo {
            operating_system: Some(system.to_owned()),
            docker_root_dir: Some(root.to_owned()),
            security_options: Some(options.iter().map(|&option| option.to_owned()).collect()),
            ..Default::default()
        }
    }

    #[test]
    fn engines_that_do_not_see_our_mounts_are_refused_with_the_reason() {
        let plain = info("Debian GNU/Linux 12", "/var/lib/docker", &["name=seccomp,profile=default"]);
        assert_eq!(unusable(&plain, vec!["Engine".to_owned()]), None);
        for (case, word) in [
            (info("Debian", "/home/a/.local/share/docker", &["name=seccomp", "name=rootless"]), "rootless"),
            (info("Docker Desktop", "/var/lib/docker", &[]), "Docker Desktop"),
            (info("Ubuntu Core 22", "/var/snap/docker/common/var-lib-docker", &[]), "snap"),
            (info("Debian", "/var/lib/docker/100000.100000", &["name=userns"]), "userns-remap"),
        ] {
            assert!(unusable(&case, Vec::new()).unwrap().contains(word), "{word}");
        }
        assert!(unusable(&plain, vec!["Podman Engine".to_owned()]).unwrap().contains("Podman"));
    }

    #[test]
    fn an_engine_older_than_those_that_are_tested_is_refused_with_both_versions() {
        let reason = too_old("19.03.15", "1.40").unwrap();
        for words in ["19.03.15 (API 1.40)", "20.10 (API 1.41)", "upgrade it"] {
            assert!(reason.contains(words), "{reason}");
        }
        for (version, api) in [("20.10.24", "1.41"), ("29.8.0", "1.56"), ("3.0.0", "2.0"), ("odd", "")] {
            assert_eq!(too_old(version, api), None, "{version}");
        }
    }
}
