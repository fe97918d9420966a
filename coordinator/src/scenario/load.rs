//! From a bundle to a scenario that is right, or to everything that is wrong with it.

use throng_common::scenario::model::Scenario;

use super::code::Code;
use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::report::Fault;
use super::source::Origin;
use super::{check, document, shape, typed};
use crate::bundle::Bundle;

/// A scenario that is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The scenario, with overlays, `--set`s and parameters applied.
    pub scenario: Scenario,
    /// What works, but perhaps not as meant.
    pub warnings: Vec<Diagnostic>,
}

/// Loads a scenario. Pure: the same bundle always gives the same result.
pub fn load(bundle: &Bundle) -> Result<Loaded, Diagnostics> {
    let (mut report, mut tree) = document::read(bundle.texts());
    for name in bundle.unsafe_names() {
        let message = format!("the bundle's file `{name}` leads out of the scenario's folder");
        let fault = Fault::new(Code::PathEscapes, message).hint(super::SAFE_PATH_RULE);
        report.push(&Origin { source: 0, span: 0..0 }, None, fault);
    }
    let broken = report.has(Code::Syntax);
    shape::check(&mut report, &mut tree);
    let scenario = typed::read(&mut report, &mut tree);
    if let (Some(scenario), false) = (&scenario, broken) {
        check::all(scenario, &tree, bundle, &mut report);
    }
    let failed = report.has_errors();
    let mut found = report.finish();
    if broken {
        // What the parser could not read looks as if it were missing: only what is wrong by itself is worth saying.
        found.retain(|one| one.code.stands_alone());
    }
    match scenario {
        Some(scenario) if !failed => Ok(Loaded { scenario, warnings: found }),
        _ => Err(Diagnostics(found.into_iter().filter(|one| !broken || one.severity == Severity::Error).collect())),
    }
}
