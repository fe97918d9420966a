//! The JSON Schema of a scenario: for editors, and for our own check of the document's shape.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use throng_common::scenario::model::Scenario;

/// A text with a parameter in it: filled in, it may be a value of any type.
const PARAM_PATTERN: &str = r"\{param\.[A-Za-z0-9_-]+\}";

/// The schema as the types give it: what a document must look like once its parameters are filled in.
pub(super) static STRICT: LazyLock<Value> = LazyLock::new(|| {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Scenario>();
    schema.to_value()
});

/// The schema for editors: as [`STRICT`], but a parameter may stand in for every number, flag and patterned text.
pub fn schema() -> Value {
    let mut schema = STRICT.clone();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), json!("throng scenario"));
    }
    allow_params(&mut schema);
    schema
}

/// Adds the parameter as an alternative, here and below.
fn allow_params(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                // Not schemas, but data.
                if !matches!(key.as_str(), "default" | "const" | "enum" | "required" | "examples") {
                    allow_params(value);
                }
            }
            if takes_param(map) {
                let kept = ["description", "default"].map(|key| (key, map.remove(key)));
                let own = Value::Object(std::mem::take(map));
                for (key, value) in kept {
                    map.extend(value.map(|value| (key.to_owned(), value)));
                }
                map.insert("anyOf".to_owned(), json!([own, { "type": "string", "pattern": PARAM_PATTERN }]));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(allow_params),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn takes_param(map: &Map<String, Value>) -> bool {
    let is = |kind: &str| match map.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one == kind),
        _ => false,
    };
    let patterned = ["pattern", "format", "const", "enum"].iter().any(|key| map.contains_key(*key));
    is("integer") || is("number") || is("boolean") || (is("string") && patterned) || is_enumeration(map)
}

/// `oneOf` of constants: an enum of ours. Its constants take no parameter each; the whole does.
fn is_enumeration(map: &Map<String, Value>) -> bool {
    map.get("oneOf").and_then(Value::as_array).is_some_and(|all| !all.is_empty())
}
