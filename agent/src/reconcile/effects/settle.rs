//! Giving the host as a whole what its clusters need: kernel settings, names, addresses, folders.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use throng_common::error_chain::chain;
use throng_common::host_spec::ClusterSpec;
use throng_common::ids::ClusterId;
use throng_common::status::{Reason, ReasonKind, SysctlChange};
use throng_failpoints::{Fault, Point, hit, planted};

use super::super::command::{HostSettings, Settled};
use super::host::Host;
use crate::host::machine_lock::MachineLock;
use crate::ledger::LedgerError;
use crate::resources::address::plan::{AddressStep, AddressWant};
use crate::resources::names::plan::Scope;
use crate::resources::sysctl::key::SysctlKey;
use crate::resources::sysctl::plan::{Unwanted, Values};
use crate::resources::sysctl::record::SysctlRecord;
use crate::resources::sysctl::store::{ProcSys, Sysctls as _};
use crate::resources::{address, files, names, outcome, ports, sysctl};

impl Host {
    /// Gives the host its settings, and takes back those of clusters that are gone. Every step is tried.
    pub async fn settle(self: &Arc<Self>, settings: HostSettings) -> Settled {
        let host = Arc::clone(self);
        let fallback = settings.clone();
        let work = tokio::task::spawn_blocking(move || host.settle_blocking(settings));
        work.await.unwrap_or_else(|error| Settled {
            settings: fallback,
            obstacles: vec![Reason::new(ReasonKind::Host, chain(&error))],
            ..Settled::default()
        })
    }

    fn settle_blocking(&self, settings: HostSettings) -> Settled {
        let mut settled = Settled::default();
        // Held until all is read back: another agent's part of a list, of the hosts file, must not be lost in between.
        match MachineLock::take(self.parts.paths.machine_lock()) {
            Ok(_alone) => {
                self.settle_sysctls(&settings, &mut settled);
                self.settle_addresses(&settings, &mut settled);
                for cluster in &settings.clusters {
                    self.settle_names(cluster, &mut settled);
                }
                self.release_gone(&settings, &mut settled);
            }
            Err(error) => settled.obstacle(ReasonKind::Host, chain(&error)),
        }
        hit(Point::HostSettled);
        settled.settings = settings;
        settled
    }

    fn settle_sysctls(&self, settings: &HostSettings, settled: &mut Settled) {
        let clusters: Vec<ClusterSpec> = settings.clusters.iter().map(|cluster| ClusterSpec::clone(cluster)).collect();
        let wants = ports::reservation::wants(&clusters);
        let recorded = match self.parts.ledger.sysctls() {
            Ok(recorded) => recorded,
            Err(error) => return settled.obstacle(ReasonKind::Host, chain(&error)),
        };
        let store = ProcSys::default();
        let required = |key: &str| wants.iter().any(|want| want.spec.key == key && want.spec.required);
        let mut current = Values::new();
        for key in sysctl::plan::keys(&wants, recorded.iter().map(|record| &record.change)) {
            match store.read(&key) {
                Ok(value) => _ = current.insert(key, value),
                Err(error) => settled.say(required(&key.to_string()), ReasonKind::Sysctl, chain(&error)),
            }
        }
        let recorded = self.resolved(&recorded, &current, settled);
        let unwanted = if settings.are_of_all() { Unwanted::PutBack } else { Unwanted::Keep };
        let plan = sysctl::plan::plan(&wants, &current, &recorded, unwanted);
        for problem in &plan.problems {
            settled.say(problem.required, ReasonKind::Sysctl, problem.to_string());
        }
        for drift in &plan.drift {
            settled.say(false, ReasonKind::Sysctl, drift.to_string());
        }
        // The original goes to disk before the kernel's value changes: a death in between loses nothing.
        if let Err(error) = plan.records().try_for_each(|record| self.parts.ledger.record_sysctl(record)) {
            return settled.obstacle(ReasonKind::Host, chain(&error));
        }
        let changes = !plan.steps.is_empty();
        if changes {
            self.note_sysctls();
        }
        let applied = sysctl::apply::apply(&store, plan);
        hit(Point::SysctlsApplied);
        for (step, error) in outcome::failures(&applied.outcomes) {
            let key = match step {
                sysctl::plan::SysctlStep::Raise { record, .. } => &record.change.key,
                sysctl::plan::SysctlStep::Restore { key, .. } | sysctl::plan::SysctlStep::Forget { key } => key,
            };
            settled.say(required(key), ReasonKind::Sysctl, chain(error));
        }
        self.record_sysctls(&applied.records, &applied.forgotten, settled);
        if changes {
            self.note_sysctls();
        }
        settled.written = applied.records;
    }

    /// What was changed, by the values as they stand. Of a write over which an agent died that is written down; a disk that
    /// is full keeps nothing from being put back.
    fn resolved(&self, recorded: &[SysctlRecord], current: &Values, settled: &mut Settled) -> Vec<SysctlChange> {
        let value = |key: &str| SysctlKey::new(key).ok().and_then(|key| current.get(&key).cloned().flatten());
        let resolve = |record: &SysctlRecord| {
            let Some(current) = value(&record.change.key) else { return record.change.clone() };
            let change = record.as_of(&current);
            if record.writing.is_some()
                && let Err(error) = self.parts.ledger.record_sysctl(&SysctlRecord::of(change.clone()))
            {
                settled.say(false, ReasonKind::Host, chain(&error));
            }
            change
        };
        recorded.iter().map(resolve).collect()
    }

    fn record_sysctls(&self, records: &[SysctlChange], forgotten: &[String], settled: &mut Settled) {
        let ledger = &self.parts.ledger;
        let kept = records.iter().cloned().try_for_each(|change| ledger.record_sysctl(&SysctlRecord::of(change)));
        let dropped = forgotten.iter().try_for_each(|key| ledger.forget_sysctl(key));
        for error in [kept, dropped].into_iter().filter_map(Result::err) {
            settled.obstacle(ReasonKind::Host, chain(&error));
        }
    }

    /// Writes down a second time what the ledger knows of settings.
    fn note_sysctls(&self) {
        let Ok(changes) = self.parts.ledger.sysctls() else { return };
        let noted = sysctl::note::write(&self.parts.paths.settings_note(), &self.parts.boot_id, changes);
        if let Err(error) = noted {
            // The ledger has them; only where that is lost too they are not put back.
            tracing::warn!(%error, "the changed settings are not noted below the run directory");
        }
    }

    /// Takes back what an agent before noted of settings and the ledger does not know: it was lost.
    pub fn take_back_noted_sysctls(&self) -> Result<(), LedgerError> {
        self.take_back(&sysctl::note::read(&self.parts.paths.settings_note(), &self.parts.boot_id))?;
        self.note_sysctls();
        Ok(())
    }

    /// Writes down what a lost ledger knew of settings: those that still have the value that an agent of this host wrote,
    /// so that they are put back when nobody wants them any more.
    pub fn take_back_sysctls(&self, remembered: &[SysctlChange]) -> Result<(), LedgerError> {
        self.take_back(&remembered.iter().cloned().map(SysctlRecord::of).collect::<Vec<_>>())
    }

    fn take_back(&self, remembered: &[SysctlRecord]) -> Result<(), LedgerError> {
        let known = self.parts.ledger.sysctls()?;
        let is_known = |key: &str| known.iter().any(|known| known.change.key == key);
        for record in remembered.iter().filter(|record| !is_known(&record.change.key)) {
            let key = SysctlKey::new(&record.change.key).ok();
            let Some(current) = key.and_then(|key| ProcSys::default().read(&key).ok().flatten()) else { continue };
            let change = record.as_of(&current);
            if sysctl::value::is_still_written(&change, &current) {
                self.parts.ledger.record_sysctl(&SysctlRecord::of(change))?;
            }
        }
        Ok(())
    }

    fn settle_addresses(&self, settings: &HostSettings, settled: &mut Settled) {
        let want =
            |cluster: &Arc<ClusterSpec>| AddressWant { address: cluster.address, manage: cluster.manage_address };
        let wants: BTreeSet<AddressWant> = settings.clusters.iter().map(want).collect();
        let present = match address::apply::observe() {
            Ok(present) => present,
            Err(error) => return settled.obstacle(ReasonKind::Host, chain(&error)),
        };
        let added = match self.parts.ledger.addresses() {
            Ok(added) => added,
            Err(error) => return settled.obstacle(ReasonKind::Host, chain(&error)),
        };
        // Recorded before it is added, so that one that is there after a death is known to be ours.
        let missing = wants.iter().filter(|want| want.manage && !present.contains(&want.address));
        let ours: BTreeSet<Ipv4Addr> =
            missing.filter_map(|want| v4(want.address)).chain(added.iter().copied()).collect();
        // Of some cluster it is not known which address it has: all that were added stay.
        let removable = if settings.are_of_all() { added.clone() } else { BTreeSet::new() };
        let plan = address::plan::plan(&wants, &present, &removable);
        for problem in &plan.problems {
            settled.obstacle(ReasonKind::Host, problem.to_string());
        }
        if ours != added
            && let Err(error) = self.parts.ledger.set_addresses(&ours)
        {
            return settled.obstacle(ReasonKind::Host, chain(&error));
        }
        let wanted: BTreeSet<Ipv4Addr> = wants.iter().filter_map(|want| v4(want.address)).collect();
        let mut left: BTreeSet<Ipv4Addr> =
            ours.iter().filter(|address| wanted.contains(*address) || !removable.contains(*address)).copied().collect();
        for (step, error) in outcome::failures(&address::apply::apply(plan)) {
            // One that stays is still ours, and in nobody's way.
            let stays = if let AddressStep::Remove(address) = step { left.insert(*address) } else { false };
            settled.say(!stays, ReasonKind::Host, chain(error));
        }
        if left != ours
            && let Err(error) = self.parts.ledger.set_addresses(&left)
        {
            settled.obstacle(ReasonKind::Host, chain(&error));
        }
    }

    fn settle_names(&self, cluster: &ClusterSpec, settled: &mut Settled) {
        let folder = self.parts.paths.cluster_dir(&cluster.cluster);
        if let Err(error) = std::fs::create_dir_all(&folder) {
            return settled.obstacle(ReasonKind::Host, format!("{}: {error}", folder.display()));
        }
        self.write_names(&cluster.cluster, Some(&cluster.names), settled);
    }

    fn write_names(
        &self,
        cluster: &ClusterId,
        wanted: Option<&[throng_common::host_spec::HostEntry]>,
        settled: &mut Settled,
    ) {
        let scope = Scope {
            cluster: cluster.clone(),
            machine: self.parts.machine.clone(),
            host_path: self.parts.paths.etc_hosts().to_owned(),
            cluster_path: self.parts.paths.cluster_hosts(cluster),
        };
        let observed = match names::file::observe(&scope) {
            Ok(observed) => observed,
            Err(error) => return settled.obstacle(ReasonKind::Host, chain(&error)),
        };
        for (_, error) in outcome::failures(&names::file::apply(names::plan::plan(&scope, wanted, &observed))) {
            settled.obstacle(ReasonKind::Host, chain(error));
        }
    }

    /// Takes back what clusters had that are no longer here: found from what is there, not from what is remembered.
    fn release_gone(&self, settings: &HostSettings, settled: &mut Settled) {
        if settings.blind {
            return;
        }
        let here = |id: &ClusterId| {
            settings.occupied.contains(id) || settings.clusters.iter().any(|cluster| cluster.cluster == *id)
        };
        let mut gone = files::folders::clusters(&self.parts.paths).unwrap_or_else(|error| {
            settled.say(false, ReasonKind::Host, chain(&error));
            BTreeSet::new()
        });
        if let Ok(Some(file)) = names::file::read(self.parts.paths.etc_hosts()) {
            gone.extend(names::block::clusters(&file));
        }
        gone.retain(|id| !here(id) && self.is_ours(id));
        for cluster in gone {
            if !planted(Fault::SkipNamesRemoval) {
                self.write_names(&cluster, None, settled);
            }
            hit(Point::ReleasedNames);
            if let Some(cgroups) = &self.parts.cgroups
                && let Err(error) = cgroups.remove_cluster(&cluster)
            {
                settled.say(false, ReasonKind::Host, chain(&error));
            }
            hit(Point::ReleasedGroups);
            if let Err(error) = files::folders::remove_cluster(&self.parts.paths, &cluster) {
                settled.say(false, ReasonKind::Host, chain(&error));
            }
            hit(Point::ReleasedFolders);
        }
    }

    /// Whether a cluster lies in this agent's run directory: the host's own hosts file may name clusters of others.
    fn is_ours(&self, cluster: &ClusterId) -> bool {
        self.parts.paths.cluster_dir(cluster).exists() || self.parts.paths.cluster_disk_dir(cluster).exists()
    }
}

fn v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

impl Settled {
    fn say(&mut self, stops_starts: bool, kind: ReasonKind, message: String) {
        let list = if stops_starts { &mut self.obstacles } else { &mut self.warnings };
        list.push(Reason::new(kind, message));
    }

    fn obstacle(&mut self, kind: ReasonKind, message: String) {
        self.say(true, kind, message);
    }
}
