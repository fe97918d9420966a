//! The places at which tests can kill a daemon: each that is listed is in the sources, and none is in the programs that
//! people use.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use regex::Regex;
use throng_failpoints::{Fault, Point};
use throng_tests::programs::{Build, repository};

/// Where daemons' sources lie.
const SOURCES: [&str; 2] = ["agent/src", "coordinator/src"];

fn sources() -> Vec<(String, String)> {
    let listed = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "--"])
        .args(SOURCES)
        .current_dir(repository())
        .output()
        .expect("git runs");
    let text = String::from_utf8(listed.stdout).expect("paths are UTF-8");
    let read = |path: &str| Some((path.to_owned(), fs::read_to_string(repository().join(path)).ok()?));
    let files = text.lines().filter(|path| Path::new(path).extension().is_some_and(|extension| extension == "rs"));
    files.filter_map(read).collect()
}

/// How often each name of an enum is mentioned in a daemon's sources.
fn mentions(list: &str) -> BTreeMap<String, Vec<String>> {
    let pattern = Regex::new(&format!(r"\b{list}::(\w+)")).expect("names are plain");
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in sources() {
        for mention in pattern.captures_iter(&text) {
            found.entry(mention[1].to_owned()).or_default().push(path.clone());
        }
    }
    found
}

fn assert_each_is_placed(list: &str, names: impl Iterator<Item = (String, &'static str)>) {
    let found = mentions(list);
    for (variant, name) in names {
        let places = found.get(&variant).cloned().unwrap_or_default();
        assert!(!places.is_empty(), "{list}::{variant} is nowhere in {SOURCES:?}");
        let daemon = name.split('.').next().unwrap_or_default();
        assert!(places.iter().all(|place| place.starts_with(daemon)), "{name} is in {places:?}");
    }
}

#[test]
fn every_point_and_every_fault_is_in_its_daemons_sources() {
    assert_each_is_placed("Point", Point::ALL.iter().map(|point| (format!("{point:?}"), point.name())));
    assert_each_is_placed("Fault", Fault::ALL.iter().map(|fault| (format!("{fault:?}"), fault.name())));
}

#[test]
fn the_programs_that_people_use_have_no_points() {
    for program in ["throng", "throng-agent"] {
        let bytes = fs::read(Build::Plain.program(program)).expect("the program can be read");
        let strings = String::from_utf8_lossy(&bytes);
        for text in ["FAILPOINTS", "failpoint ", Point::ALL[0].name(), Point::HostTold.name()] {
            assert!(!strings.contains(text), "{program} holds `{text}`: was it built with the feature `failpoints`?");
        }
    }
}

#[test]
fn no_default_feature_brings_points() {
    for manifest in ["agent/Cargo.toml", "coordinator/Cargo.toml", "failpoints/Cargo.toml", "tests/Cargo.toml"] {
        let text = fs::read_to_string(repository().join(manifest)).expect("the manifest can be read");
        assert!(!text.lines().any(|line| line.starts_with("default = ")), "{manifest} has default features");
    }
}
