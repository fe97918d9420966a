//! Bad scenarios and what is said about them: snapshots for people and for programs.
//!
//! A file's first lines may carry `# set: …`, `# overlay: …` and `# caller: UID NAME`.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use throng::bundle::{Bundle, Caller, collect};
use throng::scenario::{Code, Diagnostic, Severity, load};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// All bad scenarios, by name.
fn corpus() -> Vec<(String, PathBuf)> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<(String, PathBuf)> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), path))
        .collect();
    cases.sort();
    cases
}

fn bundle(path: &Path) -> Bundle {
    let text = std::fs::read_to_string(path).unwrap();
    let given = |key: &str| -> Vec<String> {
        let prefix = format!("# {key}: ");
        text.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
    };
    let overlays: Vec<PathBuf> = given("overlay").iter().map(|name| folder().join(name)).collect();
    let caller = given("caller").first().map_or((0, "root".to_owned()), |caller| {
        let (uid, name) = caller.split_once(' ').unwrap();
        (uid.parse().unwrap(), name.to_owned())
    });
    let caller = Caller { uid: caller.0, gid: caller.0, name: caller.1 };
    let bundle = collect(path, &overlays, &given("set"), caller).unwrap();
    // Hints name the folder, which is another on every machine.
    Bundle { dir: PathBuf::from("/home/anna/scenario"), ..bundle }
}

/// What is said about a bad scenario: errors, or warnings where it is merely doubtful.
fn found(path: &Path) -> Vec<Diagnostic> {
    match load(&bundle(path)) {
        Ok(loaded) => loaded.warnings,
        Err(diagnostics) => diagnostics.0,
    }
}

fn snapshots() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("corpus/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

#[test]
fn every_bad_scenario_is_told_what_is_wrong_with_it() {
    snapshots().bind(|| {
        for (name, path) in corpus() {
            let found = found(&path);
            assert!(!found.is_empty(), "{name}: nothing was found");
            let human: Vec<String> = found.iter().map(|diagnostic| diagnostic.render(false)).collect();
            insta::assert_snapshot!(format!("{name}.human"), human.join("\n"));
            insta::assert_json_snapshot!(format!("{name}.json"), found);
        }
    });
}

#[test]
fn every_code_occurs_in_the_corpus() {
    let seen: BTreeSet<Code> = corpus().iter().flat_map(|(_, path)| found(path)).map(|one| one.code).collect();
    let missing: Vec<&str> = Code::ALL.iter().filter(|code| !seen.contains(code)).map(|code| code.as_str()).collect();
    assert!(missing.is_empty(), "no bad scenario shows {missing:?}: add one to {}", folder().display());
}

#[test]
fn the_corpus_is_large_and_holds_files_with_many_mistakes() {
    let counts: Vec<usize> = corpus().iter().map(|(_, path)| found(path).len()).collect();
    assert!(counts.len() >= 45, "{} files", counts.len());
    assert!(counts.iter().filter(|count| **count >= 3).count() >= 10, "{counts:?}");
}

#[test]
fn every_message_names_its_place_and_a_remedy() {
    for (name, path) in corpus() {
        for one in found(&path) {
            assert!(one.line >= 1 && one.column >= 1, "{name}: {one}");
            assert!(one.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "{name}: no remedy: {one}");
            assert!(!one.message.contains('\n') && !one.message.is_empty(), "{name}: {one}");
        }
    }
}

#[test]
fn only_warnings_let_a_scenario_through() {
    for (name, path) in corpus() {
        let warns = std::fs::read_to_string(&path).unwrap().starts_with("# warnings only");
        let result = load(&bundle(&path));
        assert_eq!(result.is_ok(), warns, "{name}");
        if let Err(diagnostics) = result {
            assert!(diagnostics.iter().any(|one| one.severity == Severity::Error), "{name}");
        }
    }
}
