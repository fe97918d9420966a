//! From the command line's scenario arguments to a checked scenario and the bundle that is shipped.

use std::path::Path;

use serde::Serialize;
use throng_common::scenario::model::Scenario;
use throng_proto::operator as wire;

use super::args::ScenarioArgs;
use super::caller::caller;
use super::context::Context;
use super::error::CliError;
use super::shipment;
use crate::bundle::{Bundle, Contents, InputFile, collect, hash_inputs};
use crate::client::connect::Client;
use crate::scenario::{Diagnostic, load};

/// A scenario without mistakes, with every file that it names.
#[derive(Debug)]
pub struct ScenarioFile {
    /// The scenario.
    pub scenario: Scenario,
    /// What works, but perhaps not as meant.
    pub warnings: Vec<Diagnostic>,
    /// The files.
    pub bundle: Bundle,
}

#[derive(Serialize)]
struct DiagnosticsView<'a> {
    ok: bool,
    diagnostics: &'a [Diagnostic],
}

impl ScenarioFile {
    /// Reads and checks it. All mistakes are printed before this fails; warnings are not.
    pub fn read(context: &Context, args: &ScenarioArgs) -> Result<Self, CliError> {
        let bundle = collect(&args.file, &args.overlay, &args.set, caller())?;
        match load(&bundle) {
            Ok(mut loaded) => {
                seen_from(&args.file, &mut loaded.warnings);
                Ok(Self { scenario: loaded.scenario, warnings: loaded.warnings, bundle })
            }
            Err(mut found) => {
                seen_from(&args.file, &mut found.0);
                if context.is_json() {
                    context.printer.json(&DiagnosticsView { ok: false, diagnostics: &found.0 })?;
                } else {
                    context.printer.stderr(found.render(context.printer.err.is_enabled()).trim_end());
                }
                Err(CliError::Diagnosed)
            }
        }
    }

    /// Reads and checks it for a command that goes on to do something: warnings are said on stderr.
    pub fn read_and_warn(context: &Context, args: &ScenarioArgs) -> Result<Self, CliError> {
        let read = Self::read(context, args)?;
        for warning in &read.warnings {
            context.printer.warning(&warning.to_string());
        }
        Ok(read)
    }

    /// The warnings as the answer of `check`.
    pub fn print_warnings(&self, context: &Context) -> Result<(), CliError> {
        if context.is_json() {
            context.printer.json(&DiagnosticsView { ok: true, diagnostics: &self.warnings })?;
            return Ok(());
        }
        for warning in &self.warnings {
            context.printer.stderr(warning.render(context.printer.err.is_enabled()).trim_end());
        }
        Ok(())
    }

    /// The files as they travel where nothing is started: without what its inputs hold.
    pub fn into_wire(self) -> wire::Bundle {
        to_wire(self.bundle, &Contents::new())
    }

    /// Ships it: what its inputs hold is sent as far as the coordinator does not have it.
    pub async fn ship(self, context: &Context, client: &mut Client) -> Result<wire::Bundle, CliError> {
        let hashed = self.hash().await?;
        hashed.send(context, client).await?;
        Ok(hashed.into_wire())
    }

    /// Reads all that its inputs hold, so that it is known by its digest.
    pub async fn hash(self) -> Result<HashedFile, CliError> {
        let bundle = self.bundle;
        let hashed = tokio::task::spawn_blocking(move || hash_inputs(&bundle).map(|contents| (bundle, contents))).await;
        let (bundle, contents) = hashed.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        Ok(HashedFile { bundle, contents })
    }
}

/// A scenario's files with the digests of what its inputs hold.
#[derive(Debug)]
pub struct HashedFile {
    bundle: Bundle,
    contents: Contents,
}

impl HashedFile {
    /// Sends what the coordinator does not have.
    pub async fn send(&self, context: &Context, client: &mut Client) -> Result<(), CliError> {
        shipment::send(context, client, &self.bundle, &self.contents).await
    }

    /// The files as they travel.
    pub fn into_wire(self) -> wire::Bundle {
        to_wire(self.bundle, &self.contents)
    }
}

/// Names the files as the caller finds them, so that an editor or a terminal opens them.
fn seen_from(scenario: &Path, found: &mut [Diagnostic]) {
    let folder = scenario.parent().unwrap_or(Path::new(""));
    for one in found {
        one.seen_from(folder);
    }
}

fn to_wire(bundle: Bundle, contents: &Contents) -> wire::Bundle {
    let Bundle { entry, files, inputs, overlays, sets, dir, caller } = bundle;
    let input = |(path, input): (String, InputFile)| wire::BundleInput {
        sha256: contents.get(&path).map(ToString::to_string).unwrap_or_default(),
        path,
        size_bytes: input.bytes,
        executable: input.executable,
    };
    wire::Bundle {
        entry,
        files: files.into_iter().map(|(name, content)| (name, content.into())).collect(),
        inputs: inputs.into_iter().map(input).collect(),
        overlays,
        sets,
        directory: dir.display().to_string(),
        uid: caller.uid,
        gid: caller.gid,
        user: caller.name,
    }
}
