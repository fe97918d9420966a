//! What every check needs: the scenario, where its keys stand, and where to put mistakes.

use std::ops::Range;

use throng_common::ids::{NodeName, RoleName};
use throng_common::scenario::model::{Role, RunKind, Scenario};
use throng_common::scenario::selector::{Amount, Selector};
use throng_common::scenario::steps::Step;
use throng_common::span::Span;

use crate::bundle::Bundle;
use crate::scenario::code::Code;
use crate::scenario::path::KeyPath;
use crate::scenario::report::{Fault, Report, suggest};
use crate::scenario::source::Origin;
use crate::scenario::tree::Node;

/// The checks' common ground.
pub(super) struct Checker<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) bundle: &'a Bundle,
    document: &'a Node,
    report: &'a mut Report,
}

impl<'a> Checker<'a> {
    pub(super) fn new(scenario: &'a Scenario, document: &'a Node, bundle: &'a Bundle, report: &'a mut Report) -> Self {
        Self { scenario, bundle, document, report }
    }

    /// A mistake in the value at this path. Nothing is said of a value that was replaced.
    pub(super) fn fault(&mut self, path: &KeyPath, fault: Fault) {
        if !self.report.is_tainted(path) {
            self.report.push(self.document.origin_at(path), Some(path), fault);
        }
    }

    /// A mistake that is the key itself.
    pub(super) fn key_fault(&mut self, path: &KeyPath, fault: Fault) {
        if !self.report.is_tainted(path) {
            self.report.push(self.document.key_origin_at(path), Some(path), fault);
        }
    }

    /// A mistake in another file, which the key at `path` names.
    pub(super) fn fault_in_file(&mut self, file: &str, text: &str, span: Range<usize>, path: &KeyPath, fault: Fault) {
        let source = self.report.add_source(file, text);
        self.report.push(&Origin { source, span }, Some(path), fault);
    }

    /// Whether the file gives this key.
    pub(super) fn has(&self, path: &KeyPath) -> bool {
        self.document.get(path).is_some()
    }

    /// Whether the value at this path is not what the file says.
    pub(super) fn is_tainted(&self, path: &KeyPath) -> bool {
        self.report.is_tainted(path)
    }

    /// Whether something at, above or below this path is not what the file says.
    pub(super) fn is_doubtful(&self, path: &KeyPath) -> bool {
        self.report.is_doubtful(path)
    }

    /// The document, for checks that do not care what a key means.
    pub(super) fn document(&self) -> &'a Node {
        self.document
    }

    /// The role of this name; reported where there is none.
    pub(super) fn role(&mut self, name: &RoleName, path: &KeyPath) -> Option<&'a Role> {
        let found = self.scenario.role.get(name);
        if found.is_none() {
            let hint =
                suggest(name.as_str(), self.scenario.role.keys().map(RoleName::as_str), "define it as [role.NAME]");
            let fault = Fault::new(Code::UnknownRole, format!("there is no role `{name}`"));
            self.fault(path, fault.hint(hint).within(name.as_str()));
        }
        found
    }

    /// What was meant by the name of a role that there is not.
    pub(super) fn role_hint(&self, name: &RoleName) -> String {
        let as_node = name.as_str().rsplit_once('-').and_then(|(role, digits)| {
            let role = self.scenario.role.keys().find(|known| known.as_str() == role)?;
            let index: u32 = digits.parse().ok()?;
            Some(format!("write `{}` for one node: indices have four digits", NodeName::new(role.clone(), index)))
        });
        let known = self.scenario.role.keys().map(RoleName::as_str);
        as_node.unwrap_or_else(|| suggest(name.as_str(), known, "define it as [role.NAME]"))
    }

    /// The most nodes that a role ever has: its count, or what a step scales it to.
    pub(super) fn most_nodes(&self, name: &RoleName) -> u32 {
        let steps = self.scenario.test.iter().flat_map(|test| [&test.setup, &test.step, &test.teardown]).flatten();
        let count = self.scenario.role.get(name).map_or(0, |role| role.count);
        steps.map(|step| most_scaled(step, name)).fold(count, u32::max)
    }

    /// Checks that a selector means nodes that there are; gives the roles that it speaks of.
    pub(super) fn selector(&mut self, selector: &Selector, path: &KeyPath) -> Vec<RoleName> {
        match selector {
            Selector::All => self.scenario.role.keys().cloned().collect(),
            // Steps look for themselves whether it was saved; elsewhere nothing ever was.
            Selector::Saved(_) => {
                let fault = Fault::new(Code::PlaceholderNotHere, format!("`{selector}` is not filled in here"));
                self.fault(path, fault.hint("name the nodes: only steps of a test save them, for later ones"));
                Vec::new()
            }
            Selector::Role(role) => self.role(role, path).map(|_| role.clone()).into_iter().collect(),
            Selector::Some { amount, role } => {
                if self.role(role, path).is_none() {
                    return Vec::new();
                }
                if let Amount::Count(count) = amount {
                    self.has_nodes(role, *count, path);
                }
                vec![role.clone()]
            }
            Selector::Nodes(nodes) => {
                let mut roles = Vec::new();
                for node in nodes.iter() {
                    if !roles.contains(node.role()) {
                        if self.role(node.role(), path).is_none() {
                            return Vec::new();
                        }
                        roles.push(node.role().clone());
                    }
                    let most = self.most_nodes(node.role());
                    if node.index() >= most {
                        let message = format!("there is no node `{node}`");
                        let hint = index_hint(node.role(), most);
                        self.fault(path, Fault::new(Code::IndexOutOfRange, message).hint(hint));
                        break;
                    }
                }
                roles
            }
        }
    }

    /// Checks that a role ever has so many nodes.
    fn has_nodes(&mut self, role: &RoleName, count: u32, path: &KeyPath) {
        let most = self.most_nodes(role);
        if count > most && !self.is_tainted(&KeyPath::from_iter(["role", role.as_str(), "count"])) {
            let fault = Fault::new(Code::TooFewNodes, format!("there are no {count} nodes of `{role}`"));
            let hint = format!("{}: write {most} of {role} at the most", index_hint(role, most));
            self.fault(path, fault.hint(hint));
        }
    }

    /// Whether a role runs as containers; none where the file does not say it rightly.
    pub(super) fn run_kind(&self, name: &RoleName) -> Option<RunKind> {
        let path = KeyPath::from_iter(["role", name.as_str(), "run"]);
        self.scenario.role.get(name).filter(|_| !self.is_tainted(&path)).map(|role| role.run)
    }

    /// A duration that must be longer than nothing.
    pub(super) fn positive(&mut self, span: Span, path: &KeyPath) {
        if span.0.is_zero() {
            let fault = Fault::new(Code::Zero, "the duration is zero").hint("write one above zero, like \"5s\"");
            self.fault(path, fault);
        }
    }

    /// A command: a program, then its arguments.
    pub(super) fn command(&mut self, command: &[String], path: &KeyPath) {
        if command.first().is_none_or(String::is_empty) {
            let fault = Fault::new(Code::EmptyCommand, "the command names no program");
            self.fault(path, fault.hint("write program and arguments: [\"redis-cli\", \"ping\"]"));
        }
    }

    /// That exactly one of these keys is given below `table`; which one.
    pub(super) fn exactly_one(&mut self, table: &KeyPath, keys: &[(&'static str, bool)]) -> Option<&'static str> {
        let given: Vec<&'static str> = keys.iter().filter(|(_, given)| *given).map(|(key, _)| *key).collect();
        if let [only] = given[..] {
            return Some(only);
        }
        if keys.iter().any(|(key, _)| self.is_tainted(&table.join(*key))) {
            return None;
        }
        let all: Vec<String> = keys.iter().map(|(key, _)| format!("`{key}`")).collect();
        let all = all.join(", ");
        let (path, message) = match given[..] {
            [first, second, ..] => (table.join(second), format!("`{table}` has both `{first}` and `{second}`")),
            _ => (table.clone(), format!("`{table}` has none of {all}")),
        };
        self.key_fault(&path, Fault::new(Code::ExactlyOne, message).hint(format!("give exactly one of {all}")));
        None
    }

    /// A key that has no meaning beside the others.
    pub(super) fn stray(&mut self, path: &KeyPath, given: bool, reason: &str) {
        if given {
            let key = path.segments().last().map(|_| path.to_string()).unwrap_or_default();
            let fault = Fault::new(Code::StrayKey, format!("`{key}` has no meaning here: {reason}"));
            self.key_fault(path, fault.hint("remove it"));
        }
    }
}

/// The most nodes to which a step scales a role.
fn most_scaled(step: &Step, name: &RoleName) -> u32 {
    let own = step.scale.as_ref().and_then(|counts| counts.get(name)).copied().unwrap_or(0);
    let inner = step.parallel.iter().flatten().map(|step| most_scaled(step, name)).max().unwrap_or(0);
    own.max(inner)
}

/// Which indices a role has.
pub(super) fn index_hint(role: &RoleName, count: u32) -> String {
    match count {
        0 => format!("`{role}` has no nodes"),
        1 => format!("`{role}` has one node, {role}-0000"),
        _ => format!("`{role}` has the nodes {role}-0000 to {role}-{:04}", count - 1),
    }
}
