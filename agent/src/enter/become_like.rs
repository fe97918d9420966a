//! What a process does to itself to be bounded as a container's first process is, in this order.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::{set_dumpable, set_no_new_privs};
use nix::sys::resource::setrlimit;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, chroot, fchdir, setgroups, setresgid, setresuid, setsid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities,
};
use seccompiler::BpfProgram;
use throng_common::inherited_files;

use super::error::{EnterError, step};
use super::filter;
use super::likeness::{self, Likeness, Limit};
use super::target::Target;
use crate::host::mounts::table::{MountEntry, read_table};

/// Namespaces that are entered, in this order; the mounts last, after which nothing of the host can be opened any more.
/// That of processes is the caller's to enter: it holds for children only.
const NAMESPACES: [(&str, CloneFlags); 6] = [
    ("cgroup", CloneFlags::CLONE_NEWCGROUP),
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("uts", CloneFlags::CLONE_NEWUTS),
    ("net", CloneFlags::CLONE_NEWNET),
    ("time", CloneFlags::from_bits_retain(nix::libc::CLONE_NEWTIME)),
    ("mnt", CloneFlags::CLONE_NEWNS),
];
/// Where security modules say what a process is and what its next program will be.
const OWN_LABEL: &str = "/proc/self/attr/current";
const NEXT_LABELS: [&str; 2] = ["/proc/self/attr/apparmor/exec", "/proc/self/attr/exec"];

/// Where engines put their init in a container. It stays what the engine made it; a program of the image's own may since
/// have become another user, gone to another folder and overwritten its environment (as Redis does for its title).
const ENGINE_INIT: &str = "/sbin/docker-init";

/// All that is read of the first process before anything is changed.
pub(super) struct Bounds {
    likeness: Likeness,
    limits: Vec<Limit>,
    oom_score_adj: String,
    groups: Vec<PathBuf>,
    profile: Option<(File, String)>,
    namespaces: Vec<(File, CloneFlags)>,
    root: File,
    workdir: File,
    filters: Vec<BpfProgram>,
    /// Its environment, `NAME=value`, each ended by a zero.
    pub(super) environment: Vec<u8>,
}

impl Bounds {
    /// Reads them.
    pub(super) fn of(target: &Target) -> Result<Self, EnterError> {
        // Before the process can be seen from inside: what it holds until then is the host's.
        set_dumpable(false).map_err(step("hide from the container"))?;
        inherited_files::keep_to_oneself().map_err(step("keep the host's open files to itself"))?;
        if target.program()? != Path::new(ENGINE_INIT) {
            return Err(EnterError::Unknown { what: "a first process that is not the engine's init" });
        }
        if target.namespace("user")?.is_some() {
            return Err(EnterError::Unknown { what: "users of its own" });
        }
        if target.namespace("pid")?.is_some() {
            return Err(EnterError::Unknown { what: "a namespace of processes that was not entered" });
        }
        let likeness = Likeness::parse(&target.text("status")?)?;
        let opened = NAMESPACES.into_iter().map(|(kind, flag)| Ok(target.namespace(kind)?.map(|file| (file, flag))));
        let opened = opened.collect::<Result<Vec<_>, EnterError>>()?;
        Ok(Self {
            limits: likeness::limits(&target.text("limits")?)?,
            oom_score_adj: target.text("oom_score_adj")?,
            groups: groups(&target.text("cgroup")?)?,
            profile: profile(target)?,
            namespaces: opened.into_iter().flatten().collect(),
            root: target.place("root")?,
            workdir: target.place("cwd")?,
            filters: filters(target, &likeness)?,
            environment: target.bytes("environ")?,
            likeness,
        })
    }

    /// Puts them on. What follows can be nothing but the program.
    pub(super) fn put_on(mut self) -> Result<(), EnterError> {
        for procs in &self.groups {
            // 0 stands for whoever writes it.
            fs::write(procs, "0").map_err(step("join its control groups"))?;
        }
        fs::write("/proc/self/oom_score_adj", self.oom_score_adj.trim()).map_err(step("be as killable as it is"))?;
        let unlimited = |limit: Option<u64>| limit.unwrap_or(nix::libc::RLIM_INFINITY);
        for (resource, soft, hard) in &self.limits {
            setrlimit(*resource, unlimited(*soft), unlimited(*hard)).map_err(step("take its limits"))?;
        }
        // It fails only for one that leads a session already.
        let _ = setsid();
        filter::leave_session_keyring()?;
        for (namespace, kind) in &self.namespaces {
            setns(namespace, *kind).map_err(step("enter its namespaces"))?;
        }
        fchdir(&self.root).and_then(|()| chroot(".")).map_err(step("enter its root"))?;
        fchdir(&self.workdir).map_err(step("enter its working folder"))?;
        if let Some((mut next, profile)) = self.profile.take() {
            next.write_all(format!("exec {profile}").as_bytes()).map_err(step("take its AppArmor profile"))?;
        }
        umask(Mode::from_bits_truncate(self.likeness.umask));
        become_user(&self.likeness)?;
        for filter in &self.filters {
            seccompiler::apply_filter(filter)
                .map_err(|error| step("take its seccomp filter")(io::Error::other(error)))?;
        }
        Ok(())
    }
}

/// The files through which its control groups are joined, one a hierarchy.
fn groups(text: &str) -> Result<Vec<PathBuf>, EnterError> {
    let read = |source| EnterError::Read { what: "control groups", source };
    let table = read_table(Path::new("/proc"), "self").map_err(read)?;
    let joined = text.lines().map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else {
            return Err(EnterError::Odd { what: "control groups" });
        };
        let mounted = table.iter().find(|entry| is_hierarchy(entry, controllers));
        // A hierarchy that is mounted nowhere bounds nobody.
        let Some(entry) = mounted else { return Ok(None) };
        let below = Path::new(group).strip_prefix(&entry.root);
        let below = below.map_err(|_| EnterError::Unknown { what: "control groups beyond what is mounted here" })?;
        Ok(Some(entry.mount_point.join(below).join("cgroup.procs")))
    });
    joined.filter_map(Result::transpose).collect()
}

fn is_hierarchy(entry: &MountEntry, controllers: &str) -> bool {
    match controllers {
        "" => entry.fs_type == "cgroup2",
        named => entry.fs_type == "cgroup" && named.split(',').all(|controller| entry.has_flag(controller)),
    }
}

/// What its AppArmor profile is told to, and the profile; none where it has none, or this process's own.
fn profile(target: &Target) -> Result<Option<(File, String)>, EnterError> {
    let Some(theirs) = target.text_if_any("attr/current") else { return Ok(None) };
    if fs::read_to_string(OWN_LABEL).is_ok_and(|own| own == theirs) {
        return Ok(None);
    }
    let theirs = theirs.trim_end_matches(['\n', '\0']);
    let Some((profile, _)) = theirs.split_once(" (") else {
        return Err(EnterError::Unknown { what: "a label of SELinux" });
    };
    let opened = NEXT_LABELS.iter().find_map(|path| File::options().write(true).open(path).ok());
    let opened = opened.ok_or(EnterError::Unknown { what: "an AppArmor profile" })?;
    Ok(Some((opened, profile.to_owned())))
}

fn filters(target: &Target, likeness: &Likeness) -> Result<Vec<BpfProgram>, EnterError> {
    match (likeness.seccomp, likeness.no_new_privs) {
        (0, _) => Ok(Vec::new()),
        // Without it, a filter is put on before capabilities are given up, in an order that only the engine knows.
        (2, true) => {
            let own = fs::read_to_string("/proc/self/status");
            let own = own.map_err(|source| EnterError::Read { what: "status", source })?;
            let own = likeness::first(&own, "Pid:")?.to_owned();
            let is_it = || Ok(likeness::first(&target.text("status")?, "TracerPid:")? == own);
            let filters = filter::filters_of(likeness.inner_pid, is_it)?;
            if filters.is_empty() { Err(EnterError::Odd { what: "seccomp filter" }) } else { Ok(filters) }
        }
        _ => Err(EnterError::Unknown { what: "a way of bounding system calls" }),
    }
}

/// The kernel's own order: what needs a capability comes before the capability goes.
fn become_user(likeness: &Likeness) -> Result<(), EnterError> {
    let failed = step("give up capabilities");
    for bit in 0..CapabilitySet::all().bits().count_ones() {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if !likeness.bounding.contains(capability) {
            match remove_capability_from_bounding_set(capability) {
                // This kernel knows no more of them.
                Err(rustix::io::Errno::INVAL) => break,
                done => done.map_err(&failed)?,
            }
        }
    }
    set_keep_capabilities(true).map_err(&failed)?;
    let [gid, egid, sgid] = likeness.gids.map(Gid::from_raw);
    let [uid, euid, suid] = likeness.uids.map(Uid::from_raw);
    let groups: Vec<Gid> = likeness.groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups).map_err(step("take its groups"))?;
    setresgid(gid, egid, sgid).map_err(step("take its group"))?;
    setresuid(uid, euid, suid).map_err(step("become its user"))?;
    set_keep_capabilities(false).map_err(&failed)?;
    let Likeness { effective, permitted, inheritable, ambient, .. } = *likeness;
    set_capabilities(None, CapabilitySets { effective, permitted, inheritable }).map_err(&failed)?;
    clear_ambient_capability_set().map_err(&failed)?;
    for capability in ambient.iter() {
        configure_capability_in_ambient_set(capability, true).map_err(&failed)?;
    }
    if likeness.no_new_privs {
        set_no_new_privs().map_err(step("give up new privileges"))?;
    }
    // A change of user may have made it visible again.
    set_dumpable(false).map_err(step("hide from the container"))
}
