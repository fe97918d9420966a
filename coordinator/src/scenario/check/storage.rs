//! What a node finds in its file system, and whether its memory holds it.

use throng_common::ids::RoleName;
use throng_common::scenario::model::{FileDecl, Role, RunKind};
use throng_common::size::ByteSize;

use super::context::Checker;
use super::paths::Mounts;
use super::role::check_word;
use super::scope::Scope;
use crate::scenario::SAFE_PATH_RULE;
use crate::scenario::code::Code;
use crate::scenario::names::is_safe_path;
use crate::scenario::path::KeyPath;
use crate::scenario::report::Fault;

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
    if !check_bundled(checker, source, path) || !template {
        return;
    }
    let Some(content) = checker.bundle.files.get(source) else { return };
    if let Ok(text) = std::str::from_utf8(content) {
        checker.template(source, text, scope, path);
        return;
    }
    let fault = Fault::new(Code::FileContent, format!("`{source}` is not text, so it cannot be a template"));
    checker.fault(path, fault.hint("remove `template = true`"));
}

/// Checks a file that the scenario names; whether it is there.
pub(super) fn check_bundled(checker: &mut Checker<'_>, file: &str, path: &KeyPath) -> bool {
    if !is_safe_path(file) {
        let fault = Fault::new(Code::PathEscapes, format!("`{file}` is not a path below the scenario's folder"));
        checker.fault(path, fault.hint(SAFE_PATH_RULE));
        return false;
    }
    let there = checker.bundle.contains(file);
    if !there {
        let fault = Fault::new(Code::MissingFile, format!("there is no file `{file}` beside the scenario"));
        checker.fault(path, fault.hint(format!("make it at {}", checker.bundle.dir.join(file).display())));
    }
    there
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
