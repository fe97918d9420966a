//! A role: how it runs, and what fits that.

use std::sync::LazyLock;

use regex::Regex;
use throng_common::ids::RoleName;
use throng_common::scenario::model::{Image, Role, RunKind};
use throng_common::span::Span;

use super::context::Checker;
use super::paths::absolute_text;
use super::scope::Scope;
use super::storage::{check_input, check_script};
use super::{capability, image, ports, probes, storage};
use crate::scenario::code::Code;
use crate::scenario::path::KeyPath;
use crate::scenario::report::Fault;

/// Keys that only containers have.
const CONTAINER_KEYS: [&str; 6] = ["image", "pull", "entrypoint", "scratch", "capabilities", "read_only"];

/// The longest CPU time of a start: a guard against a slip of the keyboard.
const START_CPU_MAX: Span = Span::seconds(3600);

static USER: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"^(\d{1,10}(:\d{1,10})?|[a-z_][a-z0-9_-]{0,31}(:[a-z_][a-z0-9_-]{0,31})?)$";
    Regex::new(pattern).expect("the pattern is a constant, compiled by every load")
});

/// Checks a role.
pub(super) fn check(checker: &mut Checker<'_>, name: &RoleName, role: &Role) {
    let path = KeyPath::from_iter(["role", name.as_str()]);
    let scope = Scope::of_role(name);
    match checker.run_kind(name) {
        Some(RunKind::Container) => check_container(checker, role, &path),
        Some(RunKind::Process) => check_process(checker, role, &path),
        None => {}
    }
    check_commands(checker, role, &scope, &path);
    check_env(checker, role, &scope, &path);
    check_user(checker, role, name, &path);
    check_restart(checker, role, &path);
    ports::check(checker, role, &path.join("ports"));
    storage::check(checker, name, role, &path);
    probes::check_ready(checker, role, name, &path);
    probes::check_seen(checker, role, name, &path);
}

fn check_container(checker: &mut Checker<'_>, role: &Role, path: &KeyPath) {
    let place = path.join("image");
    match &role.image {
        None => {
            let fault = Fault::new(Code::MissingImage, format!("`{path}` is a container without an image"));
            checker.fault(&place, fault.hint("add image = \"redis:7\", or image = { build = \"image.sh\" }"));
        }
        Some(Image::Name(name)) => {
            if let Err(fault) = image::check(name) {
                checker.fault(&place, fault);
            }
        }
        Some(Image::Build(build)) => {
            check_script(checker, &build.build, &place.join("build"));
            for (index, input) in build.inputs.iter().enumerate() {
                check_input(checker, input, &place.join("inputs").join(index));
            }
            for (index, argument) in build.args.iter().enumerate() {
                checker.plain(argument, &place.join("args").join(index));
            }
        }
    }
    for (index, name) in role.capabilities.iter().enumerate() {
        if let Err(fault) = capability::check(name) {
            checker.fault(&path.join("capabilities").join(index), fault);
        }
    }
}

fn check_process(checker: &mut Checker<'_>, role: &Role, path: &KeyPath) {
    if role.command.is_empty() && !checker.is_tainted(&path.join("command")) && !checker.has(&path.join("command")) {
        let fault = Fault::new(Code::MissingCommand, format!("`{path}` is a process without a command"));
        checker.fault(&path.join("command"), fault.hint("add command = [\"program\", \"argument\"]"));
    }
    for key in CONTAINER_KEYS {
        let place = path.join(key);
        if checker.has(&place) {
            let fault = Fault::new(Code::WrongRunKind, format!("`{key}` is for containers, and `{path}` is a process"));
            checker.key_fault(&place, fault.hint("remove it, or write run = \"container\""));
        }
    }
}

fn check_commands(checker: &mut Checker<'_>, role: &Role, scope: &Scope, path: &KeyPath) {
    let place = path.join("command");
    if checker.has(&place) {
        checker.command(&role.command, &place);
    }
    checker.texts(&role.command, scope, &place);
    if let Some(entrypoint) = &role.entrypoint {
        // An empty one takes the image's away, which is a wish that people have.
        checker.texts(entrypoint, scope, &path.join("entrypoint"));
    }
    if let Some(prepare) = &role.prepare {
        let path = path.join("prepare");
        checker.command(&prepare.command, &path.join("command"));
        checker.texts(&prepare.command, scope, &path.join("command"));
        checker.positive(prepare.timeout, &path.join("timeout"));
    }
    if let Some(workdir) = &role.workdir {
        let place = path.join("workdir");
        checker.text(workdir, scope, &place);
        if let Some(fault) = absolute_text(workdir) {
            checker.fault(&place, fault);
        }
    }
    for (index, file) in role.collect.iter().enumerate() {
        let place = path.join("collect").join(index);
        checker.text(file, scope, &place);
        if let Some(fault) = absolute_text(file) {
            checker.fault(&place, fault);
        }
    }
}

fn check_env(checker: &mut Checker<'_>, role: &Role, scope: &Scope, path: &KeyPath) {
    for (name, value) in &role.env {
        let place = path.join("env").join(name);
        check_variable(checker, name, &place);
        checker.text(value, scope, &place);
    }
}

/// The name of an environment variable.
pub(super) fn check_variable(checker: &mut Checker<'_>, name: &str, path: &KeyPath) {
    if name.is_empty() || name.contains(['=', ' ']) {
        let fault = Fault::new(Code::BadName, format!("`{name}` is not the name of an environment variable"));
        checker.key_fault(path, fault.hint("use letters, digits and '_'"));
    }
}

fn check_user(checker: &mut Checker<'_>, role: &Role, name: &RoleName, path: &KeyPath) {
    let Some(user) = &role.user else { return };
    let place = path.join("user");
    if !USER.is_match(user) {
        let fault = Fault::new(Code::BadUser, format!("`{user}` is not a user"));
        checker.fault(&place, fault.hint("write a name, `uid` or `uid:gid`, like \"redis\" or \"999:999\""));
        return;
    }
    let caller = &checker.bundle.caller;
    let own = user.split(':').next().is_some_and(|one| one == caller.name || one == caller.uid.to_string());
    if checker.run_kind(name) == Some(RunKind::Process) && caller.uid != 0 && !own {
        // Otherwise a scenario would be a way to become root through the agent.
        let message = format!("a process of `{}` may not run as `{user}`", caller.name);
        let hint = "remove `user`: processes run as whoever called throng; only root may name somebody else";
        checker.fault(&place, Fault::new(Code::UserNotAllowed, message).hint(hint));
    }
}

fn check_restart(checker: &mut Checker<'_>, role: &Role, path: &KeyPath) {
    checker.positive(role.restart.backoff, &path.join("restart").join("backoff"));
    checker.positive(role.start.timeout, &path.join("start").join("timeout"));
    if let Some(cpu) = role.start.cpu {
        let place = path.join("start").join("cpu");
        checker.positive(cpu, &place);
        if cpu > START_CPU_MAX {
            let fault = Fault::new(Code::OutOfRange, format!("no start takes {cpu} of CPU time"));
            checker.fault(&place, fault.hint(format!("write {START_CPU_MAX} at the most")));
        }
    }
}

/// A word: what stands after the dot in a placeholder.
pub(super) fn check_word(checker: &mut Checker<'_>, name: &str, kind: &str, path: &KeyPath) {
    let good = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !good {
        let fault = Fault::new(Code::BadName, format!("`{name}` is not a valid {kind}"));
        checker.key_fault(path, fault.hint("use letters, digits, '-' and '_', so that placeholders can name it"));
    }
}
