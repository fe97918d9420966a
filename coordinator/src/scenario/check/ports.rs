//! A role's ports: their names, ranges and derivations.

use std::collections::BTreeMap;

use throng_common::ids::RoleName;
use throng_common::scenario::model::{Provider, Role};
use throng_common::scenario::ports::{PortDecl, PortsDecl};

use super::context::Checker;
use super::role::check_word;
use crate::scenario::code::Code;
use crate::scenario::path::KeyPath;
use crate::scenario::report::{Fault, suggest};

/// Checks a role's `ports`.
pub(super) fn check(checker: &mut Checker<'_>, role: &Role, path: &KeyPath) {
    match &role.ports {
        PortsDecl::Names(names) => {
            for (index, name) in names.iter().enumerate() {
                let path = path.join(index);
                check_word(checker, name, "port name", &path);
                if names[..index].contains(name) {
                    let fault = Fault::new(Code::DuplicateName, format!("there are two ports `{name}`"));
                    checker.fault(&path, fault.hint("give every port a name of its own"));
                }
            }
        }
        PortsDecl::Table(table) => {
            for (name, decl) in table {
                let path = path.join(name);
                check_word(checker, name, "port name", &path);
                check_decl(checker, table, name, decl, &path);
            }
        }
    }
}

fn check_decl(
    checker: &mut Checker<'_>,
    table: &BTreeMap<String, PortDecl>,
    name: &str,
    decl: &PortDecl,
    path: &KeyPath,
) {
    let incomplete = |given: &str, lacking: &str| {
        let message = format!("`{path}` has `{given}`, which means nothing without `{lacking}`");
        Fault::new(Code::IncompletePort, message).hint("write { offset_of = \"redis\", plus = 10000 }")
    };
    match (&decl.offset_of, decl.plus) {
        (None, Some(_)) => checker.key_fault(&path.join("plus"), incomplete("plus", "offset_of")),
        (Some(_), None) => checker.key_fault(&path.join("offset_of"), incomplete("offset_of", "plus")),
        (Some(_) | None, _) => {}
    }
    let Some(base) = &decl.offset_of else { return };
    let path = path.join("offset_of");
    if !table.contains_key(base) {
        let hint =
            suggest(base, table.keys().filter(|one| *one != name).map(String::as_str), "declare it beside this one");
        checker.fault(&path, Fault::new(Code::UndefinedPort, format!("there is no port `{base}`")).hint(hint));
        return;
    }
    let mut round = vec![name];
    let mut at = base.as_str();
    while !round.contains(&at) {
        round.push(at);
        let Some(next) = table.get(at).and_then(|decl| decl.offset_of.as_deref()) else { return };
        at = next;
    }
    // Every port of the round is reached again; only the first by name reports it.
    if at == name && round.iter().all(|one| *one >= name) {
        round.push(at);
        let message = format!("the ports are derived from one another: {}", round.join(" -> "));
        checker.fault(&path, Fault::new(Code::PortCycle, message).hint("give one of them a port of its own"));
    }
}

/// Checks that the pool holds the ports of all nodes. Where all run on one machine this needs no plan.
pub(super) fn check_sum(checker: &mut Checker<'_>) {
    let scenario = checker.scenario;
    let path = KeyPath::from_iter(["fleet", "ports"]);
    if scenario.fleet.provider != Provider::Local || checker.is_tainted(&path) {
        return;
    }
    let wanted: Vec<(&RoleName, u64)> = scenario.role.iter().map(|(name, role)| (name, ports_of(role))).collect();
    let sum: u64 = wanted.iter().map(|(_, ports)| ports).sum();
    let pool = scenario.fleet.ports;
    if sum <= u64::from(pool.count()) {
        return;
    }
    let Some((largest, _)) = wanted.iter().max_by_key(|(_, ports)| *ports) else { return };
    let place = if checker.has(&path) { path } else { KeyPath::from_iter(["role", largest.as_str(), "ports"]) };
    let message = format!("all nodes together need {sum} ports, and the pool {pool} holds {}", pool.count());
    let hint = format!("widen `fleet.ports`, or lower the count of `{largest}`, which needs most of them");
    checker.fault(&place, Fault::new(Code::PortsDoNotFit, message).hint(hint));
}

/// How many ports of the pool all nodes of a role take: derived ones lie outside.
fn ports_of(role: &Role) -> u64 {
    let direct = role.ports.entries().filter(|(_, decl)| decl.offset_of.is_none());
    let each: u64 = direct.map(|(_, decl)| u64::from(decl.count.unwrap_or(1))).sum();
    each * u64::from(role.count)
}
