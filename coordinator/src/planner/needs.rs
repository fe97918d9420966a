//! What one node of a role needs of its host.

use throng_common::ids::RoleName;
use throng_common::scenario::model::{Role, RunKind, Scenario};
use throng_common::size::ByteSize;

use super::layout::PortLayout;
use super::refusal::Problem;

/// Memory of the engine for one container: shim, and what containerd, dockerd and the kernel keep for it.
///
/// Measured with Docker 20.10: 100 Redis replicas cost 8 MB each in all, of which 3 MB are Redis itself; of 40 idle
/// containers the shims' proportional share was 2.7 MB each, the daemons grew by 0.6 MB each. Rounded up.
pub(super) const ENGINE_MEMORY_EACH: ByteSize = ByteSize::mib(6);
/// Tasks of the engine for one container. Measured with Docker 20.10: 11.4 threads of the shim on average.
pub(super) const ENGINE_TASKS_EACH: u64 = 12;
/// Tasks that a node is expected to have at once, where its `pids` allows as many: a JVM has 30 to 60, Redis 5.
pub(super) const NODE_TASKS_EXPECTED: u64 = 32;
/// Open files of dockerd for one container. Measured with Docker 20.10, `local` log driver: 5.1.
pub(super) const ENGINE_FILES_EACH: u64 = 6;
/// Open files of the whole system for one container, its own not counted. Measured: 39, most of them the shim's.
pub(super) const SYSTEM_FILES_EACH: u64 = 40;
/// Open files that a node is expected to have, where its `nofile` allows as many.
pub(super) const NODE_FILES_EXPECTED: u64 = 256;
/// Connections of a node that a firewall with state follows: one entry for each, also over loopback (measured), kept for
/// two minutes after its end. A probe every 15 s leaves 8; a member of a cluster has its own to the others, and its
/// clients'.
pub(super) const NODE_CONNECTIONS_EXPECTED: u64 = 64;
/// Mounts in the host's namespace for one container, its ramdisks not counted: root file system, shared memory.
/// Measured with Docker 20.10: 1; other storage drivers and engines make two.
pub(super) const ENGINE_MOUNTS_EACH: u64 = 2;

/// Most nodes of one role: no fleet that throng is made for goes beyond, and what is looked at stays bounded.
pub(super) const NODES_PER_ROLE_MAX: u32 = 65_536;

/// A role with what one node of it needs.
#[derive(Debug)]
pub(super) struct RoleNeeds<'a> {
    /// The role's name.
    pub(super) name: &'a RoleName,
    /// The role.
    pub(super) role: &'a Role,
    /// Memory that a node may use.
    pub(super) memory: ByteSize,
    /// Its ports.
    pub(super) layout: PortLayout,
}

impl RoleNeeds<'_> {
    /// Whether its nodes are containers.
    pub(super) fn is_container(&self) -> bool {
        self.role.run == RunKind::Container
    }

    /// Keys of root's that the runtime makes for a node: the session keyring of a container.
    pub(super) fn keys(&self) -> u64 {
        u64::from(self.is_container())
    }

    /// Tasks that a node is expected to have, the engine's included.
    pub(super) fn tasks_expected(&self) -> u64 {
        self.own_tasks_expected() + self.engine(ENGINE_TASKS_EACH)
    }

    /// Tasks of the node itself that are expected.
    pub(super) fn own_tasks_expected(&self) -> u64 {
        u64::from(self.role.pids).min(NODE_TASKS_EXPECTED)
    }

    /// Tasks that a node may have, the engine's included.
    pub(super) fn tasks_allowed(&self) -> u64 {
        u64::from(self.role.pids) + self.engine(ENGINE_TASKS_EACH)
    }

    /// Open files in all that a node is expected to cause.
    pub(super) fn files_expected(&self) -> u64 {
        self.role.nofile.unwrap_or(NODE_FILES_EXPECTED).min(NODE_FILES_EXPECTED) + self.engine(SYSTEM_FILES_EACH)
    }

    /// Mounts in the host's namespace.
    pub(super) fn mounts(&self) -> u64 {
        let ramdisks = u64::try_from(self.role.ramdisk.len()).expect("a role has few ramdisks");
        ramdisks + self.engine(ENGINE_MOUNTS_EACH)
    }

    /// `each` for a container, nothing for a process.
    fn engine(&self, each: u64) -> u64 {
        if self.is_container() { each } else { 0 }
    }
}

/// What a node of the role may use: its limit, else what its ramdisks and scratch folders may take.
fn memory_of(role: &Role) -> ByteSize {
    role.memory.unwrap_or_else(|| role.in_memory_max())
}

/// The place of the role that each is paired with.
pub(super) fn partners(needs: &[RoleNeeds<'_>]) -> Vec<Option<usize>> {
    let partner = |need: &RoleNeeds<'_>| {
        let with = need.role.with.as_ref()?;
        needs.iter().position(|other| other.name == with && other.role.with.is_none())
    };
    needs.iter().map(partner).collect()
}

/// All roles in the order in which their nodes get places and ports: processes first, then by falling block size
/// (large blocks find room most easily while nothing is taken), then by name. It depends on no count, so that a node
/// more moves no other.
pub(super) fn needs(scenario: &Scenario) -> Result<Vec<RoleNeeds<'_>>, Vec<Problem>> {
    let mut needs = Vec::new();
    let mut problems = Vec::new();
    for (name, role) in &scenario.role {
        if role.count > NODES_PER_ROLE_MAX {
            problems.push(Problem::TooManyNodes { role: name.clone(), count: role.count });
        }
        if let Some(with) = &role.with
            && let Some(partner) = scenario.role.get(with)
            && partner.count < role.count
        {
            let (count, partners) = (role.count, partner.count);
            problems.push(Problem::Unpaired { role: name.clone(), count, with: with.clone(), partners });
        }
        match PortLayout::of(&role.ports) {
            Ok(layout) => needs.push(RoleNeeds { name, role, memory: memory_of(role), layout }),
            Err(reason) => problems.push(Problem::PortLayout { role: name.clone(), reason }),
        }
    }
    needs.sort_by_key(|need| (need.is_container(), std::cmp::Reverse(need.layout.block), need.name));
    if problems.is_empty() { Ok(needs) } else { Err(problems) }
}
