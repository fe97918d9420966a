//! The pages are true of the command line and of the API: every command, option, variable and RPC that they name exists.

#![expect(clippy::unwrap_used, reason = "a test that fails here says so by failing")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;
use regex::Regex;
use throng::authz::{Access, TABLE};
use throng::bundle::{Bundle, Caller};
use throng::scenario::load;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Every page, by its path in the repository.
fn pages() -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in ["", "docs", "ami"] {
        let entries = fs::read_dir(repository().join(folder)).unwrap();
        paths.extend(entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension() == Some("md".as_ref())));
    }
    paths.sort();
    let name = |path: &Path| path.strip_prefix(repository()).unwrap().display().to_string();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

fn page(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

/// What stands in code, line by line: in fenced blocks, and between backticks.
fn code(page: &str) -> Vec<String> {
    let span = Regex::new(r"`([^`\n]+)`").unwrap();
    let mut found = Vec::new();
    let mut fenced = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.push(line.to_owned());
        } else {
            found.extend(span.captures_iter(line).map(|code| code[1].to_owned()));
        }
    }
    found
}

/// The words of every call of `throng` in a line of code, up to a comment, a pipe or the command of a node. Where no word
/// follows that could be a command's it is none: a picture, a variable.
fn calls(line: &str) -> Vec<Vec<String>> {
    let word = Regex::new(r#"'[^']*'|"[^"]*"|\S+"#).unwrap();
    let ends = ["|", "&&", "||", ";", "#", "--", "…"];
    let mut calls: Vec<Vec<String>> = Vec::new();
    let (mut open, mut first) = (false, true);
    for word in word.find_iter(line).map(|word| word.as_str()) {
        if ends.contains(&word) {
            (open, first) = (false, word == "&&" || word == ";");
        } else if open {
            calls.last_mut().unwrap().push(word.trim_matches(['\'', '"']).to_owned());
        } else if first && ["throng", "target/debug/throng", "$THRONG_BIN"].contains(&word) {
            open = true;
            calls.push(Vec::new());
        } else {
            first = first && word == "$";
        }
    }
    let called = |words: &Vec<String>| {
        words.first().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_lowercase() || c == '-'))
    };
    calls.into_iter().filter(called).collect()
}

/// Why the command line would not know these words; none where it does.
fn unknown(root: &Command, words: &[String]) -> Option<String> {
    let mut command = root;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let option = word.split('=').next().unwrap();
        if let Some(long) = option.strip_prefix("--") {
            let mut known = command.get_arguments().chain(root.get_arguments());
            let argument =
                known.find(|argument| argument.get_long() == Some(long) || ["help", "version"].contains(&long));
            let Some(argument) = argument else { return Some(format!("no option {option}")) };
            if argument.get_action().takes_values() && !word.contains('=') && !argument.is_require_equals_set() {
                words.next();
            }
        } else if command.has_subcommands() && !word.starts_with('-') {
            let Some(found) = command.find_subcommand(word) else { return Some(format!("no command {word}")) };
            command = found;
        }
    }
    None
}

#[test]
fn every_command_and_option_of_the_pages_exists() {
    let mut root = throng::cli::help::command();
    root.build();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, text) in pages() {
        for line in code(&text) {
            for words in calls(&line).iter().filter(|words| words.iter().all(|word| word != "…")) {
                seen += 1;
                wrong.extend(unknown(&root, words).map(|why| format!("{path}: `throng {}`: {why}", words.join(" "))));
            }
        }
    }
    assert!(seen > 30, "only {seen} commands were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_command_that_does_not_exist_is_found() {
    let root = throng::cli::help::command();
    let why = |line: &str| calls(line).iter().find_map(|words| unknown(&root, words));
    assert_eq!(why("$ throng fly --seed 5"), Some("no command fly".to_owned()));
    assert_eq!(why("throng --format json run x.toml --sed 5"), Some("no option --sed".to_owned()));
    assert_eq!(why("throng operator demote x"), Some("no command demote".to_owned()));
    assert_eq!(why("throng init a && throng nope"), Some("no command nope".to_owned()));
    assert_eq!(why("throng exec worker -- ls --all | throng x"), None);
    assert_eq!(why("like throng itself"), None);
}

/// The variables that the command line reads.
fn variables(command: &Command, found: &mut BTreeSet<String>) {
    found.extend(command.get_arguments().filter_map(|argument| Some(argument.get_env()?.to_str()?.to_owned())));
    for below in command.get_subcommands() {
        variables(below, found);
    }
}

#[test]
fn every_variable_of_the_command_line_is_in_the_operators_page() {
    let mut read = BTreeSet::from(["THRONG_STATE_DIR", "THRONG_LOG", "DOCKER_HOST"].map(str::to_owned));
    variables(&throng::cli::help::command(), &mut read);
    let page = page("docs/operations.md");
    let missing: Vec<&String> = read.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(read.len() > 6 && missing.is_empty(), "docs/operations.md lacks {missing:?}");
}

/// The API guide's table: RPC and least role.
fn guide() -> BTreeMap<String, String> {
    let row = Regex::new(r"(?m)^\| ((?:`\w+/\w+`(?:, )?)+) \| (\w+) \|").unwrap();
    let rpc = Regex::new(r"`(\w+/\w+)`").unwrap();
    let page = page("docs/grpc.md");
    let rows = row.captures_iter(&page).flat_map(|row| {
        let role = row[2].to_owned();
        rpc.captures_iter(row.get(1).unwrap().as_str()).map(|rpc| (rpc[1].to_owned(), role.clone())).collect::<Vec<_>>()
    });
    rows.collect()
}

#[test]
fn the_table_of_the_api_guide_is_the_coordinators() {
    let short = |path: &str| path.rsplit('.').next().unwrap().to_owned();
    let role = |access: &Access| match access {
        Access::Anyone => "anyone".to_owned(),
        Access::Viewer => "viewer".to_owned(),
        Access::Operator => "operator".to_owned(),
    };
    let served: BTreeMap<String, String> = TABLE.iter().map(|(path, access)| (short(path), role(access))).collect();
    assert_eq!(guide(), served);
}

#[test]
fn the_scenario_of_the_first_page_has_no_mistakes() {
    let block = Regex::new(r"(?s)```toml\n(.*?)```").unwrap();
    let page = page("README.md");
    let text: String = block.captures_iter(&page).map(|found| found[1].to_owned()).collect();
    assert!(text.contains("[role.worker]") && text.contains("[[test]]"), "{text}");
    let bundle = Bundle {
        entry: "readme.toml".to_owned(),
        files: [("readme.toml".to_owned(), text.into_bytes())].into(),
        inputs: BTreeMap::new(),
        overlays: Vec::new(),
        sets: Vec::new(),
        dir: PathBuf::from("/home/anna/scenario"),
        caller: Caller { uid: 1000, gid: 1000, name: "anna".to_owned() },
    };
    let loaded = load(&bundle).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}
