//! The schema says what the loader accepts, and the reference mentions every key.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use throng::bundle::{Bundle, Caller};
use throng::scenario::{Code, init_text, load, schema};

/// The names of all keys that the format knows, from the schema.
fn keys(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                if key == "properties" {
                    found.extend(value.as_object().into_iter().flatten().map(|(name, _)| name.clone()));
                }
                if key != "default" {
                    keys(value, found);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|one| keys(one, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn all_keys() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    keys(&schema(), &mut found);
    found
}

fn reference() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scenario.md")).unwrap()
}

#[test]
fn the_schema_knows_every_key_that_the_types_write() {
    let text = init_text("redis");
    let bundle = Bundle {
        entry: "init.toml".to_owned(),
        files: [("init.toml".to_owned(), text.into_bytes())].into(),
        overlays: Vec::new(),
        sets: Vec::new(),
        dir: PathBuf::from("/home/anna"),
        caller: Caller { uid: 1000, gid: 1000, name: "anna".to_owned() },
    };
    let scenario = load(&bundle).unwrap().scenario;
    let schema = schema();
    check(&schema, &schema, &serde_json::to_value(&scenario).unwrap(), "");
    assert!(all_keys().len() > 100, "{}", all_keys().len());
}

#[test]
fn the_schema_lets_a_parameter_stand_for_a_number() {
    let count = &schema()["$defs"]["Role"]["properties"]["count"];
    let kinds: Vec<&Value> = count["anyOf"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(kinds, ["integer", "string"]);
    assert_eq!(count["description"], "How many nodes.");
}

#[test]
fn the_reference_mentions_every_key() {
    let text = reference();
    let mentioned = |key: &String| text.contains(&format!("`{key}`")) || text.contains(&format!("`{key} = "));
    let missing: Vec<String> = all_keys().into_iter().filter(|key| !mentioned(key)).collect();
    assert!(missing.is_empty(), "docs/scenario.md does not mention {missing:?}");
}

#[test]
fn the_reference_mentions_every_code() {
    let text = reference();
    let missing: Vec<&Code> = Code::ALL.iter().filter(|code| !text.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "docs/scenario.md does not mention {missing:?}");
}

#[test]
fn the_schema_accepts_what_init_writes() {
    let document: Value = toml_to_json(&init_text("redis"));
    let schema = schema();
    check(&schema, &schema, &document, "");
}

#[test]
fn the_schema_accepts_every_example() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let schema = schema();
    for folder in std::fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if path.extension().is_some_and(|one| one == "toml") && text.lines().any(|line| line.starts_with("format"))
            {
                check(&schema, &schema, &toml_to_json(&text), "");
            }
        }
    }
}

fn toml_to_json(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap()
}

/// A small validator for the words of JSON Schema that ours uses.
fn check(root: &Value, schema: &Value, value: &Value, path: &str) {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix("#/$defs/")) {
        return check(root, &root["$defs"][name], value, path);
    }
    for word in ["anyOf", "oneOf"] {
        if let Some(all) = schema.get(word).and_then(Value::as_array) {
            let fits = all.iter().any(|one| std::panic::catch_unwind(|| check(root, one, value, path)).is_ok());
            assert!(fits, "{path}: none of the alternatives fits {value}");
        }
    }
    if let Some(kind) = schema.get("type") {
        let kinds: Vec<&str> = kind
            .as_array()
            .map_or_else(|| kind.as_str().into_iter().collect(), |all| all.iter().filter_map(Value::as_str).collect());
        assert!(kinds.iter().any(|kind| is(kind, value)), "{path}: {value} is not {kinds:?}");
    }
    if let (Some(pattern), Some(text)) = (schema.get("pattern").and_then(Value::as_str), value.as_str()) {
        assert!(regex::Regex::new(pattern).unwrap().is_match(text), "{path}: `{text}` is not {pattern}");
    }
    if let Some(constant) = schema.get("const") {
        assert_eq!(constant, value, "{path}");
    }
    for required in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        assert!(value.get(required.as_str().unwrap()).is_some(), "{path} lacks {required}");
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(root, schema.get("items").unwrap_or(&Value::Bool(true)), item, &format!("{path}[{index}]"));
    }
    for (key, item) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        let pattern = schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
        let mut matching =
            pattern.filter(|(pattern, _)| regex::Regex::new(pattern).unwrap().is_match(key)).map(|(_, one)| one);
        let known = schema.get("properties").and_then(|all| all.get(key)).or(matching.next_back());
        match known.or(schema.get("additionalProperties")) {
            Some(Value::Bool(allowed)) => assert!(*allowed, "{path} is not known"),
            Some(known) => check(root, known, item, &path),
            None => assert!(schema.get("type").is_none(), "{path} is not known"),
        }
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}
