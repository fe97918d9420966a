//! The scenario as a whole.

use throng_common::ids::RoleName;
use throng_common::scenario::model::{FORMAT, Role, Scenario};
use throng_common::scenario::selector::Selector;

use super::context::Checker;
use super::paths::absolute;
use super::role::check_word;
use super::{address, claims, metrics, ports, role};
use crate::bundle::Bundle;
use crate::scenario::code::Code;
use crate::scenario::path::KeyPath;
use crate::scenario::report::{Fault, Report};
use crate::scenario::tree::Node;

/// Most nodes of one scenario: a guard against a slip of the keyboard, far above what has been tried.
const NODES_MAX: u64 = 100_000;

/// Checks everything that spans several keys.
pub(in crate::scenario) fn all(scenario: &Scenario, document: &Node, bundle: &Bundle, report: &mut Report) {
    let mut checker = Checker::new(scenario, document, bundle, report);
    if scenario.format != FORMAT {
        let fault = Fault::new(Code::BadFormat, format!("there is no format {}", scenario.format));
        checker.fault(&KeyPath::from_iter(["format"]), fault.hint("write format = 1"));
    }
    address::check(&mut checker, &scenario.fleet);
    for name in scenario.param.keys() {
        check_word(&mut checker, name, "parameter name", &KeyPath::from_iter(["param", name]));
    }
    for (name, shared) in &scenario.shared {
        let place = KeyPath::from_iter(["shared", name]);
        check_word(&mut checker, name, "name of a shared folder", &place);
        if let Some(fault) = shared.path.as_deref().and_then(absolute) {
            checker.fault(&place.join("path"), fault);
        }
    }
    check_roles(&mut checker);
    for (name, role) in &scenario.role {
        role::check(&mut checker, name, role);
    }
    ports::check_sum(&mut checker);
    check_tuning(&mut checker);
    metrics::check(&mut checker);
    claims::check(&mut checker);
    checker.no_nul();
}

fn check_roles(checker: &mut Checker<'_>) {
    let path = KeyPath::from_iter(["role"]);
    let scenario = checker.scenario;
    if scenario.role.is_empty() {
        let fault = Fault::new(Code::NoRoles, "the scenario has no roles");
        checker.fault(&path, fault.hint("define what is to run as [role.NAME], or see `throng init`"));
    }
    let nodes: u64 = scenario.role.values().map(|role| u64::from(role.count)).sum();
    if nodes == 0 && !scenario.role.is_empty() {
        let fault = Fault::new(Code::NoRoles, "no role has a node");
        checker.fault(&path, fault.hint("give one of them a count of 1 or more"));
    }
    if nodes > NODES_MAX {
        let largest = scenario.role.iter().max_by_key(|(_, role)| role.count).map(|(name, _)| name.as_str());
        let path = path.join(largest.unwrap_or_default()).join("count");
        let fault = Fault::new(Code::TooManyNodes, format!("the scenario has {nodes} nodes"));
        checker.fault(&path, fault.hint(format!("lower the counts: at most {NODES_MAX} nodes in all")));
    }
    for (name, role) in &scenario.role {
        if name.as_str() == Selector::All.to_string() {
            let fault =
                Fault::new(Code::ReservedName, format!("selectors take `{name}` for every node of the cluster"));
            checker.key_fault(&path.join(name), fault.hint("give the role another name"));
        }
        if let Some(with) = &role.with {
            check_pair(checker, name, role, with);
        }
        for (index, before) in role.after.iter().enumerate() {
            let path = path.join(name).join("after").join(index);
            if checker.role(before, &path).is_some() {
                check_round(checker, name, before, &path);
            }
        }
    }
}

/// Reports a role that is paired with itself, with one that is itself paired, or with one of fewer nodes.
fn check_pair(checker: &mut Checker<'_>, name: &RoleName, role: &Role, with: &RoleName) {
    let place = KeyPath::from_iter(["role", name.as_str(), "with"]);
    let Some(partner) = checker.role(with, &place) else { return };
    let counts = [name, with].map(|role| KeyPath::from_iter(["role", role.as_str(), "count"]));
    if with == name {
        let fault = Fault::new(Code::BadPair, format!("`{name}` cannot be paired with itself"));
        checker.fault(&place, fault.hint("name the role beside whose nodes its nodes shall lie"));
    } else if let Some(next) = &partner.with {
        let fault = Fault::new(Code::BadPair, format!("`{with}` is itself paired with `{next}`"));
        checker.fault(&place, fault.hint(format!("write with = \"{next}\"")));
    } else if role.count > partner.count && !counts.iter().any(|count| checker.is_tainted(count)) {
        let message = format!("`{name}` has {} nodes, and `{with}` has {}", role.count, partner.count);
        let fault = Fault::new(Code::BadPair, message);
        checker.fault(&place, fault.hint(format!("each needs one of `{with}` beside it: lower the count of `{name}`")));
    }
}

/// Reports a round of roles that wait for one another, once: at its first role by name.
fn check_round(checker: &mut Checker<'_>, name: &RoleName, before: &RoleName, path: &KeyPath) {
    let scenario = checker.scenario;
    let mut open = vec![vec![before]];
    let mut visited = vec![before];
    while let Some(round) = open.pop() {
        let Some(last) = round.last() else { continue };
        if *last == name {
            if round.iter().all(|one| *one >= name) {
                let names: Vec<&str> = std::iter::once(&name).chain(&round).map(|one| one.as_str()).collect();
                let message = format!("the roles wait for one another: {}", names.join(" -> "));
                let fault = Fault::new(Code::RoleCycle, message);
                checker.fault(path, fault.hint("take one of them out of an `after`"));
            }
            return;
        }
        for next in scenario.role.get(*last).into_iter().flat_map(|role| &role.after) {
            if !visited.contains(&next) || next == name {
                visited.push(next);
                open.push(round.iter().copied().chain([next]).collect());
            }
        }
    }
}

fn check_tuning(checker: &mut Checker<'_>) {
    let path = KeyPath::from_iter(["tuning", "sysctl"]);
    for (key, value) in &checker.scenario.tuning.sysctl {
        let place = path.join(key);
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '_' | '-');
        let parts = key.split(['.', '/']).all(|part| !part.is_empty());
        if !key.contains(['.', '/']) || !key.chars().all(inside) || !parts {
            let fault = Fault::new(Code::BadSysctl, format!("`{key}` is not the name of a kernel setting"));
            checker.key_fault(&place, fault.hint("write it as sysctl does, in quotes: \"net.core.somaxconn\" = 4096"));
        }
        checker.plain(&value.to_string(), &place);
    }
}
