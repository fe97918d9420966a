//! Good scenarios load without a word: what `throng init` writes, and all examples.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::path::{Path, PathBuf};

use throng::bundle::{Bundle, Caller, collect};
use throng::scenario::{init_text, load};
use throng_common::ids::RoleName;
use throng_common::scenario::mode::Mode;
use throng_common::scenario::model::{Each, Image};

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

/// The first whole scenario of a page.
fn first_scenario(page: &str) -> String {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page)).unwrap();
    let block = page.split("```toml\n").find(|block| block.starts_with("format = 1")).unwrap();
    block.split("```").next().unwrap().to_owned()
}

#[test]
fn what_people_read_first_runs_with_the_image_that_it_names() {
    for text in [init_text("redis"), first_scenario("README.md"), first_scenario("docs/scenario.md")] {
        let scenario = load(&in_memory(&text)).unwrap().scenario;
        let worker = &scenario.role[&RoleName::new("worker").unwrap()];
        assert_eq!(worker.image, Some(Image::Name("redis:7".to_owned())));
        // The image's script changes the owner of its folder and then its own user, for which it lacks the capabilities.
        assert_eq!(worker.user.as_deref(), Some("redis"), "{text}");
        let ramdisk = &worker.ramdisk["data"];
        assert_eq!((ramdisk.uid, ramdisk.mode), (0, Mode::SHARED_FOLDER), "the user can write to it");
        // The primary sees all its replicas at 127.0.0.1.
        let announced = worker.command.windows(2).any(|words| words == ["--replica-announce-ip", "{node.name}"]);
        assert!(announced, "{text}");
        if let Some(seen) = &worker.seen {
            assert!(matches!(&seen.each, Each::Regex(each) if each.contains("(?<name>")), "{text}");
        }
    }
}

fn toml_files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect()
}

/// What this one needs comes from Maven's repository and takes a minute of two cores: no part of these tests.
const NOT_PREPARED_HERE: &str = "alluxio";

#[test]
fn the_examples_load_without_a_word_and_so_do_their_overlays() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folders = std::fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path());
    for folder in folders.filter(|path| path.is_dir() && !path.ends_with(NOT_PREPARED_HERE)) {
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
