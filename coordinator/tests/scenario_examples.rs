//! Good scenarios load without a word: what `throng init` writes, and all examples.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::path::{Path, PathBuf};

use throng::bundle::{Bundle, Caller, collect};
use throng::scenario::{init_text, load};

fn caller() -> Caller {
    Caller { uid: 1000, gid: 1000, name: "anna".to_owned() }
}

fn in_memory(text: &str) -> Bundle {
    Bundle {
        entry: "init.toml".to_owned(),
        files: [("init.toml".to_owned(), text.as_bytes().to_vec())].into(),
        inputs: std::collections::BTreeMap::new(),
        overlays: Vec::new(),
        sets: Vec::new(),
        dir: PathBuf::from("/home/anna/scenario"),
        caller: caller(),
    }
}

#[test]
fn what_init_writes_loads_without_a_word() {
    for name in ["redis", "My Project 2", "", "---", "9lives", &"x".repeat(300)] {
        let text = init_text(name);
        assert!(text.lines().count() < 60, "{} lines", text.lines().count());
        let loaded = load(&in_memory(&text)).unwrap_or_else(|errors| panic!("{name}:\n{errors}"));
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    }
}

fn toml_files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect()
}

#[test]
fn the_examples_load_without_a_word_and_so_do_their_overlays() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for folder in std::fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        // An overlay has no format of its own.
        let is_whole =
            |path: &PathBuf| std::fs::read_to_string(path).unwrap().lines().any(|line| line.starts_with("format"));
        let (scenarios, overlays): (Vec<PathBuf>, Vec<PathBuf>) = toml_files(&folder).into_iter().partition(is_whole);
        if !scenarios.is_empty() {
            let prepared = std::process::Command::new(folder.join("prepare.sh")).output().unwrap();
            assert!(prepared.status.success(), "{}: {prepared:?}", folder.display());
        }
        for scenario in scenarios {
            let none: &[PathBuf] = &[];
            for over in std::iter::once(none).chain(overlays.iter().map(std::slice::from_ref)) {
                let bundle = collect(&scenario, over, &[], caller()).unwrap();
                let loaded = load(&bundle).unwrap_or_else(|errors| panic!("{}:\n{errors}", scenario.display()));
                assert!(loaded.warnings.is_empty(), "{}: {:?}", scenario.display(), loaded.warnings);
            }
        }
    }
}
