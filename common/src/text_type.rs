//! What every type that is written as a text has in common: its serde form and its JSON Schema.

/// Gives a type that reads itself with `FromStr` and writes itself with `Display` its serde form (add
/// `#[serde(try_from = "String", into = "String")]` to it) and a named JSON Schema with a pattern.
macro_rules! text_type {
    ($name:ident, $error:ty, $pattern:expr, $description:expr) => {
        impl TryFrom<String> for $name {
            type Error = $error;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $description, "pattern": $pattern })
            }
        }
    };
}

pub(crate) use text_type;
