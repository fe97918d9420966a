//! After the journal was lost: what a person should know, and what can be had back without it.
//!
//! The fleet's id is in the CA's certificate, hosts show who they are by theirs, clusters are on the hosts, and runs in
//! their folders. Operators' certificates are good no more: which of them had been withdrawn, nobody knows.

use std::path::PathBuf;
use std::time::Duration;

use throng_common::ids::RunId;

use crate::clock;
use crate::paths::StateDir;
use crate::report::folder::REPORT_FILE;
use crate::report::model::RunReport;
use crate::rollout::record_of;
use crate::store::{Life, NewEvent, RunRecord, Store, StoreError};

/// Notes in a new journal that there was another, and fills in the runs. What should be said to whoever asks.
pub async fn recover(
    store: &Store,
    state: &StateDir,
    life: &Life,
    aside: Option<PathBuf>,
) -> Result<Vec<String>, StoreError> {
    if aside.is_none() && !(life.rebuilt && life.is_new) {
        return Ok(Vec::new());
    }
    let runs = find_runs(state);
    let count = runs.len();
    for record in runs {
        store.save_run(record).await?;
    }
    let what = match &aside {
        Some(aside) => format!("the journal was damaged: it was set aside as {}", aside.display()),
        None => format!("the journal {} was gone", state.database().display()),
    };
    let again = match count {
        0 => String::new(),
        1 => " with 1 run found again".to_owned(),
        count => format!(" with {count} runs found again"),
    };
    let text = format!(
        "{what}, and a new one begun{again}; `throng down --orphans` takes down the clusters that it does not know, and \
         certificates of operators must be made anew"
    );
    tracing::warn!("{text}");
    let event = NewEvent {
        at: clock::now(),
        cluster: None,
        subject: "coordinator".to_owned(),
        kind: "journal-lost".to_owned(),
        message: text.clone(),
    };
    store.append_events(vec![event]).await?;
    Ok(vec![text])
}

/// The runs whose reports lie in their folders.
fn find_runs(state: &StateDir) -> Vec<RunRecord> {
    let entries = std::fs::read_dir(state.runs_dir()).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| RunId::new(entry.file_name().to_str()?).ok());
    let read = |run: RunId| {
        let folder = state.run_dir(&run);
        let report: RunReport = serde_json::from_slice(&std::fs::read(folder.join(REPORT_FILE)).ok()?).ok()?;
        Some(record_of(&report, Duration::from_millis(report.took_millis), &folder))
    };
    names.filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use throng_common::status::UnixMillis;

    use super::*;
    use crate::paths::StateEnvironment;
    use crate::report::sample;

    #[tokio::test]
    async fn runs_are_found_again_by_their_reports_and_what_happened_is_noted_once() {
        let folder = tempfile::tempdir().unwrap();
        let flag = Some(folder.path().join("state"));
        let state = StateDir::resolve(&StateEnvironment { flag, ..StateEnvironment::default() }).unwrap();
        state.create().unwrap();
        let report = sample::passed();
        let run = state.run_dir(&report.run);
        std::fs::create_dir_all(&run).unwrap();
        std::fs::write(run.join(REPORT_FILE), serde_json::to_vec(&report).unwrap()).unwrap();
        std::fs::create_dir_all(state.runs_dir().join("without-a-report")).unwrap();
        let store = Store::open(&state.database()).unwrap();
        let life = store.begin_life("fleet-x".parse().ok(), UnixMillis(1)).await.unwrap();
        let warnings = recover(&store, &state, &life, None).await.unwrap();
        assert!(warnings.len() == 1 && warnings[0].contains("with 1 run found again"), "{warnings:?}");
        let found = store.list_runs().await.unwrap();
        assert_eq!(found.iter().map(|run| &run.run).collect::<Vec<_>>(), [&report.run]);
        assert_eq!(
            (found[0].counts.passed, found[0].artefacts.clone()),
            (u32::try_from(report.tests.len()).unwrap(), run)
        );
        let later = store.begin_life("fleet-x".parse().ok(), UnixMillis(2)).await.unwrap();
        assert_eq!(recover(&store, &state, &later, None).await.unwrap(), Vec::<String>::new());
    }
}
