//! What a test's throng left on this machine: found by its names alone, without asking throng.

use std::time::Duration;

use nix::mount::{MntFlags, umount2};

use super::site::Site;
use crate::wait::patiently;
use crate::{engine, host};

/// How long the sum of what is ending may take to be gone.
const SETTLE: Duration = Duration::from_secs(5);

/// What is left of a site, one line each. What is just ending is given a moment.
pub fn find(site: &Site) -> Vec<String> {
    let deadline = std::time::Instant::now() + patiently(SETTLE);
    loop {
        let found = look(site);
        if found.is_empty() || std::time::Instant::now() > deadline {
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn look(site: &Site) -> Vec<String> {
    let mut found = Vec::new();
    let containers = engine::containers(&container_prefix(site.name()));
    found.extend(containers.iter().map(|container| format!("container {}", container.name)));
    for text in texts(site.name(), site.mark()) {
        found
            .extend(host::mounts(&text).iter().map(|(source, point)| format!("mount {source} at {}", point.display())));
        found.extend(host::processes(&text).iter().map(|process| format!("process {process:?}")));
    }
    found.extend(host::cgroups(site.name()).iter().map(|group| format!("cgroup {}", group.display())));
    let folders = std::fs::read_dir(site.run_dir()).into_iter().flatten().flatten();
    let clusters = folders.filter(|folder| folder.file_name().to_string_lossy().starts_with(site.name()));
    found.extend(clusters.map(|folder| format!("folder {}", folder.path().display())));
    // Others may have lines of their own in it meanwhile.
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    found.extend(hosts.lines().filter(|line| line.contains(site.name())).map(|line| format!("/etc/hosts: {line}")));
    found.extend(site.before().differences());
    found
}

/// Removes by force what is left; whatever cannot be removed stays for the next look.
pub fn remove(site: &Site) {
    remove_named(site.name(), site.mark());
    if !site.before().differences().is_empty() {
        site.before().put_back();
    }
}

/// The same, of a site of which only the name and the mark are known.
pub fn remove_named(name: &str, mark: &str) {
    // The daemons first: they would start again what ends.
    for text in texts(name, mark) {
        for process in host::processes(&text) {
            host::kill_now(process.pid);
        }
    }
    for container in engine::containers(&container_prefix(name)) {
        engine::remove(&container.id);
    }
    for text in texts(name, mark) {
        for (_, point) in host::mounts(&text).iter().rev() {
            let _ = umount2(point, MntFlags::MNT_DETACH);
        }
    }
    // A group goes once the kernel has done with its last process.
    let deadline = std::time::Instant::now() + patiently(SETTLE);
    let is_left = || host::cgroups(name).iter().filter(|group| std::fs::remove_dir(group).is_err()).count() > 0;
    while is_left() && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(100));
    }
    // The group above all clusters stays while another throng has one in it.
    for top in host::cgroups("/throng") {
        let _ = std::fs::remove_dir(top);
    }
}

fn container_prefix(name: &str) -> String {
    format!("throng-{name}")
}

/// Every process of a site has its folders among its variables or arguments; every mount is named after them or it.
fn texts(name: &str, mark: &str) -> [String; 2] {
    [mark.to_owned(), format!("throng:{name}")]
}
