//! What an agent is told of one node.

use std::cell::Cell;
use std::collections::BTreeMap;

use throng_common::host_spec::{
    ContainerSpec, DesiredState, DiskSpec, FileSpec, Limits, NodeSpec, PrepareSpec, Probe, ProbeCheck, ProcessSpec,
    RamdiskSpec, RestartSpec, SharedSpec, StopSpec, Workload,
};
use throng_common::ids::NodeName;
use throng_common::scenario::model::{FileDecl, Ramdisk, Ready, Role, RunKind, Scenario, Shared};

use super::plan::{HostPlan, NodePlan};
use super::render::{RenderError, RenderInput};
use super::structure::{Structure, leave_counts};
use super::texts::Saved;

/// Bytes of a ramdisk for each file that it can hold, where the scenario does not say: a page.
const BYTES_PER_INODE: u64 = 4096;
/// Fewest files that a ramdisk can hold: its root folder takes one.
const INODES_MIN: u64 = 16;

/// A node with what its texts are filled in from.
struct Rendering<'a> {
    input: &'a RenderInput<'a>,
    node: &'a NodePlan,
    role: &'a Role,
    /// No step has run before a node is started.
    saved: Saved,
    counts: Counts,
    /// Whether a text says how many nodes there are.
    has_counts: Cell<bool>,
}

/// What becomes of counts and names of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    /// They are filled in.
    Filled,
    /// They stay as they are written.
    Left,
}

/// Fills in everything that an agent must know of a node of this host. `before` is the node that prepares for this one, where another does.
pub(super) fn node_spec(
    input: &RenderInput<'_>,
    host: &HostPlan,
    node: &NodePlan,
    before: Option<&NodeName>,
) -> Result<NodeSpec, RenderError> {
    let name = &node.name;
    let role =
        input.texts.scenario().role.get(name.role()).ok_or_else(|| RenderError::NoRole { node: name.clone() })?;
    let rendering = Rendering::new(input, node, role, Counts::Filled);
    let desired = match before {
        Some(first) if !input.prepared.contains(first) => DesiredState::Stopped,
        Some(_) | None => input.desired.get(name.role()).copied().unwrap_or(DesiredState::Stopped),
    };
    let prepare = role.prepare.as_ref().filter(|_| before.is_none()).map(|prepare| {
        let command = rendering.list("prepare.command", &prepare.command)?;
        Ok(PrepareSpec { command, timeout: prepare.timeout.0 })
    });
    let mut spec = NodeSpec {
        name: name.clone(),
        desired,
        incarnation: input.incarnations.get(name).copied().unwrap_or_default(),
        workload: rendering.workload()?,
        env: rendering.env(&role.env)?,
        files: rendering.files()?,
        ports: node.ports.clone(),
        ramdisks: role.ramdisk.iter().map(|(name, ramdisk)| ramdisk_spec(role, name, ramdisk)).collect(),
        disk: role.disk.as_ref().map(|disk| DiskSpec {
            path: disk.path.clone().filter(|_| role.run == RunKind::Container),
            keep_on_restart: disk.keep_on_restart,
        }),
        shared: shared(input.texts.scenario(), role),
        limits: limits(role),
        prepare: prepare.transpose()?,
        ready: role.ready.as_ref().map(|ready| rendering.probe(ready)).transpose()?,
        stop: StopSpec { signal: role.stop.signal.number(), grace: role.stop.grace.0 },
        restart: RestartSpec { when: role.restart.when, max: role.restart.max, backoff: role.restart.backoff.0 },
        at_once: role.start.most_at_once(host.cores).unwrap_or(0),
        structure: None,
    };
    if rendering.has_counts.get() {
        let left = Rendering::new(input, node, role, Counts::Left);
        let structure = Structure { workload: left.workload()?, env: left.env(&role.env)?, files: left.files()? };
        spec.structure = Some(structure.digest());
    }
    Ok(spec)
}

impl<'a> Rendering<'a> {
    fn new(input: &'a RenderInput<'a>, node: &'a NodePlan, role: &'a Role, counts: Counts) -> Self {
        Self { input, node, role, saved: Saved::new(), counts, has_counts: Cell::new(false) }
    }

    /// Fills in a text that stands at this key of the role.
    fn text(&self, key: &str, text: &str) -> Result<String, RenderError> {
        let failed = |source| RenderError::Text { node: self.node.name.clone(), key: key.to_owned(), source };
        let left = leave_counts(text, &self.input.texts.scenario().param);
        if left.is_some() {
            self.has_counts.set(true);
        }
        let text = left.as_deref().filter(|_| self.counts == Counts::Left).unwrap_or(text);
        self.input.texts.resolve_text(text, Some(&self.node.name), &self.saved).map_err(failed)
    }

    fn files(&self) -> Result<Vec<FileSpec>, RenderError> {
        self.role.files.iter().map(|(path, file)| self.file(path, file)).collect()
    }

    fn list(&self, key: &str, texts: &[String]) -> Result<Vec<String>, RenderError> {
        texts.iter().map(|text| self.text(key, text)).collect()
    }

    fn optional(&self, key: &str, text: Option<&String>) -> Result<Option<String>, RenderError> {
        text.map(|text| self.text(key, text)).transpose()
    }

    fn env(&self, env: &BTreeMap<String, String>) -> Result<Vec<(String, String)>, RenderError> {
        env.iter().map(|(name, value)| Ok((name.clone(), self.text(&format!("env.{name}"), value)?))).collect()
    }

    fn workload(&self) -> Result<Workload, RenderError> {
        let role = self.role;
        let command = self.list("command", &role.command)?;
        let workdir = self.optional("workdir", role.workdir.as_ref())?;
        let plan = self.input.texts.plan();
        match role.run {
            RunKind::Process => {
                let user = role.user.clone().unwrap_or_else(|| plan.caller.clone());
                Ok(Workload::Process(ProcessSpec { command, user, workdir }))
            }
            RunKind::Container => {
                let image = plan.roles.get(self.node.name.role()).and_then(|role| role.image.clone());
                Ok(Workload::Container(ContainerSpec {
                    hostname: role.with.clone().map(|with| NodeName::new(with, self.node.name.index())),
                    image: image.ok_or_else(|| RenderError::NoImage { node: self.node.name.clone() })?,
                    pull: role.pull,
                    command,
                    entrypoint: role.entrypoint.as_ref().map(|list| self.list("entrypoint", list)).transpose()?,
                    user: role.user.clone(),
                    workdir,
                    capabilities: role.capabilities.clone(),
                    read_only: role.read_only,
                    scratch: role.scratch.iter().map(|(path, size)| (path.clone(), *size)).collect(),
                }))
            }
        }
    }

    fn file(&self, path: &str, file: &FileDecl) -> Result<FileSpec, RenderError> {
        let node = || self.node.name.clone();
        let contents = match (&file.text, &file.source) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(source)) => self
                .input
                .files
                .get(source)
                .cloned()
                .ok_or_else(|| RenderError::NoFile { node: node(), path: source.clone() })?,
            (None, None) => Vec::new(),
        };
        let contents = if file.template {
            let named = file.source.as_deref().unwrap_or(path).to_owned();
            let text = String::from_utf8(contents).map_err(|_| RenderError::NotText { node: node(), path: named })?;
            self.text(&format!("files.{path}"), &text)?.into_bytes()
        } else {
            contents
        };
        Ok(FileSpec { path: path.to_owned(), contents, mode: file.mode.bits() })
    }

    /// A role whose `ready` names no way of asking counts as ready when it runs; the check refuses it beforehand.
    fn probe(&self, ready: &Ready) -> Result<Probe, RenderError> {
        let expect = self.optional("ready.expect", ready.expect.as_ref())?.unwrap_or_default();
        let check = if let Some(port) = &ready.tcp {
            let send = self.optional("ready.send", ready.send.as_ref())?.unwrap_or_default();
            let text = self.text("ready.tcp", &format!("{{port.{port}}}"))?;
            let address = self.input.texts.node(&self.node.name).map(|(host, _)| host.address);
            ProbeCheck::Tcp {
                address: address.expect("a node that is rendered is in the plan"),
                port: text.parse().expect("a port is rendered as its number"),
                send,
                expect,
            }
        } else if let Some(url) = &ready.http {
            ProbeCheck::Http { url: self.text("ready.http", url)?, expect }
        } else {
            ProbeCheck::Exec { command: self.list("ready.exec", ready.exec.as_deref().unwrap_or_default())? }
        };
        Ok(Probe { check, timeout: ready.timeout.0, interval: ready.interval.0 })
    }
}

fn ramdisk_spec(role: &Role, name: &str, ramdisk: &Ramdisk) -> RamdiskSpec {
    RamdiskSpec {
        name: name.to_owned(),
        path: ramdisk.path.clone().filter(|_| role.run == RunKind::Container),
        size: ramdisk.size,
        inodes: ramdisk.inodes.unwrap_or((ramdisk.size.as_bytes() / BYTES_PER_INODE).max(INODES_MIN)),
        uid: ramdisk.uid,
        gid: ramdisk.gid,
        mode: ramdisk.mode.bits(),
        keep_on_restart: ramdisk.keep_on_restart,
    }
}

/// The folders that a role's nodes share. The check refuses names that are not declared.
fn shared(scenario: &Scenario, role: &Role) -> Vec<SharedSpec> {
    let spec = |name: &String| {
        let Shared { path, uid, gid, mode } = scenario.shared.get(name)?.clone();
        let path = path.filter(|_| role.run == RunKind::Container);
        Some(SharedSpec { name: name.clone(), path, uid, gid, mode: mode.bits() })
    };
    role.shared.iter().filter_map(spec).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of cores is small and not negative; the cast saturates"
)]
fn limits(role: &Role) -> Limits {
    Limits {
        memory: role.memory,
        cpu_millis: role.cpu.map(|cores| (cores * 1000.0).round() as u64),
        pids: Some(role.pids),
        nofile: role.nofile,
    }
}
