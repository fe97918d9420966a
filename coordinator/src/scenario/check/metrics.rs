//! `[[metric]]`: figures that the system under test gives of itself.

use super::context::Checker;
use super::pattern;
use super::probes::{check_exec, check_url};
use super::scope::Scope;
use crate::scenario::code::Code;
use crate::scenario::path::KeyPath;
use crate::scenario::report::Fault;

/// Checks all metrics.
pub(super) fn check(checker: &mut Checker<'_>) {
    let metrics = &checker.scenario.metric;
    for (index, metric) in metrics.iter().enumerate() {
        let path = KeyPath::from_iter(["metric"]).join(index);
        if metrics[..index].iter().any(|other| other.name == metric.name) {
            let fault = Fault::new(Code::DuplicateName, format!("there are two metrics `{}`", metric.name));
            checker.fault(&path.join("name"), fault.hint("give every metric a name of its own"));
        }
        let scope = Scope::of_roles(checker.selector(&metric.on, &path.join("on")));
        checker.exactly_one(&path, &[("exec", metric.exec.is_some()), ("http", metric.http.is_some())]);
        checker.exactly_one(&path, &[("match", metric.pattern.is_some()), ("pointer", metric.pointer.is_some())]);
        if let Some(command) = &metric.exec {
            check_exec(checker, command, &scope, &path.join("exec"));
        }
        if let Some(url) = &metric.http {
            check_url(checker, url, &scope, &path.join("http"));
        }
        if let Some(Err(fault)) = metric.pattern.as_ref().map(|text| pattern::regex_with_group(text, "the figure")) {
            checker.fault(&path.join("match"), fault);
        }
        if let Some(Err(fault)) = metric.pointer.as_ref().map(|text| pattern::json_pointer(text)) {
            checker.fault(&path.join("pointer"), fault);
        }
        checker.positive(metric.every, &path.join("every"));
        checker.positive(metric.timeout, &path.join("timeout"));
    }
}
