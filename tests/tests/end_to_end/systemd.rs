//! Machines whose control groups a service manager looks after as well.

use std::path::{Path, PathBuf};
use std::process::Command;

use throng_tests::host;
use throng_tests::site::{Site, in_site};

/// Limits of the hub, which is a process: its group is throng's own work.
const LIMITS: &str = "[role.hub]\nmemory = \"64MiB\"\npids = 100\ncpu = 0.5\n";

/// What the kernel holds the cluster's nodes to: each file of a limit with its value.
fn limits(site: &Site, cluster: &str) -> Vec<(PathBuf, String)> {
    let hub = host::cgroups(&format!("{cluster}/hub-0000")).into_iter().next().expect("the hub has a group");
    let worker = site.node("worker-0000")["pid"].as_i64().expect("a worker that runs has a process");
    let place = std::fs::read_to_string(format!("/proc/{worker}/cgroup")).unwrap();
    let place = place.lines().find_map(|line| line.strip_prefix("0::/")).expect("one hierarchy");
    let worker = Path::new("/sys/fs/cgroup").join(place);
    let files = ["memory.max", "pids.max", "cpu.max"];
    let all = [hub, worker].into_iter().flat_map(|group| files.map(|file| group.join(file)));
    all.map(|file| (file.clone(), std::fs::read_to_string(&file).unwrap_or_else(|error| error.to_string()))).collect()
}

#[test]
#[cfg_attr(not(systemd), ignore = "no systemd was here when it was built: see `make test-vm`")]
fn the_nodes_keep_their_limits_when_the_service_manager_is_reloaded() {
    in_site(|site| {
        let (scenario, overlay) = (site.tiny(), site.file("limits.toml", LIMITS));
        let _ = site.throng(&["up", &scenario, "--overlay", &overlay]).expect_code(0);
        let cluster = site.cluster();
        let before = limits(site, &cluster);
        let values: Vec<&str> = before.iter().map(|(_, value)| value.trim()).collect();
        let (mib, whole) = (1 << 20, "max 100000");
        let memory = [64 * mib, 16 * mib].map(|bytes: u32| bytes.to_string());
        assert_eq!(values, [&memory[0], "100", "50000 100000", &memory[1], "32", whole], "{before:#?}");

        for verb in ["daemon-reload", "daemon-reexec"] {
            let done = Command::new("systemctl").arg(verb).status().unwrap();
            assert!(done.success(), "systemctl {verb}: {done}");
            assert_eq!(limits(site, &cluster), before, "after {verb}");
        }
        site.wait_for_count("worker", 3);
        assert!(throng_tests::site::nodes(&site.ps()).iter().all(|node| node["restarts"] == 0));
        site.down();
    });
}
