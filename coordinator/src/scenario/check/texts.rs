//! Placeholders: whether each stands for something where it stands.

use throng_common::ids::RoleName;
use throng_common::scenario::model::{Role, RunKind};
use throng_common::scenario::placeholder::{self, NodeField, Pick, Placeholder, PlaceholderError, PortRef, RoleField};

use super::context::{Checker, index_hint};
use super::scope::Scope;
use crate::scenario::code::Code;
use crate::scenario::path::KeyPath;
use crate::scenario::report::{Fault, suggest};
use crate::scenario::tree::{Node, Value};

impl Checker<'_> {
    /// Checks a text whose placeholders are filled in.
    pub(super) fn text(&mut self, text: &str, scope: &Scope, path: &KeyPath) {
        for found in placeholder::find(text) {
            let written = &text[found.range];
            if let Some(fault) = self.judge(found.placeholder, written, scope) {
                self.fault(path, fault.within(written));
            }
        }
    }

    /// Checks a file beside the scenario whose placeholders are filled in. Its mistakes are shown where they stand in it.
    pub(super) fn template(&mut self, file: &str, text: &str, scope: &Scope, path: &KeyPath) {
        for found in placeholder::find(text) {
            let written = &text[found.range.clone()];
            if let Some(fault) = self.judge(found.placeholder, written, scope) {
                self.fault_in_file(file, text, found.range, path, fault);
            }
        }
    }

    fn judge(&mut self, found: Result<Placeholder, PlaceholderError>, written: &str, scope: &Scope) -> Option<Fault> {
        match found {
            Ok(placeholder) => self.placeholder(&placeholder, written, scope),
            Err(error) => {
                let fault = Fault::new(Code::BadPlaceholder, format!("`{written}` is not a placeholder"));
                Some(fault.hint(error.expected))
            }
        }
    }

    /// Checks several texts that stand in a list.
    pub(super) fn texts(&mut self, texts: &[String], scope: &Scope, path: &KeyPath) {
        for (index, text) in texts.iter().enumerate() {
            self.text(text, scope, &path.join(index));
        }
    }

    /// Checks the texts of a table.
    pub(super) fn text_table<'t>(
        &mut self,
        table: impl IntoIterator<Item = (&'t String, &'t String)>,
        scope: &Scope,
        path: &KeyPath,
    ) {
        for (key, text) in table {
            self.text(text, scope, &path.join(key));
        }
    }

    /// Checks a text in which nothing but parameters is filled in.
    pub(super) fn plain(&mut self, text: &str, path: &KeyPath) {
        if let Some(found) = placeholder::find(text).into_iter().next() {
            let written = &text[found.range];
            let fault = Fault::new(Code::PlaceholderNotHere, format!("`{written}` is not filled in here"));
            self.fault(path, fault.hint("only {param.NAME} can stand here").within(written));
        }
    }

    /// What is wrong with a placeholder, if anything is.
    fn placeholder(&mut self, placeholder: &Placeholder, written: &str, scope: &Scope) -> Option<Fault> {
        match placeholder {
            // Filled in, or reported, before types were read; in templates the values are known to the planner.
            Placeholder::Param(name) if self.scenario.param.contains_key(name) => None,
            Placeholder::Param(name) => {
                let hint = suggest(name, self.scenario.param.keys().map(String::as_str), "define it under [param]");
                Some(Fault::new(Code::UndefinedParam, format!("there is no parameter `{name}`")).hint(hint))
            }
            Placeholder::ScenarioName | Placeholder::ClusterId => None,
            Placeholder::ScenarioDir => self.scenario_dir(scope),
            Placeholder::Saved(name) => undefined_saved(name, written, scope),
            Placeholder::Node(field) => {
                self.each_role(written, scope, |role, name| node_field(*field, role, name, written))
            }
            Placeholder::Port(port) => {
                self.each_role(written, scope, |role, name| self.undefined_port(port, role, name))
            }
            Placeholder::Ramdisk(disk) => {
                self.each_role(written, scope, |role, name| self.undefined_ramdisk(disk, role, name))
            }
            Placeholder::Shared(folder) => {
                self.each_role(written, scope, |role, name| self.undefined_shared(folder, role, name))
            }
            Placeholder::Role { role, pick, field } => self.of_role(role, *pick, field, written, scope),
        }
    }

    /// Checks a placeholder that speaks of "the node" against every role whose nodes get the text.
    fn each_role(
        &self,
        written: &str,
        scope: &Scope,
        check: impl Fn(&Role, &RoleName) -> Option<Fault>,
    ) -> Option<Fault> {
        if scope.roles.is_empty() && !scope.unknown {
            let message = format!("`{written}` speaks of a node, and this text is for the whole cluster");
            return Some(
                Fault::new(Code::NoNodeHere, message).hint("name the node: {role.NAME.address}, {role.NAME[0].name}"),
            );
        }
        let known = |name: &RoleName| self.scenario.role.get(name).and_then(|role| check(role, name));
        scope.roles.iter().find_map(known)
    }

    fn scenario_dir(&self, scope: &Scope) -> Option<Fault> {
        let container = scope.roles.iter().find(|role| self.run_kind(role) == Some(RunKind::Container))?;
        let message = format!(
            "`{{scenario.dir}}` is a folder of the caller's, and the containers of `{container}` cannot see it"
        );
        let hint = format!("give them the file: [role.{container}.files] with source = \"…\"");
        Some(Fault::new(Code::ScenarioDirInContainer, message).hint(hint))
    }

    fn of_role(
        &mut self,
        name: &RoleName,
        pick: Pick,
        field: &RoleField,
        written: &str,
        scope: &Scope,
    ) -> Option<Fault> {
        let Some(role) = self.scenario.role.get(name) else {
            let hint = self.role_hint(name);
            return Some(Fault::new(Code::UnknownRole, format!("there is no role `{name}`")).hint(hint));
        };
        let wrong_node = match (field, pick) {
            (RoleField::Count | RoleField::Names, _) => None,
            (_, Pick::Only) => self.only(name, role, written),
            (_, Pick::Index(index)) => {
                let most = self.most_nodes(name);
                (index >= most).then(|| {
                    Fault::new(Code::IndexOutOfRange, format!("`{name}` has no node number {index}"))
                        .hint(format!("{}; numbers count from 0", index_hint(name, most)))
                })
            }
            (_, Pick::Same) => self.same(name, role, written, scope),
        };
        wrong_node.or_else(|| match field {
            RoleField::Count | RoleField::Names => None,
            RoleField::Node(field) => node_field(*field, role, name, written),
            RoleField::Port(port) => self.undefined_port(port, role, name),
        })
    }

    fn only(&self, name: &RoleName, role: &Role, written: &str) -> Option<Fault> {
        let path = KeyPath::from_iter(["role", name.as_str(), "count"]);
        if role.count == 1 || self.is_tainted(&path) {
            return None;
        }
        let message = format!("`{written}` is for a role of one node, and `{name}` has {}", role.count);
        let one = written.replacen(&format!("role.{name}."), &format!("role.{name}[0]."), 1);
        Some(Fault::new(Code::NeedsOneNode, message).hint(format!("name one of them: {one}")))
    }

    fn same(&self, name: &RoleName, role: &Role, written: &str, scope: &Scope) -> Option<Fault> {
        if let Some(fault) = self.each_role(written, scope, |_, _| None) {
            return Some(fault);
        }
        let larger =
            scope.roles.iter().find(|own| self.scenario.role.get(own).is_some_and(|own| own.count > role.count))?;
        let own = self.scenario.role.get(larger).map_or(0, |role| role.count);
        let message =
            format!("`{larger}` has {own} nodes, and `{name}` only {}: not each has its counterpart", role.count);
        Some(Fault::new(Code::IndexOutOfRange, message).hint("give both roles the same count"))
    }

    fn undefined_port(&self, port: &PortRef, role: &Role, name: &RoleName) -> Option<Fault> {
        if role.ports.contains(&port.name) || self.is_doubtful(&KeyPath::from_iter(["role", name.as_str(), "ports"])) {
            return None;
        }
        let known: Vec<String> = role.ports.entries().map(|(known, _)| known.to_owned()).collect();
        let nothing = format!("declare it: ports = [\"{}\"] in [role.{name}]", port.name);
        let hint = suggest(&port.name, known.iter().map(String::as_str), &nothing);
        Some(Fault::new(Code::UndefinedPort, format!("`{name}` has no port `{}`", port.name)).hint(hint))
    }

    fn undefined_ramdisk(&self, disk: &str, role: &Role, name: &RoleName) -> Option<Fault> {
        if role.ramdisk.contains_key(disk) || self.is_doubtful(&KeyPath::from_iter(["role", name.as_str(), "ramdisk"]))
        {
            return None;
        }
        let nothing = format!("declare it: [role.{name}.ramdisk.{disk}]");
        let hint = suggest(disk, role.ramdisk.keys().map(String::as_str), &nothing);
        Some(Fault::new(Code::UndefinedRamdisk, format!("`{name}` has no ramdisk `{disk}`")).hint(hint))
    }

    fn undefined_shared(&self, folder: &str, role: &Role, name: &RoleName) -> Option<Fault> {
        let has = role.shared.iter().any(|own| own == folder);
        if has || self.is_doubtful(&KeyPath::from_iter(["role", name.as_str(), "shared"])) {
            return None;
        }
        let nothing = format!("share it: shared = [\"{folder}\"] in [role.{name}], and [shared.{folder}]");
        let hint = suggest(folder, role.shared.iter().map(String::as_str), &nothing);
        Some(Fault::new(Code::UndefinedShared, format!("`{name}` has no shared folder `{folder}`")).hint(hint))
    }

    /// Checks that no text of the document holds a NUL, which neither commands nor paths can carry.
    pub(super) fn no_nul(&mut self) {
        let mut found = Vec::new();
        collect_nul(self.document(), &mut KeyPath::default(), &mut found);
        for path in found {
            let fault = Fault::new(Code::NulCharacter, "the text holds a NUL character (\\u0000)");
            self.fault(&path, fault.hint("remove it: neither commands nor files' names can carry one"));
        }
    }
}

fn collect_nul(node: &Node, path: &mut KeyPath, found: &mut Vec<KeyPath>) {
    match &node.value {
        Value::Text(text) if text.contains('\0') => found.push(path.clone()),
        Value::List(list) => {
            for (index, item) in list.iter().enumerate() {
                path.push(index);
                collect_nul(item, path, found);
                path.pop();
            }
        }
        Value::Table(table) => {
            for (key, entry) in table {
                path.push(key);
                if key.contains('\0') {
                    found.push(path.clone());
                }
                collect_nul(&entry.node, path, found);
                path.pop();
            }
        }
        Value::Text(_) | Value::Flag(_) | Value::Integer(_) | Value::Number(_) | Value::Date(_) => {}
    }
}

fn undefined_saved(name: &str, written: &str, scope: &Scope) -> Option<Fault> {
    let Some(saved) = &scope.saved else {
        let message = format!("`{written}` exists only in the steps of a test");
        return Some(Fault::new(Code::UndefinedSaved, message).hint("use {param.NAME} for a value of your own"));
    };
    if saved.contains(name) {
        return None;
    }
    let hint =
        suggest(name, saved.iter().map(String::as_str), "save it in an earlier step: save = { NAME = \"…(…)…\" }");
    Some(Fault::new(Code::UndefinedSaved, format!("no earlier step saves `{name}`")).hint(hint))
}

fn node_field(field: NodeField, role: &Role, name: &RoleName, written: &str) -> Option<Fault> {
    let lacks = match field {
        NodeField::Name | NodeField::Index | NodeField::Address | NodeField::Role => return None,
        NodeField::Disk if role.disk.is_some() => return None,
        NodeField::Disk => "`disk`",
        NodeField::Dir if role.run == RunKind::Process || role.disk.is_some() || !role.scratch.is_empty() => {
            return None;
        }
        NodeField::Dir => "`disk` and `scratch`, and containers have no other folder",
    };
    let message = format!("`{written}` is nowhere: `{name}` has no {lacks}");
    Some(
        Fault::new(Code::NoDisk, message).hint(format!("add [role.{name}.disk] with path = \"/data\" for a container")),
    )
}
