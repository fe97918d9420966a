//! Values to and from the wire.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use throng_common::ids::HostId;
use throng_common::status::Residue;
use throng_common::verdict::Verdict;
use throng_proto::operator as wire;
use tonic::Status;

use super::status::invalid;
use crate::authz::Caller;
use crate::bundle::{Bundle, Caller as BundleCaller, Contents, InputFile};
use crate::content::ContentDigest;
use crate::operation::{NoteLevel, OperationEvent, OperationHandle, Stamped};
use crate::rollout::outcome_word;

/// A bundle as the CLI ships it. Whose processes it may start is for the connection to prove, not for the bundle to say:
/// root may name any user of this machine, everybody else is the coordinator's own.
pub fn bundle_from_wire(bundle: Option<wire::Bundle>, caller: Option<&Caller>) -> Result<(Bundle, Contents), Status> {
    let bundle = bundle.ok_or_else(|| invalid("bundle", "is missing"))?;
    let own = nix::unistd::geteuid().as_raw();
    if bundle.uid != own && caller.and_then(|caller| caller.uid) != Some(0) {
        let user = &bundle.user;
        return Err(Status::permission_denied(format!(
            "bundle.uid: processes run as the coordinator's own user ({own}), not as {user} ({}): start a coordinator as that user",
            bundle.uid
        )));
    }
    if !bundle.files.contains_key(&bundle.entry) {
        return Err(invalid("bundle.entry", format!("`{}` is not among the files", bundle.entry)));
    }
    let mut contents = Contents::new();
    let mut inputs = BTreeMap::new();
    for wire::BundleInput { path, size_bytes, executable, sha256 } in bundle.inputs {
        if !sha256.is_empty() {
            let digest =
                digest(&sha256).map_err(|status| invalid(&format!("bundle.inputs[{path}]"), status.message()))?;
            contents.insert(path.clone(), digest);
        }
        inputs.insert(path, InputFile { bytes: size_bytes, executable });
    }
    let bundle = Bundle {
        entry: bundle.entry,
        files: bundle.files.into_iter().map(|(name, content)| (name, content.into())).collect(),
        inputs,
        overlays: bundle.overlays,
        sets: bundle.sets,
        dir: PathBuf::from(bundle.directory),
        caller: BundleCaller { uid: bundle.uid, gid: bundle.gid, name: bundle.user },
    };
    Ok((bundle, contents))
}

/// A digest in hex.
pub(super) fn digest(text: &str) -> Result<ContentDigest, Status> {
    text.parse().map_err(|error| invalid("sha256", error))
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn operation(handle: &OperationHandle) -> wire::Operation {
    let cluster = handle.cluster().map(ToString::to_string).unwrap_or_default();
    let run = handle.wish().run().map(ToString::to_string).unwrap_or_default();
    wire::Operation { operation: handle.id().to_string(), cluster, run }
}

/// A residue's kind as serde writes it.
fn kind_word(residue: &Residue) -> String {
    serde_json::to_value(residue.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default()
}

pub(super) fn residue(host: &HostId, residue: &Residue) -> wire::Residue {
    wire::Residue {
        host: host.to_string(),
        kind: kind_word(residue),
        subject: residue.subject.clone(),
        remedy: residue.remedy.clone(),
        cluster: residue.cluster.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

/// A verdict as serde writes it; empty for a test that was interrupted.
fn verdict_word(verdict: Option<Verdict>) -> String {
    let word = verdict.and_then(|verdict| serde_json::to_value(verdict).ok());
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

pub(super) fn stamped(stamped: Stamped) -> wire::OperationEvent {
    use wire::operation_event::Event;
    let event = match stamped.event {
        OperationEvent::PhaseStarted { phase, total } => Event::PhaseStarted(wire::PhaseStarted { phase, total }),
        OperationEvent::PhaseProgress { phase, done, total, detail } => {
            Event::PhaseProgress(wire::PhaseProgress { phase, done, total, detail })
        }
        OperationEvent::PhaseEnded { phase, took, ok, detail } => {
            Event::PhaseEnded(wire::PhaseEnded { phase, took_millis: millis(took), ok, detail })
        }
        OperationEvent::Note { level, text, hint } => {
            let level = match level {
                NoteLevel::Info => wire::note::Level::Info,
                NoteLevel::Warning => wire::note::Level::Warning,
                NoteLevel::Error => wire::note::Level::Error,
            };
            Event::Note(wire::Note { level: level.into(), text, hint })
        }
        OperationEvent::TestStarted { test, position, total } => {
            Event::TestStarted(wire::TestStarted { test, position, total })
        }
        OperationEvent::TestEnded { test, verdict, took, detail } => Event::TestEnded(wire::TestEnded {
            test,
            verdict: verdict_word(verdict),
            took_millis: millis(took),
            detail,
        }),
        OperationEvent::Ended(ended) => Event::Ended(wire::OperationEnded {
            outcome: outcome_word(ended.outcome),
            detail: ended.detail,
            residues: ended.residues.iter().map(|(host, left)| residue(host, left)).collect(),
            cluster_up: ended.cluster_up,
            begin_again: ended.begin_again,
        }),
    };
    wire::OperationEvent { number: stamped.number, at_unix_millis: stamped.at.0, event: Some(event) }
}
