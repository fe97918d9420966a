//! The pages are true of the repository: what they name is there. What they say of commands and RPCs is held by
//! `coordinator/tests/docs.rs`.

#![expect(clippy::unwrap_used, reason = "a test that fails here says so by failing")]

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use regex::Regex;
use throng_tests::programs::repository;

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page with its text.
fn pages() -> Vec<(String, String)> {
    let listed = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"])
        .current_dir(repository())
        .output()
        .unwrap();
    let paths = String::from_utf8(listed.stdout).unwrap();
    paths.lines().map(|path| (path.to_owned(), read(path))).collect()
}

/// The folders and files at the top: what begins with one of them and a slash is meant as a path.
fn top() -> BTreeSet<String> {
    let entries = fs::read_dir(repository()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_path_that_a_page_names_is_there() {
    // Made by the build or by a script, and so not there in a fresh clone.
    let made = ["build/", "target/"];
    let top = top();
    let word = Regex::new(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+/?").unwrap();
    let code = Regex::new(r"(?s)```.*?```|`[^`\n]+`").unwrap();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (page, text) in pages() {
        for code in code.find_iter(&text).map(|code| code.as_str()) {
            for found in word.find_iter(code) {
                let before = code[..found.start()].chars().next_back().unwrap_or(' ');
                let path = found.as_str().trim_end_matches('.');
                let first = path.split('/').next().unwrap();
                let elsewhere = matches!(before, '/' | '{' | '}' | '<' | '>' | '$' | '~' | ':' | '…');
                if elsewhere || !top.contains(first) || made.iter().any(|folder| path.starts_with(folder)) {
                    continue;
                }
                seen += 1;
                if !repository().join(path).exists() {
                    wrong.push(format!("{page}: {path}"));
                }
            }
        }
    }
    assert!(seen > 20, "only {seen} paths were found");
    assert!(wrong.is_empty(), "not there: {wrong:#?}");
}

#[test]
fn every_make_target_that_a_page_names_is_there() {
    let target = Regex::new(r"(?m)^([a-z-]+):.*## ").unwrap();
    let makefile = read("Makefile");
    let targets: BTreeSet<&str> = target.captures_iter(&makefile).map(|found| found.get(1).unwrap().as_str()).collect();
    let named = Regex::new(r"[`\s]make ([a-z-]+)[`\s]").unwrap();
    let code = Regex::new(r"(?s)```.*?```|`[^`\n]+`").unwrap();
    let mut wrong = Vec::new();
    for (page, text) in pages() {
        for code in code.find_iter(&text) {
            let names = named.captures_iter(code.as_str()).map(|found| found[1].to_owned());
            wrong.extend(
                names.filter(|name| !targets.contains(name.as_str())).map(|name| format!("{page}: make {name}")),
            );
        }
    }
    assert!(targets.contains("demo") && wrong.is_empty(), "not there: {wrong:#?}");
}

/// The modules of a crate, by their files and folders.
fn modules(source: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(repository().join(source)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().trim_end_matches(".rs").to_owned());
    names.filter(|name| !["main", "lib"].contains(&name.as_str())).collect()
}

#[test]
fn the_code_map_names_every_module_of_the_two_daemons() {
    // A clock is no part of an architecture, nor is what `main` calls at once.
    let small = ["clock", "program"];
    let page = read("ARCHITECTURE.md");
    let map = page.split("## Code map").nth(1).unwrap().split("\n## ").next().unwrap();
    let name = Regex::new(r"`([a-z_]+)`").unwrap();
    for crate_name in ["agent", "coordinator"] {
        let begin = format!("- **`{crate_name}/`**");
        let part = map.split(&begin).nth(1).unwrap().split("\n- **`").next().unwrap();
        let named: BTreeSet<String> = name.captures_iter(part).map(|found| found[1].to_owned()).collect();
        let mut there = modules(&format!("{crate_name}/src"));
        there.retain(|module| !small.contains(&module.as_str()));
        let missing: Vec<_> = there.difference(&named).collect();
        assert!(missing.is_empty(), "the code map lacks of {crate_name}: {missing:?}");
        there.extend(modules("agent/src/resources"));
        let stale: Vec<_> = named.difference(&there).collect();
        assert!(stale.is_empty(), "the code map names what is not in {crate_name}: {stale:?}");
    }
}

/// Files below a folder that contain a text, but for those below its folders that may.
fn users(folder: &str, pattern: &str, allowed: &[&str]) -> Vec<String> {
    let found = Command::new("grep")
        .args(["--recursive", "--files-with-matches", "--extended-regexp", "--include=*.rs", pattern, folder])
        .current_dir(repository())
        .output()
        .unwrap();
    let files = String::from_utf8(found.stdout).unwrap();
    assert!(!files.is_empty(), "nobody in {folder} uses {pattern}");
    let may = |file: &str| allowed.iter().any(|name| file.starts_with(&format!("{folder}/{name}")));
    let outside = |file: &&str| !file.ends_with("/tests.rs") && !may(file);
    files.lines().filter(outside).map(str::to_owned).collect()
}

#[test]
fn types_of_sdks_and_of_the_wire_stop_at_their_modules() {
    let wire = r"throng_proto::(operator|agent|types)\b|throng_proto::\{";
    let rules: [(&str, &str, &[&str]); 7] = [
        ("agent/src", r"\bbollard::", &["host/engine/docker/"]),
        ("agent/src", r"\brusqlite::", &["ledger/"]),
        ("coordinator/src", r"\brusqlite::", &["store/"]),
        ("agent/src", r"\btonic::", &["enrol/", "link/", "service/"]),
        ("agent/src", wire, &["enrol/", "service/"]),
        (
            "coordinator/src",
            r"\btonic::",
            &["api/", "app.rs", "authz/", "cli/", "client/", "core/", "fleet/", "image/", "listener/"],
        ),
        (
            "coordinator/src",
            wire,
            &[
                "api/",
                "app.rs",
                "cli/",
                "client/",
                "core/",
                "daemon/",
                "fleet/",
                "image/",
                "listener/",
                "output/",
                "rollout/",
            ],
        ),
    ];
    let mut wrong = Vec::new();
    for (folder, pattern, allowed) in rules {
        wrong.extend(users(folder, pattern, allowed).into_iter().map(|file| format!("{file}: {pattern}")));
    }
    assert!(wrong.is_empty(), "outside the modules that ARCHITECTURE.md names: {wrong:#?}");
}
