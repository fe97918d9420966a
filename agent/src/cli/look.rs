//! `facts` and `audit`: looking at the host, without a daemon.

use std::io::{self, Write as _};

use anyhow::Context as _;
use serde::Serialize;
use throng_common::error_chain::chain;
use throng_common::status::AuditScope;

use super::args::{Format, LookArgs};
use crate::facts::observe::{EngineProbe, observe};
use crate::host::engine::api::Engine as _;
use crate::host::engine::awaited::AwaitedEngine;
use crate::service::audit;

/// Prints what the host is and has.
pub(super) async fn facts(args: &LookArgs) -> anyhow::Result<()> {
    let paths = args.dirs.paths()?;
    let probe = match AwaitedEngine::default().info().await {
        Ok(info) => EngineProbe::Found(info.facts),
        Err(error) => EngineProbe::Problem(chain(&error)),
    };
    print(&observe(&paths, probe)?, args.format)
}

/// Prints what of throng is left; whether nothing is.
pub(super) async fn audit(args: &LookArgs) -> anyhow::Result<bool> {
    let found = audit::audit(AuditScope::default(), args.dirs.paths()?, &AwaitedEngine::default()).await;
    let found = found.context("the engine's containers cannot be listed")?;
    print(&found.residues, args.format)?;
    let unread: Vec<_> = found.unread.iter().map(|error| chain(error)).collect();
    anyhow::ensure!(unread.is_empty(), "the audit is incomplete: {}", unread.join("; "));
    Ok(found.residues.is_empty())
}

fn print(value: &impl Serialize, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Json => {
            let mut out = io::stdout().lock();
            serde_json::to_writer_pretty(&mut out, value)?;
            Ok(writeln!(out)?)
        }
    }
}
