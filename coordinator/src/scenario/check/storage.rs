//! What a node finds in its file system, and whether its memory holds it.

use throng_common::ids::RoleName;
use throng_common::scenario::model::{FileDecl, Role, RunKind};
use throng_common::size::ByteSize;

use super::context::Checker;
use super::paths::Mounts;
use super::role::check_word;
use super::scope::Scope;
use crate::bundle::Naming;
use crate::scenario::SAFE_PATH_RULE;
use crate::scenario::code::Code;
use crate::scenario::names::is_safe_path;
use crate::scenario::path::KeyPath;
use crate::scenario::report::{Fault, suggest};

/// What the processes of a container need at the very least beside its ramdisks.
const ROOM: ByteSize = ByteSize::mib(4);

/// The least memory limit that the engine accepts.
const MEMORY_MIN: ByteSize = ByteSize::mib(6);

/// Checks `ramdisk`, `disk`, `scratch`, `files` and `memory` of a role.
pub(super) fn check(checker: &mut Checker<'_>, name: &RoleName, role: &Role, path: &KeyPath) {
    let kind = checker.run_kind(name);
    let mut mounts = Mounts::default();
    for (name, ramdisk) in &role.ramdisk {
        let path = path.join("ramdisk").join(name);
        check_word(checker, name, "ramdisk name", &path);
        check_size(checker, ramdisk.size, &path.join("size"));
        check_mount(checker, kind, ramdisk.path.as_deref(), &mut mounts, &path);
    }
    if let Some(disk) = &role.disk {
        check_mount(checker, kind, disk.path.as_deref(), &mut mounts, &path.join("disk"));
    }
    for (index, folder) in role.shared.iter().enumerate() {
        let place = path.join("shared").join(index);
        if role.shared[..index].contains(folder) {
            let fault = Fault::new(Code::DuplicateName, format!("`{folder}` is named twice"));
            checker.fault(&place, fault.hint("remove one of them"));
            continue;
        }
        check_shared(checker, (name, kind), folder, &mut mounts, &place);
    }
    for (folder, size) in &role.scratch {
        let path = path.join("scratch").join(folder);
        check_size(checker, *size, &path);
        if kind == Some(RunKind::Container) {
            mounts.add(checker, folder, &path, true);
        }
    }
    let scope = Scope::of_role(name);
    for (target, file) in &role.files {
        let path = path.join("files").join(target);
        match kind {
            Some(RunKind::Container) => mounts.add(checker, target, &path, true),
            Some(RunKind::Process) => check_relative(checker, target, &path),
            None => {}
        }
        check_content(checker, file, &scope, &path);
    }
    check_memory(checker, role, kind, path);
}

/// A folder of `[shared]` that a role names.
fn check_shared(
    checker: &mut Checker<'_>,
    (role, kind): (&RoleName, Option<RunKind>),
    folder: &str,
    mounts: &mut Mounts,
    path: &KeyPath,
) {
    let scenario = checker.scenario;
    let Some(shared) = scenario.shared.get(folder) else {
        let known = scenario.shared.keys().map(String::as_str);
        let hint = suggest(folder, known, &format!("declare it: [shared.{folder}]"));
        let fault = Fault::new(Code::UndefinedShared, format!("there is no shared folder `{folder}`"));
        checker.fault(path, fault.hint(hint));
        return;
    };
    // The way to it is open to one group.
    let user = |role: &Role| role.user.clone().unwrap_or_else(|| checker.bundle.caller.name.clone());
    let own = scenario.role.get(role).map(user);
    let other = scenario.role.iter().find(|(name, other)| {
        kind == Some(RunKind::Process)
            && *name < role
            && other.run == RunKind::Process
            && other.shared.iter().any(|one| one == folder)
            && Some(user(other)) != own
    });
    if let Some((other, _)) = other {
        let message = format!("processes of `{other}` and of `{role}` share `{folder}` and run as different users");
        checker.fault(path, Fault::new(Code::BadUser, message).hint("give both the same `user`"));
    }
    if let (Some(RunKind::Container), Some(folder)) = (kind, &shared.path) {
        mounts.add(checker, folder, path, false);
    }
}

fn check_size(checker: &mut Checker<'_>, size: ByteSize, path: &KeyPath) {
    if size == ByteSize::ZERO {
        checker.fault(path, Fault::new(Code::Zero, "the size is zero").hint("write one above zero, like \"8MiB\""));
    }
}

/// Where a container sees a ramdisk or disk. A process has no use for a path: it asks with a placeholder.
fn check_mount(
    checker: &mut Checker<'_>,
    kind: Option<RunKind>,
    given: Option<&str>,
    mounts: &mut Mounts,
    path: &KeyPath,
) {
    match (kind, given) {
        (Some(RunKind::Container), Some(folder)) => mounts.add(checker, folder, &path.join("path"), false),
        (Some(RunKind::Container), None) => {
            let fault = Fault::new(Code::MissingKey, format!("`{path}` lacks `path`: where the container sees it"));
            checker.fault(&path.join("path"), fault.hint("add path = \"/data\""));
        }
        (Some(RunKind::Process), Some(_)) => {
            let fault = Fault::new(Code::WrongRunKind, format!("`{path}.path` means nothing for a process"));
            let hint = "remove it; the process finds it at {ramdisk.NAME} or {node.disk}";
            checker.key_fault(&path.join("path"), fault.hint(hint));
        }
        (Some(RunKind::Process) | None, _) => {}
    }
}

fn check_relative(checker: &mut Checker<'_>, target: &str, path: &KeyPath) {
    if !is_safe_path(target) {
        let fault = Fault::new(Code::PathEscapes, format!("`{target}` is not a path below the node's folder"));
        checker.key_fault(
            path,
            fault.hint("a process gets its files below {node.dir}: write a relative path without `..`"),
        );
    }
}

fn check_content(checker: &mut Checker<'_>, file: &FileDecl, scope: &Scope, path: &KeyPath) {
    match (&file.text, &file.source) {
        (Some(_), Some(_)) | (None, None) => {
            let both = if file.text.is_some() { "both `text` and `source`" } else { "neither `text` nor `source`" };
            let fault = Fault::new(Code::FileContent, format!("`{path}` has {both}"));
            checker.key_fault(
                path,
                fault.hint("give one of them: text = \"…\", or source = \"a file beside the scenario\""),
            );
        }
        (Some(text), None) if file.template => checker.text(text, scope, &path.join("text")),
        (Some(_), None) => {}
        (None, Some(source)) => check_source(checker, file.template, source, scope, &path.join("source")),
    }
}

fn check_source(checker: &mut Checker<'_>, template: bool, source: &str, scope: &Scope, path: &KeyPath) {
    if !check_safe(checker, source, path) {
        return;
    }
    let Some(content) = checker.bundle.files.get(source) else {
        missing_file(checker, source, path);
        return;
    };
    if !template {
        return;
    }
    if let Ok(text) = std::str::from_utf8(content) {
        checker.template(source, text, scope, path);
        return;
    }
    let fault = Fault::new(Code::FileContent, format!("`{source}` is not text, so it cannot be a template"));
    checker.fault(path, fault.hint("remove `template = true`"));
}

/// Checks a script or program that the scenario names.
pub(super) fn check_script(checker: &mut Checker<'_>, file: &str, path: &KeyPath) {
    if !check_safe(checker, file, path) || checker.bundle.inputs.contains_key(file) {
        return;
    }
    if checker.bundle.named(&Naming::Path(file.to_owned())).next().is_some() {
        let fault = Fault::new(Code::MissingFile, format!("`{file}` is a folder, and what is run is a file"));
        checker.fault(path, fault.hint(format!("name a file in it, like \"{file}/main.sh\"")));
        return;
    }
    missing_file(checker, file, path);
}

/// Checks an entry of `inputs`: a file, a folder, or a pattern.
pub(super) fn check_input(checker: &mut Checker<'_>, entry: &str, path: &KeyPath) {
    if !check_safe(checker, entry, path) {
        return;
    }
    let naming = match Naming::of(entry) {
        Ok(naming) => naming,
        Err(error) => {
            let fault = Fault::new(Code::BadPattern, format!("`{entry}` is not a pattern: {}", error.problem));
            let hint = "write * for letters of a name, ** for folders, ? for one letter, [ab] for one of several";
            checker.fault(path, fault.hint(hint));
            return;
        }
    };
    if checker.bundle.named(&naming).next().is_some() {
        return;
    }
    let fault = match naming {
        Naming::Path(_) => {
            let fault =
                Fault::new(Code::MissingFile, format!("there is no file or folder `{entry}` beside the scenario"));
            fault.hint(format!(
                "make it at {}; a folder without files counts as none",
                checker.bundle.dir.join(entry).display()
            ))
        }
        Naming::Pattern(_) => Fault::new(Code::MissingFile, format!("`{entry}` names no file beside the scenario"))
            .hint(format!("patterns count from {}", checker.bundle.dir.display())),
    };
    checker.fault(path, fault);
}

fn check_safe(checker: &mut Checker<'_>, file: &str, path: &KeyPath) -> bool {
    let safe = is_safe_path(file);
    if !safe {
        let fault = Fault::new(Code::PathEscapes, format!("`{file}` is not a path below the scenario's folder"));
        checker.fault(path, fault.hint(SAFE_PATH_RULE));
    }
    safe
}

fn missing_file(checker: &mut Checker<'_>, file: &str, path: &KeyPath) {
    let fault = Fault::new(Code::MissingFile, format!("there is no file `{file}` beside the scenario"));
    checker.fault(path, fault.hint(format!("make it at {}", checker.bundle.dir.join(file).display())));
}

fn check_memory(checker: &mut Checker<'_>, role: &Role, kind: Option<RunKind>, role_path: &KeyPath) {
    if kind != Some(RunKind::Container) {
        return;
    }
    let path = role_path.join("memory");
    let Some(memory) = role.memory else {
        let fault =
            Fault::warning(Code::NoMemoryLimit, "the container has no memory limit: one node can starve all others");
        checker.fault(&path, fault.hint("add memory = \"64MiB\": the ramdisks and what the program needs"));
        return;
    };
    let held =
        role.ramdisk.values().map(|ramdisk| ramdisk.size).chain(role.scratch.values().copied()).sum::<ByteSize>();
    let least = if held == ByteSize::ZERO { MEMORY_MIN } else { (held + ROOM).max(MEMORY_MIN) };
    if memory < least {
        let message = if held == ByteSize::ZERO {
            format!("{memory} of memory is less than the engine allows ({MEMORY_MIN})")
        } else {
            format!("{memory} of memory cannot hold {held} of ramdisks and scratch folders and {ROOM} for the program")
        };
        checker.fault(&path, Fault::new(Code::MemoryTooSmall, message).hint(format!("write \"{least}\" or more")));
    }
}
