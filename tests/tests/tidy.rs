//! House rules that no compiler knows, as tests: each names every place that breaks it.
//!
//! Functions and parameters are counted by clippy (`clippy.toml`); here stands what is about files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

/// Longest source file in lines, and the longest that the median may be.
const FILE_LINES_MAX: usize = 500;
const MEDIAN_LINES_MAX: usize = 150;

/// Longest pages in lines: what is longer is not read.
const PAGE_LINES_MAX: [(&str, usize); 3] = [("ARCHITECTURE.md", 200), ("README.md", 250), ("CONTRIBUTING.md", 200)];
const GUIDE_LINES_MAX: usize = 600;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 7] = ["utils.rs", "util.rs", "helpers.rs", "misc.rs", "manager.rs", "common.rs", "imp.rs"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests' folder lies in the workspace").to_owned()
}

/// All files of the repository, relative to its root: those that git knows or would add.
fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git runs");
    assert!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let text = String::from_utf8(listed.stdout).expect("paths are UTF-8");
    text.lines().filter(|path| root().join(path).is_file()).map(str::to_owned).collect()
}

fn files_named(matches: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let read = |path: String| {
        let bytes = fs::read(root().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        (path, String::from_utf8_lossy(&bytes).into_owned())
    };
    files().into_iter().filter(|path| matches(path)).map(read).collect()
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// Sources that ship: tests may be long.
fn is_source(path: &str) -> bool {
    let test = path.starts_with("tests/") || path.contains("/tests/") || name(path) == "tests.rs";
    has_extension(path, "rs") && !test
}

fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn source_files_are_short() {
    let mut lengths: Vec<(usize, String)> =
        files_named(is_source).into_iter().map(|(path, text)| (text.lines().count(), path)).collect();
    lengths.sort();
    let long: Vec<String> = lengths
        .iter()
        .filter(|(lines, _)| *lines > FILE_LINES_MAX)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    assert_none(&format!("a source file has at most {FILE_LINES_MAX} lines: split it by subject"), &long);
    let median = lengths[lengths.len() / 2].0;
    assert!(median <= MEDIAN_LINES_MAX, "the median file has {median} lines, {MEDIAN_LINES_MAX} at most");
}

#[test]
fn clippy_counts_lines_and_parameters() {
    let settings = fs::read_to_string(root().join("clippy.toml")).unwrap();
    for setting in ["too-many-lines-threshold = 70", "too-many-arguments-threshold = 6"] {
        assert!(settings.lines().any(|line| line == setting), "clippy.toml lacks {setting}");
    }
}

#[test]
fn file_names_say_what_is_inside() {
    let empty: Vec<String> = files().into_iter().filter(|path| EMPTY_NAMES.contains(&name(path))).collect();
    assert_none("a file is named for its main type", &empty);
}

#[test]
fn mod_and_lib_files_only_declare() {
    let function = Regex::new(r"(?m)^\s*(pub(\([a-z]+\))? )?(async |const |unsafe )*fn (\w+)").unwrap();
    let declares = |path: &str| has_extension(path, "rs") && ["mod.rs", "lib.rs"].contains(&name(path));
    let broken: Vec<String> = files_named(|path| declares(path) && !path.starts_with("tests/"))
        .iter()
        .flat_map(|(path, text)| function.captures_iter(text).map(move |found| format!("{path}: fn {}", &found[4])))
        .collect();
    assert_none("mod.rs and lib.rs hold no logic", &broken);
}

#[test]
fn lints_are_expected_with_a_reason_never_allowed() {
    let allow = Regex::new(&["(?m)^\\s*#!?\\[(cfg_attr\\(.*)?", "allow\\("].concat()).unwrap();
    let bare = Regex::new(r"(?s)#!?\[expect\(([^\]]*)\)\]").unwrap();
    let mut broken = Vec::new();
    for (path, text) in files_named(|path| has_extension(path, "rs")) {
        broken.extend(allow.is_match(&text).then(|| format!("{path}: allow")));
        let unreasoned = bare.captures_iter(&text).any(|found| !found[1].contains("reason"));
        broken.extend(unreasoned.then(|| format!("{path}: expect without a reason")));
    }
    assert_none("a lint is put off by #[expect(lint, reason = \"…\")]", &broken);
}

#[test]
fn every_crate_has_the_workspaces_lints_and_dependencies() {
    let mut broken = Vec::new();
    for (path, text) in files_named(|path| path.ends_with("/Cargo.toml")) {
        if !text.contains("[lints]\nworkspace = true") {
            broken.push(format!("{path}: no [lints] workspace = true"));
        }
        let mut section = String::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with('[') {
                line.clone_into(&mut section);
            } else if section.ends_with("dependencies]") && !line.contains("workspace = true") {
                broken.push(format!("{path}: {line}"));
            }
        }
    }
    assert_none("a dependency's version stands once, in the root manifest", &broken);
}

#[test]
fn the_root_manifests_dependencies_are_sorted() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("[workspace.dependencies]\n").nth(1).and_then(|rest| rest.split("\n[").next());
    let key = Regex::new(r"(?m)^([a-z0-9_-]+) = ").unwrap();
    let names: Vec<String> =
        key.captures_iter(section.expect("there are dependencies")).map(|found| found[1].to_owned()).collect();
    assert!(names.len() > 10, "only {} dependencies were read", names.len());
    assert!(names.is_sorted(), "[workspace.dependencies] is not sorted");
}

#[test]
fn nothing_names_a_package_registry_or_a_builders_machine() {
    let hosts = ["crates.", "index.crates.", "static.crates."].map(|host| format!("{host}io/"));
    let others = ["deb.debian", "archive.ubuntu", "pypi", "registry.npmjs", "proxy.golang", "registry-1.docker"];
    let places = [["/work", "/shared"].concat(), ["/work", "/main"].concat(), ["/work", "/wt"].concat()];
    let words: Vec<String> = hosts.into_iter().chain(others.map(|host| format!("{host}."))).chain(places).collect();
    let mut broken = Vec::new();
    for (path, text) in files_named(|path| name(path) != "Cargo.lock") {
        broken.extend(words.iter().filter(|word| text.contains(*word)).map(|word| format!("{path}: {word}")));
    }
    assert_none("packages come from wherever the machine is set up to get them", &broken);
}

#[test]
fn pages_are_short_and_their_links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#\s]+)[^)]*\)").unwrap();
    let mut broken = Vec::new();
    for (path, text) in files_named(|path| has_extension(path, "md")) {
        let limit = PAGE_LINES_MAX.iter().find(|(page, _)| *page == path).map_or(GUIDE_LINES_MAX, |(_, lines)| *lines);
        let lines = text.lines().count();
        if lines > limit && path != "CHANGELOG.md" {
            broken.push(format!("{path}: {lines} lines, {limit} at most"));
        }
        let folder = Path::new(&path).parent().unwrap_or(Path::new("")).to_owned();
        let local = |target: &str| !target.contains("://") && !target.starts_with("mailto:");
        for target in link.captures_iter(&text).map(|found| found[1].to_owned()).filter(|target| local(target)) {
            if !root().join(&folder).join(&target).exists() {
                broken.push(format!("{path}: {target} is not there"));
            }
        }
    }
    assert_none("pages are short and whole", &broken);
}

#[test]
fn scripts_stop_at_the_first_error_and_can_be_run() {
    use std::os::unix::fs::PermissionsExt as _;

    let mut broken = Vec::new();
    for (path, text) in files_named(|path| !has_extension(path, "rs") && !has_extension(path, "md")) {
        // The corpus of wrong scenarios names files that are there only to be named.
        if !text.starts_with("#!") || path.contains("/corpus/") {
            continue;
        }
        if text.starts_with("#!/usr/bin/env bash") && !text.contains("\nset -euo pipefail\n") {
            broken.push(format!("{path}: no `set -euo pipefail`"));
        }
        let mode = fs::metadata(root().join(&path)).unwrap().permissions().mode();
        if mode & 0o111 == 0 {
            broken.push(format!("{path}: not executable"));
        }
    }
    assert_none("scripts are strict and executable", &broken);
}
