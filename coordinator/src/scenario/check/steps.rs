//! One step of a test.

use std::collections::{BTreeMap, BTreeSet};

use throng_common::ids::RoleName;
use throng_common::scenario::condition::Condition;
use throng_common::scenario::placeholder::{self, PlaceholderError};
use throng_common::scenario::selector::Selector;
use throng_common::scenario::steps::{Action, Comparison, Expect, OneOrMany, Step, StepError};

use super::context::Checker;
use super::pattern;
use super::probes::{check_exec, check_url};
use super::role::{check_variable, check_word};
use super::scope::Scope;
use super::storage::{check_input, check_script};
use crate::scenario::code::Code;
use crate::scenario::path::KeyPath;
use crate::scenario::report::{Fault, suggest};

/// How often a step that records figures may be repeated: all of them are in the report.
const RECORDED_MAX: u32 = 1_000;

/// Checks steps that follow one another; `saved` grows by what they save.
pub(super) fn check_all(checker: &mut Checker<'_>, steps: &[Step], saved: &mut BTreeSet<String>, path: &KeyPath) {
    for (index, step) in steps.iter().enumerate() {
        check(checker, step, saved, &path.join(index));
    }
}

fn check(checker: &mut Checker<'_>, step: &Step, saved: &mut BTreeSet<String>, path: &KeyPath) {
    let scope = match step.action() {
        Ok(action) => check_action(checker, step, action, saved, path),
        Err(error) => {
            explain(checker, &error, path);
            Scope { unknown: true, ..Scope::cluster() }
        }
    };
    let scope = scope.with_saved(saved);
    check_texts(checker, step, &scope, path);
    if let Some(expect) = &step.expect {
        check_expect(checker, step, expect, &scope, &path.join("expect"));
    }
    if step.repeat == Some(0) {
        let fault = Fault::new(Code::Zero, "a step that is repeated 0 times does nothing");
        checker.fault(&path.join("repeat"), fault.hint("write 1 or more, or remove the step"));
    }
    for (key, span) in [("within", step.within), ("timeout", step.timeout)] {
        if let Some(span) = span {
            checker.positive(span, &path.join(key));
        }
    }
    check_save(checker, step, saved, &path.join("save"));
    if !step.record.is_empty() && step.repeat.is_some_and(|repeat| repeat > RECORDED_MAX) {
        let fault = Fault::new(Code::OutOfRange, format!("a step records figures {RECORDED_MAX} times at the most"));
        checker.fault(&path.join("repeat"), fault.hint("repeat it less often"));
    }
    let scope = Scope::cluster().with_saved(saved);
    for (name, text) in &step.record {
        let place = path.join("record").join(name);
        if name.trim().is_empty() {
            let fault = Fault::new(Code::EmptyText, "a figure that is recorded needs a name");
            checker.key_fault(&place, fault.hint("name it as the report shall, with its unit: \"create, ops/s\""));
        }
        checker.text(text, &scope, &place);
    }
    if let Some(at) = &step.at {
        checker.text(at, &scope, &path.join("at"));
    }
}

/// Checks the nodes of a step; gives the roles that it speaks of, none where only the run will tell.
fn check_selector(checker: &mut Checker<'_>, selector: &Selector, scope: &Scope, path: &KeyPath) -> Vec<RoleName> {
    if let Selector::Saved(_) = selector {
        checker.text(&selector.to_string(), scope, path);
        return Vec::new();
    }
    checker.selector(selector, path)
}

/// Checks what belongs to the step's kind; gives the scope of its texts.
fn check_action(
    checker: &mut Checker<'_>,
    step: &Step,
    action: Action<'_>,
    saved: &mut BTreeSet<String>,
    path: &KeyPath,
) -> Scope {
    let cluster = Scope::cluster().with_saved(saved);
    match action {
        Action::Exec { command, on } => {
            let scope = Scope::of_roles(check_selector(checker, on, &cluster, &path.join("on"))).with_saved(saved);
            check_exec(checker, command, &scope, &path.join("exec"));
            return scope;
        }
        Action::Http { url, on } => {
            let scope = Scope::of_roles(check_selector(checker, on, &cluster, &path.join("on"))).with_saved(saved);
            check_url(checker, url, &scope, &path.join("http"));
            return scope;
        }
        Action::Program { path: program } => {
            check_script(checker, program, &path.join("program"));
            for (index, input) in step.inputs.iter().enumerate() {
                check_input(checker, input, &path.join("inputs").join(index));
            }
        }
        Action::Check { metric, comparison } => {
            if !checker.scenario.metric.iter().any(|known| known.name == *metric) {
                let known = checker.scenario.metric.iter().map(|known| known.name.as_str());
                let hint = suggest(metric.as_str(), known, "define it as a [[metric]]");
                let fault = Fault::new(Code::UnknownMetric, format!("there is no metric `{metric}`"));
                checker.fault(&path.join("check"), fault.hint(hint));
            }
            check_comparison(checker, step, comparison, &cluster, path);
        }
        Action::Kill { nodes, .. } => drop(check_selector(checker, nodes, &cluster, &path.join("kill"))),
        Action::Restart { nodes } => drop(check_selector(checker, nodes, &cluster, &path.join("restart"))),
        Action::Scale { counts } => check_scale(checker, counts, &path.join("scale")),
        Action::WaitFor { duration } => checker.positive(duration, &path.join("wait")),
        Action::WaitUp => {}
        Action::Parallel { steps } => {
            let path = path.join("parallel");
            if steps.is_empty() {
                let fault = Fault::new(Code::EmptyList, "there are no steps to run at the same time");
                checker.fault(&path, fault.hint("give it steps, or remove it"));
            }
            // They run at the same time: none may use what another of them saves.
            let mut all = saved.clone();
            for (index, step) in steps.iter().enumerate() {
                let mut own = saved.clone();
                check(checker, step, &mut own, &path.join(index));
                all.append(&mut own);
            }
            *saved = all;
        }
    }
    cluster
}

fn check_scale(checker: &mut Checker<'_>, counts: &BTreeMap<RoleName, u32>, path: &KeyPath) {
    if counts.is_empty() {
        let fault = Fault::new(Code::BadScale, "the step scales no role");
        checker.fault(path, fault.hint("write which, and to how many nodes: scale = { worker = 150 }"));
    }
    for role in counts.keys() {
        let place = path.join(role);
        if !checker.scenario.role.contains_key(role) {
            let fault = Fault::new(Code::UnknownRole, format!("there is no role `{role}`"));
            let fault = fault.hint(checker.role_hint(role));
            checker.key_fault(&place, fault);
        }
    }
    if checker.scenario.role.keys().all(|role| counts.get(role) == Some(&0)) && !counts.is_empty() {
        let fault = Fault::new(Code::BadScale, "the step leaves no node of any role");
        checker.fault(path, fault.hint("leave one: only `throng down` takes all nodes away"));
    }
}

fn check_comparison(checker: &mut Checker<'_>, step: &Step, comparison: Comparison<'_>, scope: &Scope, path: &KeyPath) {
    let (key, text) = match comparison {
        Comparison::Eventually(text) => ("eventually", text),
        Comparison::Always(text) => ("always", text),
    };
    let place = path.join(key);
    checker.text(text, scope, &place);
    if let Some(text) = filled(text)
        && text.parse::<Condition>().is_err()
    {
        let fault = Fault::new(Code::BadComparison, format!("`{text}` is not a comparison"));
        checker.fault(&place, fault.hint("write one of == != >= > <= < and a number, like \">= 90\""));
    }
    if key == "always" && step.within.is_none() && !checker.is_tainted(&path.join("within")) {
        let fault = Fault::new(Code::AlwaysNeedsWithin, "`always` does not say for how long");
        checker.fault(&place, fault.hint("add within = \"30s\""));
    }
}

/// A text with ones for its placeholders, to judge the rest by; none where one is malformed.
fn filled(text: &str) -> Option<String> {
    placeholder::render::<PlaceholderError>(text, |_| Ok("1".to_owned())).ok()
}

fn check_texts(checker: &mut Checker<'_>, step: &Step, scope: &Scope, path: &KeyPath) {
    checker.texts(&step.args, scope, &path.join("args"));
    for (name, value) in &step.env {
        let place = path.join("env").join(name);
        check_variable(checker, name, &place);
        checker.text(value, scope, &place);
    }
    checker.text_table(&step.headers, scope, &path.join("headers"));
    for (key, text) in [("stdin", &step.stdin), ("body", &step.body)] {
        if let Some(text) = text {
            checker.text(text, scope, &path.join(key));
        }
    }
    if let Some(method) = &step.method
        && method.parse::<http::Method>().is_err()
    {
        let fault = Fault::new(Code::UnknownValue, format!("`{method}` is not a method of HTTP"));
        checker.fault(&path.join("method"), fault.hint("write one like GET, POST, PUT or DELETE"));
    }
}

fn check_expect(checker: &mut Checker<'_>, step: &Step, expect: &Expect, scope: &Scope, path: &KeyPath) {
    let http = step.http.is_some();
    checker.stray(&path.join("code"), expect.code.is_some() && http, "an http step has a `status`");
    checker.stray(&path.join("status"), expect.status.is_some() && !http, "only an http step has one; write `code`");
    if let Some(status) = expect.status
        && !(100..=599).contains(&status)
    {
        let fault = Fault::new(Code::OutOfRange, format!("{status} is not a status of HTTP"));
        checker.fault(&path.join("status"), fault.hint("write one from 100 to 599"));
    }
    if let Some(text) = &expect.stdout {
        checker.text(text, scope, &path.join("stdout"));
    }
    for (key, texts) in [("contains", &expect.contains), ("lacks", &expect.lacks)] {
        for text in texts.iter().flat_map(OneOrMany::as_slice) {
            checker.text(text, scope, &path.join(key));
        }
    }
    if let Some(pattern) = &expect.matches {
        let place = path.join("matches");
        checker.text(pattern, scope, &place);
        if let Some(Err(fault)) = filled(pattern).map(|pattern| pattern::regex(&pattern)) {
            checker.fault(&place, fault);
        }
    }
    for (pointer, value) in &expect.json {
        let place = path.join("json").join(pointer);
        if let Err(fault) = pattern::json_pointer(pointer) {
            checker.key_fault(&place, fault);
        }
        if let serde_json::Value::String(text) = value {
            checker.text(text, scope, &place);
        }
    }
}

fn check_save(checker: &mut Checker<'_>, step: &Step, saved: &mut BTreeSet<String>, path: &KeyPath) {
    for (name, pattern) in &step.save {
        let place = path.join(name);
        check_word(checker, name, "name of a saved value", &place);
        let wrong = if pattern.is_empty() || pattern.starts_with('/') {
            pattern::json_pointer(pattern)
        } else {
            pattern::regex_with_group(pattern, "what is kept")
        };
        if let Err(fault) = wrong {
            checker.fault(&place, fault);
        }
        saved.insert(name.clone());
    }
}

/// A step without a kind, or with what its kind does not take.
fn explain(checker: &mut Checker<'_>, error: &StepError, path: &KeyPath) {
    let kinds = ["exec", "http", "program", "check", "kill", "restart", "scale", "wait", "parallel"];
    if kinds.iter().any(|kind| checker.is_tainted(&path.join(*kind))) {
        return;
    }
    let text = error.to_string();
    let (message, remedy) = text.split_once(": ").unwrap_or((text.as_str(), ""));
    match error {
        StepError::NoKind => {
            let fault = Fault::new(Code::StepWithoutKind, "the step does nothing");
            checker.fault(path, fault.hint(format!("give it one of {}", kinds.join(", "))));
        }
        StepError::TwoKinds(_, second) => {
            checker.key_fault(&path.join(*second), Fault::new(Code::StepWithTwoKinds, message).hint(remedy));
        }
        StepError::NoTarget(kind) => {
            if !checker.is_tainted(&path.join("on")) {
                let fault = Fault::new(Code::StepWithoutTarget, format!("`{kind}` does not say on which nodes"));
                checker.key_fault(&path.join(*kind), fault.hint("add on = \"worker\", or on = \"one of worker\""));
            }
        }
        StepError::NoComparison => {
            let fault = Fault::new(Code::CheckWithoutComparison, "`check` needs one comparison");
            checker.key_fault(
                &path.join("check"),
                fault.hint("give one of eventually = \">= 90\" and always = \">= 90\""),
            );
        }
        StepError::Wait(wait) => {
            let fault = Fault::new(Code::BadWait, format!("`{wait}` is nothing to wait for"));
            checker.fault(&path.join("wait"), fault.hint("write a duration like \"5s\", or \"up\""));
        }
        StepError::Stray { key, .. } => {
            checker.key_fault(&path.join(*key), Fault::new(Code::StrayKey, text.as_str()).hint("remove it"));
        }
    }
}
