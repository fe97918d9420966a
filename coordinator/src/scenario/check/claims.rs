//! `[[test]]`: claims about the system under test.

use std::collections::BTreeSet;

use throng_common::scenario::model::{Expected, Test};

use super::context::Checker;
use super::steps;
use crate::scenario::code::Code;
use crate::scenario::path::KeyPath;
use crate::scenario::report::Fault;

/// Checks all tests.
pub(super) fn check(checker: &mut Checker<'_>) {
    let tests = &checker.scenario.test;
    for (index, test) in tests.iter().enumerate() {
        let path = KeyPath::from_iter(["test"]).join(index);
        if tests[..index].iter().any(|other| other.name == test.name) {
            let fault = Fault::new(Code::DuplicateName, format!("there are two tests `{}`", test.name));
            checker.fault(&path.join("name"), fault.hint("give every test a name of its own"));
        }
        if test.name.trim().is_empty() {
            let fault = Fault::new(Code::EmptyText, "the test has no name");
            checker.fault(&path.join("name"), fault.hint("name it by what it claims: \"every replica sees a write\""));
        }
        check_one(checker, test, &path);
    }
}

fn check_one(checker: &mut Checker<'_>, test: &Test, path: &KeyPath) {
    let expects_failure = test.expect == Expected::Fail;
    let reason = path.join("reason");
    if expects_failure && test.reason.as_ref().is_none_or(|reason| reason.trim().is_empty()) {
        let fault = Fault::new(Code::MissingReason, "a known failure needs its reason");
        checker.fault(&path.join("expect"), fault.hint("add reason = \"…\", best with the number of the bug"));
    }
    checker.stray(&reason, test.reason.is_some() && !expects_failure, "it belongs to expect = \"fail\"");
    checker.positive(test.timeout, &path.join("timeout"));
    let mut saved = BTreeSet::new();
    for (key, list) in [("setup", &test.setup), ("step", &test.step), ("teardown", &test.teardown)] {
        steps::check_all(checker, list, &mut saved, &path.join(key));
    }
}
