//! The schema says what the loader accepts.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::path::{Path, PathBuf};

use serde_json::Value;
use throng::bundle::{Bundle, Caller};
use throng::scenario::{init_text, load, schema};

/// What the schema has against a document.
fn objections(document: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn toml_to_json(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap()
}

#[test]
fn the_schema_is_one() {
    assert!(jsonschema::meta::is_valid(&schema()));
}

#[test]
fn the_schema_accepts_what_the_types_write() {
    let text = init_text("redis");
    let bundle = Bundle {
        entry: "init.toml".to_owned(),
        files: [("init.toml".to_owned(), text.into_bytes())].into(),
        inputs: std::collections::BTreeMap::new(),
        overlays: Vec::new(),
        sets: Vec::new(),
        dir: PathBuf::from("/home/anna"),
        caller: Caller { uid: 1000, gid: 1000, name: "anna".to_owned() },
    };
    let scenario = load(&bundle).unwrap().scenario;
    assert_eq!(objections(&serde_json::to_value(&scenario).unwrap()), Vec::<String>::new());
}

#[test]
fn the_schema_accepts_what_init_writes_and_every_key() {
    for text in [&init_text("redis"), include_str!("fixtures/every-key.toml")] {
        assert_eq!(objections(&toml_to_json(text)), Vec::<String>::new());
    }
}

#[test]
fn the_schema_accepts_every_example() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut count = 0;
    for folder in std::fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if path.extension().is_some_and(|one| one == "toml") && text.lines().any(|line| line.starts_with("format"))
            {
                let document = toml_to_json(&text);
                // A variant lacks what it includes, and nothing else.
                let is_variant = document.get("include").is_some();
                let mut objections = objections(&document);
                objections.retain(|objection| !(is_variant && objection.ends_with("is a required property")));
                assert_eq!(objections, Vec::<String>::new(), "{}", path.display());
                count += 1;
            }
        }
    }
    assert!(count >= 2, "{count}");
}

#[test]
fn the_schema_lets_a_parameter_stand_for_a_number_and_refuses_other_texts() {
    let count = &schema()["$defs"]["Role"]["properties"]["count"];
    let kinds: Vec<&Value> = count["anyOf"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(kinds, ["integer", "string"]);
    assert_eq!(count["description"], "How many nodes; 0 where tests bring them.");
    let with = |memory: &str, count: &str| {
        let text = format!(
            "format = 1\n[scenario]\nname = \"x\"\n[role.a]\nrun = \"process\"\nmemory = {memory}\ncount = {count}\n"
        );
        objections(&toml_to_json(&text)).len()
    };
    for good in ["3", "\"{param.n}\"", "\"{param.n}0\""] {
        assert_eq!(with("\"{param.n}MiB\"", good), 0, "{good}");
    }
    for bad in ["\"3\"", "\"{node.index}\"", "true", "-1"] {
        assert_eq!(with("\"64MiB\"", bad), 1, "{bad}");
    }
    assert_eq!(with("\"64MB and more\"", "1"), 1);
    assert_eq!(with("\"64MiB\"\nmemmory = 3", "1"), 1);
}
