//! The reference (docs/scenario.md) says what the code does: every key, default and example in it.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use throng::bundle::{Bundle, Caller, InputFile};
use throng::scenario::{Code, load, schema};

fn reference() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scenario.md")).unwrap()
}

/// Every key of the format with all that the schema says of it: a name may be a key in several tables.
fn keys() -> BTreeMap<String, Vec<Value>> {
    fn walk(schema: &Value, found: &mut BTreeMap<String, Vec<Value>>) {
        match schema {
            Value::Object(map) => {
                for (key, value) in map.iter().filter(|(key, _)| *key != "default") {
                    if key == "properties" {
                        for (name, of) in value.as_object().unwrap() {
                            found.entry(name.clone()).or_default().push(of.clone());
                        }
                    }
                    walk(value, found);
                }
            }
            Value::Array(list) => list.iter().for_each(|one| walk(one, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = BTreeMap::new();
    walk(&schema(), &mut found);
    found
}

/// The blocks of TOML, each with its first line's number.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line) {
            (None, "```toml") => open = Some((index + 2, String::new())),
            (Some(_), "```") => found.extend(open.take()),
            (Some((_, block)), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    found
}

/// What stands between backquotes, outside of blocks.
fn code_spans(text: &str) -> Vec<String> {
    let mut in_block = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

fn bundle(scenario: &str, overlay: Option<&str>) -> Bundle {
    let input = |path: &str| (path.to_owned(), InputFile { bytes: 1, executable: true });
    let mut files: BTreeMap<String, Vec<u8>> =
        [("scenario.toml", scenario), ("ca.pem", "x")].map(|(path, text)| (path.to_owned(), text.into())).into();
    files.extend(overlay.map(|text| ("overlay.toml".to_owned(), text.into())));
    Bundle {
        entry: "scenario.toml".to_owned(),
        files,
        inputs: ["image.sh", "target/app.jar", "lib/a.jar"].map(input).into(),
        overlays: overlay.map(|_| "overlay.toml".to_owned()).into_iter().collect(),
        sets: Vec::new(),
        dir: "/home/anna".into(),
        caller: Caller { uid: 1000, gid: 1000, name: "anna".to_owned() },
    }
}

#[test]
fn every_block_loads_without_a_word_by_itself_or_over_the_first() {
    let text = reference();
    let blocks = blocks(&text);
    let (_, whole) = &blocks[0];
    assert!(blocks.len() >= 6 && whole.starts_with("format = 1"), "{}", blocks.len());
    for (line, block) in &blocks {
        let bundle = if block.starts_with("format = 1") { bundle(block, None) } else { bundle(whole, Some(block)) };
        let loaded = load(&bundle).unwrap_or_else(|errors| panic!("docs/scenario.md:{line}:\n{errors}"));
        assert!(loaded.warnings.is_empty(), "docs/scenario.md:{line}: {:?}", loaded.warnings);
    }
}

#[test]
fn every_key_with_a_value_in_the_text_is_accepted_by_the_schema() {
    let keys = keys();
    let definitions = schema()["$defs"].clone();
    let mut checked = 0;
    for span in code_spans(&reference()) {
        // `…` stands for something that is left out, `[role.NAME]` for a table.
        let Ok(table) = toml::from_str::<toml::Table>(&span) else { continue };
        if span.starts_with('[') || span.contains('…') {
            continue;
        }
        for (key, value) in table {
            let value = serde_json::to_value(value).unwrap();
            let Some(known) = keys.get(&key) else {
                // Names that the user chooses: roles in `scale`, settings of the kernel.
                assert!(["net.core.somaxconn", "sysctl"].contains(&key.as_str()), "`{span}`: no key is called `{key}`");
                continue;
            };
            let fits = known.iter().any(|one| {
                let mut schema = one.clone();
                schema["$defs"] = definitions.clone();
                jsonschema::is_valid(&schema, &value)
            });
            assert!(fits, "`{span}` is not what `{key}` takes");
            checked += 1;
        }
    }
    assert!(checked >= 15, "{checked}");
}

/// The tables of keys, by the section they stand in, with the type that each is about.
const SECTIONS: [(&str, &str); 8] = [
    ("### `[fleet]`", "Fleet"),
    ("### `[tuning]`", "Tuning"),
    ("## Roles", "Role"),
    ("### Ramdisks", "Ramdisk"),
    ("### Readiness", "Ready"),
    ("### Seen", "Seen"),
    ("## Metrics", "Metric"),
    ("## Tests", "Test"),
];

/// The rows of a section's first table: keys and default.
fn rows(text: &str, section: &str) -> Vec<(Vec<String>, String)> {
    let start = text.find(&format!("\n{section}\n")).unwrap_or_else(|| panic!("no section {section}"));
    let lines = text[start..].lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let cells = |line: &str| {
        let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        let keys = cells.next().unwrap_or_default();
        let keys = keys.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        (keys, cells.next().unwrap_or_default())
    };
    lines.take_while(|line| line.starts_with('|')).map(cells).collect()
}

/// A default that is nothing: none, or an empty list or table.
fn is_nothing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => false,
    }
}

#[test]
fn every_default_is_the_one_that_the_code_has() {
    let text = reference();
    let schema = schema();
    for (section, name) in SECTIONS {
        let definition = &schema["$defs"][name];
        let properties = definition["properties"].as_object().unwrap();
        let required: BTreeSet<&str> =
            definition["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let rows = rows(&text, section);
        let listed: BTreeSet<&str> = rows.iter().flat_map(|(keys, _)| keys).map(String::as_str).collect();
        let all: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(listed, all, "{section}");
        for (keys, said) in &rows {
            let literals: Vec<String> = said.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            for (position, key) in keys.iter().enumerate() {
                let place = format!("{section} `{key}`: {said}");
                let default = properties[key].get("default");
                if said == "*required*" {
                    assert!(required.contains(key.as_str()), "{place}");
                    continue;
                }
                assert!(!required.contains(key.as_str()), "{place}");
                let own = literals.get(position).or(literals.first().filter(|_| said.starts_with('`')));
                match own.filter(|_| said.starts_with('`')) {
                    Some(literal) => {
                        let written: toml::Table = toml::from_str(&format!("x = {literal}")).unwrap();
                        let written = serde_json::to_value(&written["x"]).unwrap();
                        assert_eq!(Some(&written), default, "{place}");
                    }
                    // Words describe what is chosen where nothing is given, and tables have rows or sections of their own.
                    None => {
                        assert!(is_nothing(default) || default.is_some_and(Value::is_object), "{place}: {default:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_key_is_mentioned() {
    let text = reference();
    let mentioned = |key: &String| text.contains(&format!("`{key}`")) || text.contains(&format!("`{key} = "));
    let missing: Vec<String> = keys().into_keys().filter(|key| !mentioned(key)).collect();
    assert!(missing.is_empty(), "docs/scenario.md does not mention {missing:?}");
    assert!(keys().len() > 100);
}

#[test]
fn every_code_is_explained_and_no_other() {
    let text = reference();
    let start = text.find("\n## What is reported\n").unwrap();
    let listed: BTreeSet<&str> =
        text[start..].lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let known: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(listed, known);
}
