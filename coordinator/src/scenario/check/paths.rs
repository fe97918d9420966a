//! Paths inside a node: absolute, each used once, none that throng or the kernel needs.

use super::context::Checker;
use crate::scenario::code::Code;
use crate::scenario::path::KeyPath;
use crate::scenario::report::Fault;

/// Where nothing may be put: the kernel's file systems, and what throng gives every container itself.
const RESERVED: [&str; 5] = ["/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname"];

/// What a container mounts, as far as it has been seen: path and key.
#[derive(Debug, Default)]
pub(super) struct Mounts(Vec<(String, String)>);

impl Mounts {
    /// Checks one more path in a container; `place` is the key that gives it.
    pub(super) fn add(&mut self, checker: &mut Checker<'_>, path: &str, place: &KeyPath, at_key: bool) {
        let mut fault = |fault: Fault| {
            if at_key { checker.key_fault(place, fault) } else { checker.fault(place, fault) }
        };
        if let Some(wrong) = absolute(path) {
            fault(wrong);
            return;
        }
        let clean = path.trim_end_matches('/');
        if clean.is_empty() || RESERVED.iter().any(|one| clean == *one || clean.starts_with(&format!("{one}/"))) {
            let wrong = Fault::new(Code::ReservedPath, format!("`{path}` belongs to the container itself"));
            fault(wrong.hint("choose a folder of its own, like /data"));
            return;
        }
        if let Some((_, other)) = self.0.iter().find(|(known, _)| known == clean) {
            let wrong = Fault::new(Code::DuplicatePath, format!("`{path}` is taken by `{other}` already"));
            fault(wrong.hint("give each a path of its own"));
            return;
        }
        self.0.push((clean.to_owned(), place.to_string()));
    }
}

/// What is wrong with a path that must be absolute and lead nowhere else.
pub(super) fn absolute(path: &str) -> Option<Fault> {
    let parts_good = path.split('/').skip(1).all(|part| part != ".." && part != ".");
    if path.starts_with('/') && parts_good {
        return None;
    }
    let fault = Fault::new(Code::NotAbsolute, format!("`{path}` is not an absolute path in the node"));
    Some(fault.hint("begin it with `/`, and do without `..`"))
}

/// As [`absolute`], for a text that may begin with a placeholder that gives an absolute path.
pub(super) fn absolute_text(path: &str) -> Option<Fault> {
    let given = ["{ramdisk.", "{shared.", "{node.dir}", "{node.disk}", "{scenario.dir}"];
    if given.iter().any(|start| path.starts_with(start)) { None } else { absolute(path) }
}
