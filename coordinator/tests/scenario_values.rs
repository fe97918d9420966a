//! Values of every key: each may come from a parameter, whatever its type.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::collections::BTreeMap;

use serde_json::Value;
use throng::bundle::{Bundle, Caller, InputFile};
use throng::scenario::{Code, load, schema};
use throng_common::scenario::model::Scenario;

const EVERY_KEY: &str = include_str!("fixtures/every-key.toml");

fn bundle(text: String) -> Bundle {
    let input = |path: &str| (path.to_owned(), InputFile { bytes: 1, executable: true });
    let inputs = ["image.sh", "lib/a.jar", "conf/a.conf", "check.sh", "data.txt", "7", "words"].map(input);
    let beside = [("less.toml", "format = 1"), ("hub.conf", "x"), ("7", "x")];
    let files = beside.into_iter().map(|(path, text)| (path, text.to_owned())).chain([("every-key.toml", text)]);
    Bundle {
        entry: "every-key.toml".to_owned(),
        files: files.map(|(path, text)| (path.to_owned(), text.into_bytes())).collect(),
        inputs: inputs.into(),
        overlays: Vec::new(),
        sets: Vec::new(),
        dir: "/home/anna".into(),
        caller: Caller { uid: 1000, gid: 1000, name: "anna".to_owned() },
    }
}

/// What loading comes to: the scenario without its parameters, or the kinds of its mistakes and where they are.
fn outcome(document: &toml::Table) -> Result<Scenario, Vec<(Code, Option<String>)>> {
    match load(&bundle(toml::to_string(document).unwrap())) {
        Ok(loaded) => Ok(Scenario { param: BTreeMap::new(), ..loaded.scenario }),
        Err(errors) => Err(errors.iter().map(|one| (one.code, one.path.clone())).collect()),
    }
}

fn every_key() -> toml::Table {
    toml::from_str(EVERY_KEY).unwrap()
}

/// The paths of all values that are neither tables nor lists, but the parameters' own and what is read before them.
fn leaves(value: &toml::Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match value {
        toml::Value::Table(table) => {
            let at_root = path.is_empty();
            let is_filled_in = |key: &str| !(at_root && (key == "param" || key == "include"));
            for (key, value) in table.iter().filter(|(key, _)| is_filled_in(key)) {
                path.push(key.clone());
                leaves(value, path, found);
                path.pop();
            }
        }
        toml::Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                path.push(index.to_string());
                leaves(value, path, found);
                path.pop();
            }
        }
        _ => found.push(path.clone()),
    }
}

fn all_leaves(document: &toml::Table) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    leaves(&toml::Value::Table(document.clone()), &mut Vec::new(), &mut found);
    found
}

fn at<'a>(document: &'a mut toml::Table, path: &[String]) -> &'a mut toml::Value {
    let (first, rest) = path.split_first().unwrap();
    rest.iter().fold(document.get_mut(first).unwrap(), |value, key| match value {
        toml::Value::Array(list) => &mut list[key.parse::<usize>().unwrap()],
        other => other.get_mut(key).unwrap(),
    })
}

/// The document with this value at the path, written there, or as a parameter.
fn with(path: &[String], value: toml::Value, by_param: bool) -> toml::Table {
    let mut document = every_key();
    if by_param {
        *at(&mut document, path) = "{param.the-one}".into();
        document["param"].as_table_mut().unwrap().insert("the-one".to_owned(), value);
    } else {
        *at(&mut document, path) = value;
    }
    document
}

/// The names of all keys.
fn keys(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map.iter().filter(|(key, _)| *key != "default") {
                if key == "properties" {
                    found.extend(value.as_object().unwrap().keys().cloned());
                }
                keys(value, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|one| keys(one, found)),
        _ => {}
    }
}

#[test]
fn the_document_with_every_key_has_every_key_and_loads_without_a_word() {
    let loaded = load(&bundle(EVERY_KEY.to_owned())).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let words: Vec<&str> = EVERY_KEY.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
    let mut known = Vec::new();
    keys(&schema(), &mut known);
    let missing: Vec<&String> = known.iter().filter(|key| !words.contains(&key.as_str())).collect();
    assert!(known.len() > 120 && missing.is_empty(), "{missing:?} of {}", known.len());
}

#[test]
fn every_value_may_be_a_parameter() {
    let document = every_key();
    let plain = outcome(&document).unwrap();
    for path in all_leaves(&document) {
        let value = at(&mut every_key(), &path).clone();
        assert_eq!(outcome(&with(&path, value, true)).as_ref(), Ok(&plain), "{path:?}");
    }
}

/// Values that may be a text as well as a number, so that a parameter keeps its type.
fn takes_both(path: &[String]) -> bool {
    path.iter().any(|key| key == "json" || key == "sysctl")
}

#[test]
fn a_number_from_a_parameter_is_text_where_text_is_expected_and_refused_where_that_text_would_be() {
    let document = every_key();
    let mut texts = 0;
    for path in all_leaves(&document) {
        let is_text = matches!(at(&mut every_key(), &path), toml::Value::String(_));
        if is_text && !takes_both(&path) {
            texts += 1;
            let written = outcome(&with(&path, "7".into(), false));
            assert_eq!(outcome(&with(&path, 7.into(), true)), written, "{path:?}");
        }
    }
    assert!(texts > 100, "{texts}");
}

#[test]
fn a_text_from_a_parameter_is_a_number_or_a_flag_where_one_is_expected() {
    let document = every_key();
    let plain = outcome(&document).unwrap();
    let mut others = 0;
    for path in all_leaves(&document) {
        let value = at(&mut every_key(), &path).clone();
        let text = match &value {
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            _ => continue,
        };
        if !takes_both(&path) {
            others += 1;
            assert_eq!(outcome(&with(&path, text.into(), true)).as_ref(), Ok(&plain), "{path:?}");
        }
    }
    assert!(others > 15, "{others}");
}
