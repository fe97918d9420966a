//! Good scenarios load without a word: what `throng init` writes, and all examples.

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

#[test]
fn the_examples_load_without_a_word() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for folder in std::fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_some_and(|extension| extension == "toml") {
                let text = std::fs::read_to_string(&path).unwrap();
                // An overlay has no format of its own.
                if !text.lines().any(|line| line.starts_with("format")) {
                    continue;
                }
                let bundle = collect(&path, &[], &[], caller()).unwrap();
                let loaded = load(&bundle).unwrap_or_else(|errors| panic!("{}:\n{errors}", path.display()));
                assert!(loaded.warnings.is_empty(), "{}: {:?}", path.display(), loaded.warnings);
            }
        }
    }
}
