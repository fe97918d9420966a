//! What a node has before it runs, and loses after it is gone: folders, files, ramdisks, free ports.

use std::path::Path;

use throng_common::error_chain::chain;
use throng_common::host_spec::{NodeSpec, Workload};
use throng_common::status::{ReasonKind, UnixMillis};
use throng_failpoints::{Fault, Point, hit, planted};

use super::super::command::{Adopted, Key, WantedNode};
use super::super::node_state::Running;
use super::host::{Failure, Host};
use crate::host::mounts::mounter::{Detach, KernelMounter, Mounter as _};
use crate::host::mounts::table::Device;
use crate::ledger::NodeRecord;
use crate::resources::files::beneath::Owner;
use crate::resources::files::error::FilesError;
use crate::resources::files::folders::{Before, User};
use crate::resources::files::plan::DesiredFile;
use crate::resources::ramdisk::desired::DesiredRamdisk;
use crate::resources::ramdisk::observe::Observed;
use crate::resources::ramdisk::plan::Occasion;
use crate::resources::ramdisk::verify::device_of;
use crate::resources::{files, outcome, ports, ramdisk};

fn ramdisk_failure(error: &ramdisk::error::RamdiskError) -> Failure {
    Failure::new(ReasonKind::Ramdisk, error)
}

impl Host {
    /// Gives a node its folders, files and ramdisks, and makes sure that its ports are free. `restart`: it ran before,
    /// so what is not kept over a restart is emptied.
    pub(super) fn provide(
        &self,
        key: &Key,
        wanted: &WantedNode,
        owner: Owner,
        restart: bool,
    ) -> Result<Vec<Device>, Failure> {
        let spec = &wanted.spec;
        let paths = &self.parts.paths;
        let host = |error: &files::error::FilesError| Failure::new(ReasonKind::Host, error);
        let user = match &spec.workload {
            Workload::Container(container) => User::of_container(container.user.as_deref()),
            Workload::Process(_) => User::Process(owner),
        };
        let before = files::folders::ensure(paths, &key.cluster, &key.node, user).map_err(|error| host(&error))?;
        hit(Point::NodeFoldersMade);
        if let Some(disk) = &spec.disk {
            let made = files::folders::ensure_disk(paths, &key.cluster, &key.node, disk, user, restart);
            made.map_err(|error| host(&error))?;
        }
        for shared in &spec.shared {
            files::folders::ensure_shared(paths, &key.cluster, shared, user).map_err(|error| host(&error))?;
        }
        self.write_files(key, spec, owner)?;
        hit(Point::NodeFilesWritten);
        let verified = self.provide_ramdisks(key, spec, before, restart)?;
        hit(Point::RamdisksVerified);
        let ranges: Vec<_> = spec.ports.iter().map(|ports| ports.range).collect();
        if let Some(error) = ports::probe::probe(&self.parts.procs, wanted.address, &ranges).first() {
            return Err(Failure::new(ReasonKind::PortTaken, error));
        }
        hit(Point::PortsProbed);
        Ok(verified)
    }

    fn write_files(&self, key: &Key, spec: &NodeSpec, owner: Owner) -> Result<(), Failure> {
        if spec.files.is_empty() {
            return Ok(());
        }
        let folder = match &spec.workload {
            Workload::Container(_) => self.parts.paths.files_dir(&key.cluster, &key.node),
            Workload::Process(_) => self.parts.paths.work_dir(&key.cluster, &key.node),
        };
        let desired: Result<Vec<DesiredFile>, _> =
            spec.files.iter().map(|file| DesiredFile::new(file, owner)).collect();
        let desired = desired.map_err(|error| Failure::new(ReasonKind::Host, &error))?;
        let observed =
            files::apply::observe(&folder, &desired).map_err(|error| Failure::new(ReasonKind::Host, &error))?;
        let outcomes = files::apply::apply(&folder, files::plan::plan(&desired, &observed));
        let failed = outcome::failures(&outcomes).next().map(|(_, error)| Failure::new(ReasonKind::Host, error));
        failed.map_or(Ok(()), Err)
    }

    fn provide_ramdisks(
        &self,
        key: &Key,
        spec: &NodeSpec,
        before: Before,
        restart: bool,
    ) -> Result<Vec<Device>, Failure> {
        let desired = self.desired_ramdisks(key, spec)?;
        let scope = self.parts.paths.node_dir(&key.cluster, &key.node);
        let mounter = KernelMounter;
        let observed = match before {
            // The host's mount table is as long as there are nodes, and would be read for each of them.
            Before::Absent => Observed::default(),
            Before::Present => ramdisk::observe::observe(&mounter, &scope).map_err(|error| ramdisk_failure(&error))?,
        };
        let occasion = if restart { Occasion::Restart } else { Occasion::Keep };
        let plan = ramdisk::plan::plan(&desired, &observed, occasion);
        if let Some(obstacle) = plan.obstacles.first() {
            return Err(Failure::text(ReasonKind::Ramdisk, obstacle.to_string()));
        }
        let outcomes = ramdisk::apply::apply(&mounter, plan);
        if let Some((_, error)) = outcome::failures(&outcomes).next() {
            return Err(ramdisk_failure(error));
        }
        self.verify_ramdisks(key, desired)
    }

    /// The devices are kept: the node must see these very ones, and these are taken away after it.
    fn verify_ramdisks(&self, key: &Key, desired: Vec<DesiredRamdisk>) -> Result<Vec<Device>, Failure> {
        let verify =
            |ramdisk: &DesiredRamdisk| ramdisk::verify::verify(ramdisk).map_err(|error| ramdisk_failure(&error));
        let devices: Vec<Device> = desired.iter().map(verify).collect::<Result<_, _>>()?;
        let paths = desired.into_iter().map(|ramdisk| ramdisk.path);
        self.mounted().insert(key.clone(), paths.zip(devices.iter().copied()).collect());
        Ok(devices)
    }

    /// The devices of a node's ramdisks, which are there and as they should be.
    pub(super) fn verified_ramdisks(&self, key: &Key, spec: &NodeSpec) -> Result<Vec<Device>, Failure> {
        self.verify_ramdisks(key, self.desired_ramdisks(key, spec)?)
    }

    fn desired_ramdisks(&self, key: &Key, spec: &NodeSpec) -> Result<Vec<DesiredRamdisk>, Failure> {
        let desired = |disk| DesiredRamdisk::new(&self.parts.paths, &key.cluster, &key.node, disk);
        let desired: Result<_, _> = spec.ramdisks.iter().map(desired).collect();
        desired.map_err(|error| ramdisk_failure(&error))
    }

    /// Takes a node's ramdisks, control groups and folders away. Its processes must be gone. Every step is tried.
    pub(super) fn take_away(&self, key: &Key) -> Result<(), Failure> {
        let paths = &self.parts.paths;
        let mut problems = Vec::new();
        let are_known = self.unmount_known(key);
        if !are_known {
            problems.extend(self.unmount_all(key));
        }
        if planted(Fault::TakeForeignMount) {
            take_look_alikes(KernelMounter);
        }
        hit(Point::RamdisksGone);
        if let Some(cgroups) = &self.parts.cgroups {
            let group = cgroups.of_node(&key.cluster, &key.node);
            if group.exists()
                && let Err(error) = group.remove()
            {
                problems.push(chain(&error));
            }
        }
        hit(Point::NodeGroupsRemoved);
        let mut removed = files::folders::remove_node(paths, &key.cluster, &key.node);
        if are_known && matches!(removed, Err(FilesError::Mounted { .. })) {
            problems.extend(self.unmount_all(key));
            removed = files::folders::remove_node(paths, &key.cluster, &key.node);
        }
        if let Err(error) = removed {
            problems.push(chain(&error));
        }
        hit(Point::NodeFoldersRemoved);
        if problems.is_empty() { Ok(()) } else { Err(Failure::text(ReasonKind::Host, problems.join("; "))) }
    }

    /// Unmounts the ramdisks that were found mounted where they are mounted still, without the mount table: it is as long
    /// as there are nodes, and would be read for each of them. False where none are known, or one is in use: what is
    /// mounted in it may be somebody else's, which only the table says.
    fn unmount_known(&self, key: &Key) -> bool {
        let Some(known) = self.mounted().remove(key) else { return false };
        let is_there = |path: &Path, device| device_of(path).is_ok_and(|found| found == device);
        let ours = known.into_iter().filter(|(path, device)| is_there(path, *device));
        let mut unmounted = ours.map(|(path, _)| ramdisk::apply::unmount_idle(&KernelMounter, &path));
        unmounted.all(|unmounted| unmounted.is_ok())
    }

    /// Unmounts all that is ours below a node's folder; what stood in the way.
    fn unmount_all(&self, key: &Key) -> Vec<String> {
        let mounter = KernelMounter;
        match ramdisk::observe::observe(&mounter, &self.parts.paths.node_dir(&key.cluster, &key.node)) {
            Ok(observed) => {
                let plan = ramdisk::plan::plan(&[], &observed, Occasion::Keep);
                let obstacles: Vec<String> = plan.obstacles.iter().map(ToString::to_string).collect();
                let outcomes = ramdisk::apply::apply(&mounter, plan);
                obstacles.into_iter().chain(outcome::failures(&outcomes).map(|(_, error)| chain(error))).collect()
            }
            Err(error) => vec![chain(&error)],
        }
    }

    /// Writes nodes that were found running into the ledger, which did not know them. Blocks.
    pub fn record_adopted(&self, adopted: &[Adopted]) {
        let record = |adopted: &Adopted| {
            let Adopted { key, running, wanted, restarts, started_at } = adopted;
            self.record_of(key, wanted, running, *restarts, *started_at)
        };
        // One that has ended since is not worth a word.
        let records: Vec<NodeRecord> = adopted.iter().filter_map(|adopted| record(adopted).ok()).collect();
        if let Err(error) = self.parts.ledger.record_found(&records) {
            // They hold for this agent's life: the next one looks them up once more.
            tracing::warn!(error = chain(&error), nodes = records.len(), "nodes that were found are not in the ledger");
        }
    }

    /// Writes a node that was started into the ledger.
    pub(super) fn record(
        &self,
        key: &Key,
        wanted: &WantedNode,
        running: &Running,
        restarts: u32,
        now: UnixMillis,
    ) -> Result<(), Failure> {
        let record = self.record_of(key, wanted, running, restarts, now)?;
        self.parts.ledger.record_node(&record).map_err(|error| Failure::new(ReasonKind::Host, &error))
    }

    fn record_of(
        &self,
        key: &Key,
        wanted: &WantedNode,
        running: &Running,
        restarts: u32,
        started_at: UnixMillis,
    ) -> Result<NodeRecord, Failure> {
        let stat = self.parts.procs.stat(running.pid).map_err(|error| Failure::new(ReasonKind::Host, &error))?;
        Ok(NodeRecord {
            cluster: key.cluster.clone(),
            node: key.node.clone(),
            boot_id: self.parts.boot_id.clone(),
            container_id: running.container.as_ref().map(|id| id.as_str().to_owned()),
            pid: running.pid,
            pid_start_ticks: stat.start_ticks,
            digest: running.digest.clone(),
            incarnation: wanted.spec.incarnation,
            restarts,
            started_at,
            stop: Some(running.stop.clone()),
        })
    }
}

/// What a planted fault unmounts: what tests mounted as somebody else.
fn take_look_alikes(mounter: KernelMounter) {
    for entry in mounter.table().unwrap_or_default() {
        if entry.source.starts_with("throngling:") {
            // It may be gone already.
            let _ = mounter.unmount(&entry.mount_point, Detach::Lazily);
        }
    }
}
