//! Two agents of one machine change the same list of the kernel's and the same hosts file, again and again.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use throng_agent::host::engine::fake::state::FakeEngine;
use throng_agent::host::procs::table::Procs;
use throng_agent::reconcile::command::HostSettings;
use throng_agent::reconcile::effects::Host;
use throng_agent::resources::sysctl::key::SysctlKey;
use throng_agent::resources::sysctl::store::{ProcSys, Sysctls as _};
use throng_common::host_spec::{ClusterSpec, HostEntry, StartPace};
use throng_common::ids::ClusterId;
use throng_common::ports::PortSet;
use throng_common::sysctl_keys::RESERVED_PORTS;

use crate::machine::host;
use crate::network_namespace::in_private_network_namespace;

const RESERVED: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";
/// How often each agent gets a cluster and loses it again.
const ROUNDS: usize = 60;
/// Reserved by somebody else from the beginning to the end.
const FOREIGN: &str = "8080";

/// An agent with folders of its own, on a machine that it shares.
struct Agent {
    host: Arc<Host>,
    cluster: Arc<ClusterSpec>,
}

impl Agent {
    fn new(machine: &Path, name: &str, address: &str, ports: &str) -> Self {
        let folder = machine.join(name);
        let cluster: ClusterId = format!("{name}-x7k2").parse().unwrap();
        let cluster = ClusterSpec {
            address: address.parse().unwrap(),
            manage_address: false,
            names: vec![HostEntry { address: address.parse().unwrap(), names: vec![format!("{name}-0000")] }],
            ports: ports.parse().unwrap(),
            sysctls: Vec::new(),
            pace: StartPace { parallel: 0, per_second: None },
            nodes: Vec::new(),
            cluster,
        };
        let host = host(machine, &folder, FakeEngine::default(), Procs::default());
        Self { host: Arc::new(host), cluster: Arc::new(cluster) }
    }

    fn settle(&self, runtime: &tokio::runtime::Runtime, wanted: bool) {
        let clusters = if wanted { vec![Arc::clone(&self.cluster)] } else { Vec::new() };
        let settled =
            runtime.block_on(self.host.settle(HostSettings { clusters, occupied: BTreeSet::new(), blind: false }));
        assert!(settled.obstacles.is_empty() && settled.warnings.is_empty(), "{settled:?}");
    }

    /// Whether the machine has this agent's part.
    fn is_there(&self, machine: &Path) -> (bool, bool) {
        let reserved: PortSet = reserved().parse().unwrap();
        let hosts = fs::read_to_string(machine.join("hosts")).unwrap();
        (self.cluster.ports.difference(&reserved).is_empty(), hosts.contains(self.cluster.cluster.as_str()))
    }
}

fn reserved() -> String {
    ProcSys::default().read(&SysctlKey::new(RESERVED_PORTS).unwrap()).unwrap().unwrap()
}

#[test]
fn two_agents_of_one_machine_never_lose_each_others_part() {
    in_private_network_namespace(|| {
        let machine = tempfile::Builder::new().prefix("throng-").tempdir().unwrap();
        let machine = machine.path();
        fs::write(RESERVED, format!("{FOREIGN}\n")).unwrap();
        fs::write(machine.join("hosts"), "127.0.0.1 localhost\n").unwrap();
        let agents = [
            Agent::new(machine, "one", "127.84.0.1", "20000-20049,20100-20149,20200-20249,20300"),
            Agent::new(machine, "two", "127.84.0.2", "20060-20089,20160-20189,20260-20289,20400"),
        ];
        // Each locks through a file that it opened itself, as two processes would.
        std::thread::scope(|scope| {
            for agent in &agents {
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    for round in 0..ROUNDS {
                        for wanted in [true, false] {
                            agent.settle(&runtime, wanted);
                            assert_eq!(agent.is_there(machine), (wanted, wanted), "round {round}");
                        }
                    }
                });
            }
        });
        assert_eq!(reserved(), FOREIGN);
        assert_eq!(fs::read_to_string(machine.join("hosts")).unwrap(), "127.0.0.1 localhost\n");
    });
}
