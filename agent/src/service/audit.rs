//! `Audit`: what of throng is left on this host, by the kernel's and the engine's word. Also for `throng-agent audit`.

use throng_common::status::AuditScope;

use crate::audit::scan::{Audit, LabelledContainer, scan};
use crate::host::engine::api::Engine;
use crate::host::engine::error::{EngineError, EngineResult};
use crate::host::engine::labels;
use crate::paths::Paths;

/// Audits the host. An engine that is there and does not answer is an error: what it holds is not known to be gone.
pub async fn audit(scope: AuditScope, paths: Paths, engine: &dyn Engine) -> EngineResult<Audit> {
    let containers = labelled(engine).await?;
    let scanned = tokio::task::spawn_blocking(move || scan(&scope, &paths, &containers)).await;
    Ok(scanned.expect("the scan does not panic and is not aborted"))
}

async fn labelled(engine: &dyn Engine) -> EngineResult<Vec<LabelledContainer>> {
    let containers = match engine.list(labels::CLUSTER).await {
        // A host without an engine has no containers.
        Err(EngineError::NoSocket { .. }) => return Ok(Vec::new()),
        listed => listed?,
    };
    let labelled = containers.into_iter().map(|container| LabelledContainer {
        cluster: container.labels.get(labels::CLUSTER).and_then(|cluster| cluster.parse().ok()),
        id: container.id.0,
        name: container.name,
    });
    Ok(labelled.collect())
}
