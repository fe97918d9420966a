//! `ready` and `seen`: what is asked of nodes, and of the system about its nodes.

use throng_common::ids::RoleName;
use throng_common::scenario::model::{Each, EachJson, Role};

use super::context::Checker;
use super::pattern;
use super::scope::Scope;
use crate::scenario::code::Code;
use crate::scenario::path::KeyPath;
use crate::scenario::report::{Fault, suggest};

/// More nodes than this make a probe that starts a program in each a load of its own.
const EXEC_PROBES_MAX: u32 = 100;

/// Checks `ready`.
pub(super) fn check_ready(checker: &mut Checker<'_>, role: &Role, name: &RoleName, path: &KeyPath) {
    let Some(ready) = &role.ready else { return };
    let path = path.join("ready");
    let scope = Scope::of_role(name);
    let alternatives = [("tcp", ready.tcp.is_some()), ("http", ready.http.is_some()), ("exec", ready.exec.is_some())];
    let kind = checker.exactly_one(&path, &alternatives);
    if let Some(port) = &ready.tcp
        && !role.ports.contains(port)
        && !checker.is_doubtful(&KeyPath::from_iter(["role", name.as_str(), "ports"]))
    {
        let known: Vec<String> = role.ports.entries().map(|(known, _)| known.to_owned()).collect();
        let hint = suggest(port, known.iter().map(String::as_str), "declare it: ports = [\"NAME\"]");
        let fault = Fault::new(Code::UndefinedPort, format!("`{name}` has no port `{port}`"));
        checker.fault(&path.join("tcp"), fault.hint(hint));
    }
    if let Some(url) = &ready.http {
        check_url(checker, url, &scope, &path.join("http"));
    }
    if let Some(command) = &ready.exec {
        check_exec(checker, command, &scope, &path.join("exec"));
        if role.count > EXEC_PROBES_MAX {
            let message = format!("{} nodes are asked by starting a program in each of them", role.count);
            let fault = Fault::warning(Code::ExecProbeForMany, message);
            checker.fault(&path.join("exec"), fault.hint("use `tcp` with `send` and `expect`, or `http`, for so many"));
        }
    }
    if let Some(kind) = kind {
        checker.stray(&path.join("send"), ready.send.is_some() && kind != "tcp", "it belongs to `tcp`");
        checker.stray(&path.join("expect"), ready.expect.is_some() && kind == "exec", "it belongs to `tcp` and `http`");
    }
    for (key, text) in [("send", &ready.send), ("expect", &ready.expect)] {
        if let Some(text) = text {
            checker.text(text, &scope, &path.join(key));
        }
    }
    checker.positive(ready.timeout, &path.join("timeout"));
    checker.positive(ready.interval, &path.join("interval"));
}

/// Checks `seen`.
pub(super) fn check_seen(checker: &mut Checker<'_>, role: &Role, name: &RoleName, path: &KeyPath) {
    let Some(seen) = &role.seen else { return };
    let path = path.join("seen");
    let roles = checker.selector(&seen.on, &path.join("on"));
    if let [asked] = &roles[..]
        && starts_after(checker, asked, name)
        && !starts_after(checker, name, asked)
    {
        let message =
            format!("`{asked}` starts only after `{name}`, and `{name}` is not up before `{asked}` has seen it");
        let hint = format!("ask `{name}` itself, or a role that starts before it, or change an `after`");
        checker.fault(&path.join("on"), Fault::new(Code::SeenTooEarly, message).hint(hint));
    }
    let scope = Scope::of_roles(roles);
    checker.exactly_one(&path, &[("exec", seen.exec.is_some()), ("http", seen.http.is_some())]);
    if let Some(command) = &seen.exec {
        check_exec(checker, command, &scope, &path.join("exec"));
    }
    if let Some(url) = &seen.http {
        check_url(checker, url, &scope, &path.join("http"));
    }
    match &seen.each {
        Each::Regex(pattern) => check_each(checker, pattern, role, name, &path.join("each")),
        Each::Json(json) => check_each_json(checker, json, role, name, &path.join("each")),
    }
    checker.positive(seen.interval, &path.join("interval"));
}

/// Whether a role waits for another, by its own `after` or by that of one it waits for.
fn starts_after(checker: &Checker<'_>, late: &RoleName, early: &RoleName) -> bool {
    let mut awaited = vec![late];
    let mut next = 0;
    while let Some(role) = awaited.get(next).and_then(|name| checker.scenario.role.get(*name)) {
        if role.after.contains(early) {
            return true;
        }
        let more: Vec<_> = role.after.iter().filter(|name| !awaited.contains(name)).collect();
        awaited.extend(more);
        next += 1;
    }
    false
}

fn check_each(checker: &mut Checker<'_>, pattern: &str, role: &Role, name: &RoleName, path: &KeyPath) {
    let regex = match pattern::regex(pattern) {
        Ok(regex) => regex,
        Err(fault) => return checker.fault(path, fault),
    };
    let has = |group: &str| regex.capture_names().flatten().any(|known| known == group);
    let names_a_node = has("name") || has("id") || has("count");
    if names_a_node || (has("address") && (has("port") || role.count == 1)) {
        return;
    }
    let (message, hint) = if has("address") {
        (
            format!(
                "`{name}` has {} nodes, and nodes of a host share its address: the address alone tells none",
                role.count
            ),
            "add the port: (?<address>[^,]+),port=(?<port>\\d+)",
        )
    } else {
        (
            "the regular expression has none of the groups that tell a node".to_owned(),
            "name a group: (?<name>…), (?<address>…) and (?<port>…), (?<id>…), or (?<count>\\d+) for a mere number",
        )
    };
    checker.fault(path, Fault::new(Code::RegexWithoutGroup, message).hint(hint));
}

fn check_each_json(checker: &mut Checker<'_>, json: &EachJson, role: &Role, name: &RoleName, path: &KeyPath) {
    let pointers = [
        ("list", Some(&json.list)),
        ("name", json.name.as_ref()),
        ("address", json.address.as_ref()),
        ("port", json.port.as_ref()),
    ];
    for (key, pointer) in pointers {
        if let Some(Err(fault)) = pointer.map(|pointer| pattern::json_pointer(pointer)) {
            checker.fault(&path.join(key), fault);
        }
    }
    let lonely = json.address.is_some() && json.port.is_none() && json.name.is_none() && role.count > 1;
    if lonely {
        let message = format!(
            "`{name}` has {} nodes, and nodes of a host share its address: the address alone tells none",
            role.count
        );
        checker.key_fault(&path.join("address"), Fault::new(Code::MissingKey, message).hint("add port = \"/port\""));
    }
    checker.stray(&path.join("port"), json.port.is_some() && json.address.is_none(), "it belongs to `address`");
}

/// A command run in nodes.
pub(super) fn check_exec(checker: &mut Checker<'_>, command: &[String], scope: &Scope, path: &KeyPath) {
    checker.command(command, path);
    checker.texts(command, scope, path);
}

/// A URL fetched from nodes.
pub(super) fn check_url(checker: &mut Checker<'_>, url: &str, scope: &Scope, path: &KeyPath) {
    checker.text(url, scope, path);
    if let Err(fault) = pattern::url(url) {
        checker.fault(path, fault);
    }
}
