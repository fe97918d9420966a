//! From TOML text to a tree: every mistake of syntax is reported, what remains is read.

use toml::de::{DeInteger, DeTable, DeValue};

use super::code::Code;
use super::report::{Fault, Report};
use super::source::Origin;
use super::tree::{Entry, Node, Value};

/// Reads a source. What cannot be read is reported and left out.
pub(super) fn parse(report: &mut Report, source: usize) -> Node {
    let text = report.sources[source].text.clone();
    let (document, errors) = DeTable::parse_recoverable(&text);
    for error in errors {
        let start = error.span().map_or(text.len(), |span| span.start);
        let end = error.span().map_or(start, |span| span.end);
        let origin = Origin { source, span: start..end };
        report.push(&origin, None, explain(error.message()));
    }
    let origin = Origin { source, span: 0..0 };
    let mut reader = Reader { report, source };
    let value = reader.table(document.get_ref());
    Node { origin, value }
}

/// A mistake of syntax with what to do about it.
fn explain(message: &str) -> Fault {
    let hint = if message.contains("string values must be quoted") {
        "put text in quotes: \"…\""
    } else if message.contains("duplicate key") {
        "a key may stand only once in a table: remove one of the two"
    } else if message.contains("unclosed") {
        "close it with the bracket or quote that is named"
    } else {
        "see https://toml.io for the syntax"
    };
    Fault::new(Code::Syntax, message).hint(hint)
}

struct Reader<'a> {
    report: &'a mut Report,
    source: usize,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>) -> Value {
        let mut entries = std::collections::BTreeMap::new();
        for (key, value) in table {
            let origin = Origin { source: self.source, span: key.span() };
            if let Some(node) = self.node(value) {
                entries.insert(key.get_ref().to_string(), Entry { key: origin, node });
            }
        }
        Value::Table(entries)
    }

    fn node(&mut self, value: &toml::Spanned<DeValue<'_>>) -> Option<Node> {
        let origin = Origin { source: self.source, span: value.span() };
        let value = match value.get_ref() {
            // An empty place where a value should be: the parser has said so already.
            DeValue::String(text) if value.span().is_empty() && text.is_empty() => return None,
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(date) => Value::Date(date.to_string()),
            DeValue::Integer(number) => Value::Integer(self.integer(number, &origin)?),
            DeValue::Float(number) => {
                let parsed = number.as_str().replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
                let Some(number) = parsed else {
                    self.report.push(&origin, None, number_fault("a number with a fraction must be finite"));
                    return None;
                };
                Value::Number(number)
            }
            DeValue::Array(list) => Value::List(list.iter().filter_map(|item| self.node(item)).collect()),
            DeValue::Table(table) => self.table(table),
        };
        Some(Node { origin, value })
    }

    fn integer(&mut self, number: &DeInteger<'_>, origin: &Origin) -> Option<i64> {
        let parsed = i64::from_str_radix(number.as_str(), number.radix()).ok();
        if parsed.is_none() {
            self.report.push(origin, None, number_fault("a whole number must fit 64 bits"));
        }
        parsed
    }
}

fn number_fault(message: &str) -> Fault {
    Fault::new(Code::OutOfRange, message).hint("write a number within the range of the key")
}
