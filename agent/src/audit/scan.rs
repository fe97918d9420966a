//! The whole scan.

use std::io;
use std::path::PathBuf;

use nix::unistd::geteuid;
use throng_common::ids::ClusterId;
use throng_common::status::{AuditScope, Residue, ResidueKind};
use throng_common::sysctl_keys::RESERVED_PORTS;

use super::scope::counts;
use super::{folders, mounts, processes, settings};
use crate::host::mounts::namespaces::all_tables;
use crate::host::procs::table::Procs;
use crate::paths::Paths;
use crate::resources::address::apply::AddressError;
use crate::resources::cgroup::cgroups::Cgroups;
use crate::resources::cgroup::error::CgroupError;
use crate::resources::names::error::NamesError;
use crate::resources::sysctl::error::SysctlError;
use crate::resources::sysctl::key::SysctlKey;
use crate::resources::sysctl::note;
use crate::resources::sysctl::store::{ProcSys, Sysctls};
use crate::resources::sysctl::value::our_ports;
use crate::resources::{address, names};
use crate::shim::record::boot_id;

/// A container of the engine that carries throng's label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledContainer {
    /// The engine's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The cluster of its label; none where the label is no cluster's id.
    pub cluster: Option<ClusterId>,
}

/// A part of the kernel that could not be read: what lies there is not known to be gone.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The mount tables.
    #[error("cannot read the mount tables: run the audit as root")]
    Mounts(#[source] io::Error),
    /// The processes.
    #[error("cannot read the processes")]
    Processes(#[source] io::Error),
    /// A kernel setting.
    #[error(transparent)]
    Sysctl(#[from] SysctlError),
    /// The hosts file.
    #[error(transparent)]
    Names(#[from] NamesError),
    /// The addresses.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The control groups.
    #[error(transparent)]
    Cgroups(#[from] CgroupError),
    /// A folder that holds those of clusters.
    #[error("cannot read {}: run the audit as root", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What an audit found.
#[derive(Debug, Default)]
pub struct Audit {
    /// What is left.
    pub residues: Vec<Residue>,
    /// What could not be looked at. An audit with any of these has not shown that nothing is left.
    pub unread: Vec<AuditError>,
}

impl Audit {
    fn take(&mut self, part: Result<impl IntoIterator<Item = Residue>, AuditError>) {
        match part {
            Ok(residues) => self.residues.extend(residues),
            Err(error) => self.unread.push(error),
        }
    }
}

/// Reads what is left on this host. Every part is read, whatever the others say. Blocks for as long as it takes to read
/// some files of every process.
pub fn scan(scope: &AuditScope, paths: &Paths, containers: &[LabelledContainer]) -> Audit {
    let procs = Procs::default();
    let mut audit = Audit::default();
    audit.take(Ok(containers.iter().filter_map(|container| of_container(scope, container))));
    scan_mounts(scope, paths, &procs, &mut audit);
    let cgroups = match Cgroups::discover() {
        Ok(cgroups) => Some(cgroups),
        // A host without groups has none left.
        Err(CgroupError::Unavailable { .. }) => None,
        Err(error) => {
            audit.unread.push(error.into());
            None
        }
    };
    let found = processes::residues(scope, paths.run_dir(), &procs, cgroups.as_ref());
    audit.take(found.map_err(AuditError::Processes));
    let store = ProcSys::default();
    scan_settings(&with_noted(scope, paths, &store), &store, &mut audit);
    let hosts = names::file::read(paths.etc_hosts()).map_err(AuditError::Names);
    audit.take(hosts.map(|text| settings::hosts_file(scope, paths.etc_hosts(), &text.unwrap_or_default())));
    let present = address::apply::observe().map_err(AuditError::Address);
    audit.take(present.map(|present| settings::address(scope, &present)));
    for root in [paths.run_dir().to_path_buf(), paths.disk_root()] {
        let found = folders::residues(scope, &root);
        audit.take(found.map_err(|source| AuditError::Folder { path: root, source }));
    }
    audit
}

fn of_container(scope: &AuditScope, container: &LabelledContainer) -> Option<Residue> {
    let LabelledContainer { id, name, cluster } = container;
    counts(scope, cluster.as_ref()).then(|| Residue {
        kind: ResidueKind::Container,
        cluster: cluster.clone(),
        subject: format!("container {name} ({})", id.get(..12).unwrap_or(id)),
        remedy: format!("docker rm --force {name}"),
    })
}

fn scan_mounts(scope: &AuditScope, paths: &Paths, procs: &Procs, audit: &mut Audit) {
    let own = procs.namespace(std::process::id(), "mnt");
    match own.and_then(|own| Ok((own, all_tables(procs)?))) {
        Ok((own, tables)) => {
            audit.take(Ok(mounts::residues(scope, paths.run_dir(), &own, &tables.read)));
            // What even root may not look at lies in a sandbox of somebody else's, where no agent reaches.
            if tables.denied && !geteuid().is_root() {
                audit.unread.push(AuditError::Mounts(io::ErrorKind::PermissionDenied.into()));
            }
        }
        Err(error) => audit.unread.push(AuditError::Mounts(error)),
    }
}

/// The scope with the settings that it does not know and an agent noted, their ports among them: for a look at all that
/// there is. Of one cluster, and beside any that lives, only the coordinator can tell what is no longer needed.
fn with_noted(scope: &AuditScope, paths: &Paths, store: &dyn Sysctls) -> AuditScope {
    let mut scope = scope.clone();
    if scope.cluster.is_some() || !scope.live.is_empty() {
        return scope;
    }
    // Without the boot's id no note can be believed.
    let noted = boot_id().map(|boot_id| note::read(&paths.settings_note(), &boot_id)).unwrap_or_default();
    for record in noted {
        let current = SysctlKey::new(&record.change.key).ok().and_then(|key| store.read(&key).ok().flatten());
        let change = current.map_or_else(|| record.change.clone(), |current| record.as_of(&current));
        if change.key == RESERVED_PORTS {
            scope.ports = scope.ports.union(&our_ports(&change).unwrap_or_default());
        }
        if scope.sysctls.iter().all(|known| known.key != change.key) {
            scope.sysctls.push(change);
        }
    }
    scope
}

fn scan_settings(scope: &AuditScope, store: &dyn Sysctls, audit: &mut Audit) {
    let read = |name: &str| -> Result<Option<String>, AuditError> {
        Ok(store.read(&SysctlKey::new(name).map_err(SysctlError::Name)?)?)
    };
    let ports = read(RESERVED_PORTS);
    audit.take(ports.map(|text| settings::reserved_ports(scope, &text.unwrap_or_default())));
    for change in &scope.sysctls {
        let value = read(&change.key);
        audit.take(value.map(|text| text.and_then(|text| settings::sysctl(scope, change, &text))));
    }
}
