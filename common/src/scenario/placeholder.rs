//! Placeholders in the scenario's texts: `{node.name}`, `{port.redis}`, `{role.primary.address}`.
//!
//! Only what begins with a known word and a dot is a placeholder; any other brace is plain text, so JSON and shell
//! code need no care. `{{` and `}}` stand for one brace each; `${…}` is never a placeholder.

use std::fmt;
use std::ops::Range;

use crate::ids::RoleName;

/// The words with which a placeholder begins.
pub const ROOTS: [&str; 9] = ["node", "port", "ramdisk", "shared", "param", "role", "saved", "scenario", "cluster"];

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Plain text.
    Text(String),
    /// Something to be filled in.
    Placeholder(Placeholder),
}

/// Something to be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Placeholder {
    /// `{node.name}` and so on: of the node that the text is for.
    Node(NodeField),
    /// `{port.X}`: the (first) port of that name; `{port.X.last}`: the last of a range.
    Port(PortRef),
    /// `{ramdisk.X}`: where the node finds its ramdisk.
    Ramdisk(String),
    /// `{shared.X}`: where the node finds a folder that it shares with others of its host.
    Shared(String),
    /// `{param.X}`.
    Param(String),
    /// `{role.R.…}`: of another role.
    Role {
        /// The role.
        role: RoleName,
        /// Which of its nodes, for a field of one node.
        pick: Pick,
        /// What of it.
        field: RoleField,
    },
    /// `{saved.X}`: kept by an earlier step.
    Saved(String),
    /// `{scenario.dir}`: the folder of the scenario, on the machine of whoever called throng (provider `local` only).
    ScenarioDir,
    /// `{scenario.name}`.
    ScenarioName,
    /// `{cluster.id}`.
    ClusterId,
}

/// What is known of the node that a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeField {
    /// `worker-0042`, which is its host name too.
    Name,
    /// 42.
    Index,
    /// The address that it listens on.
    Address,
    /// A folder of its own, emptied when it is torn down.
    Dir,
    /// Its folder on the host's disk (`disk`).
    Disk,
    /// Its role.
    Role,
}

/// A named port, or the last of a named range.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortRef {
    /// The port's name.
    pub name: String,
    /// Whether the last port of the range is meant.
    pub last: bool,
}

/// Which node of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pick {
    /// The only one (a role of one).
    Only,
    /// The one with this index.
    Index(u32),
    /// The one with the same index as the node that the text is for: `{role.R[{node.index}].name}`.
    Same,
}

/// What of a role.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RoleField {
    /// How many nodes it has.
    Count,
    /// The names of all its nodes, with commas.
    Names,
    /// A field of one node.
    Node(NodeField),
    /// A port of one node.
    Port(PortRef),
}

/// Why a text's placeholders are malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{{{path}}}` is not a placeholder: {expected}")]
pub struct PlaceholderError {
    /// What stands between the braces.
    pub path: String,
    /// What could stand there.
    pub expected: &'static str,
}

/// Where a placeholder stands in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its bytes, braces included.
    pub range: Range<usize>,
    /// What it is, or why it is none.
    pub placeholder: Result<Placeholder, PlaceholderError>,
}

/// Cuts a text into its pieces.
pub fn parse(text: &str) -> Result<Vec<Piece>, PlaceholderError> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    for token in tokens(text) {
        match token {
            Token::Plain(part) => plain.push_str(part),
            Token::Path { path, .. } => {
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Placeholder(parse_path(path)?));
            }
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// All placeholders of a text with their places, the malformed ones too, in order.
pub fn find(text: &str) -> Vec<Found> {
    let found = |token| match token {
        Token::Plain(_) => None,
        Token::Path { range, path } => Some(Found { range, placeholder: parse_path(path) }),
    };
    tokens(text).filter_map(found).collect()
}

/// A part of a text, not yet understood.
enum Token<'a> {
    /// Plain text, as it shall appear.
    Plain(&'a str),
    /// What stands between the braces of a placeholder, and where the whole stands.
    Path { range: Range<usize>, path: &'a str },
}

/// Cuts a text into tokens.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, at: 0 }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let start = self.at;
        let rest = &self.text[start..];
        let letter = rest.chars().next()?;
        if rest.starts_with("{{") || rest.starts_with("}}") {
            self.at += 2;
            return Some(Token::Plain(&rest[..1]));
        }
        if rest.starts_with("${") {
            self.at += 2;
            return Some(Token::Plain("${"));
        }
        if letter == '{'
            && let Some(end) = closing_brace(&rest[1..])
            && has_known_root(&rest[1..=end])
        {
            self.at += end + 2;
            return Some(Token::Path { range: start..self.at, path: &rest[1..=end] });
        }
        let length = rest[letter.len_utf8()..].find(['{', '}', '$']).map_or(rest.len(), |at| at + letter.len_utf8());
        self.at += length;
        Some(Token::Plain(&rest[..length]))
    }
}

/// Fills a text in: `value` gives each placeholder's text.
pub fn render<E: From<PlaceholderError>>(
    text: &str,
    mut value: impl FnMut(&Placeholder) -> Result<String, E>,
) -> Result<String, E> {
    let mut out = String::with_capacity(text.len());
    for piece in parse(text)? {
        match piece {
            Piece::Text(plain) => out.push_str(&plain),
            Piece::Placeholder(placeholder) => out.push_str(&value(&placeholder)?),
        }
    }
    Ok(out)
}

/// All placeholders of a text, in order.
pub fn placeholders(text: &str) -> Result<Vec<Placeholder>, PlaceholderError> {
    let keep = |piece| match piece {
        Piece::Placeholder(placeholder) => Some(placeholder),
        Piece::Text(_) => None,
    };
    Ok(parse(text)?.into_iter().filter_map(keep).collect())
}

/// Where the brace that closes stands; one pair may be nested inside: `role.R[{node.index}].name`.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            '\n' => return None,
            _ => {}
        }
    }
    None
}

fn has_known_root(path: &str) -> bool {
    path.split_once('.').is_some_and(|(root, _)| ROOTS.contains(&root))
}

fn parse_path(path: &str) -> Result<Placeholder, PlaceholderError> {
    let wrong = |expected| PlaceholderError { path: path.to_owned(), expected };
    let (root, rest) = path.split_once('.').ok_or_else(|| wrong("a word, a dot and a name"))?;
    match root {
        "node" => node_field(rest).map(Placeholder::Node).ok_or_else(|| wrong(NODE_FIELDS)),
        "port" => port_ref(rest).map(Placeholder::Port).ok_or_else(|| wrong("write {port.NAME} or {port.NAME.last}")),
        "ramdisk" => Some(rest)
            .filter(|name| is_word(name))
            .map(|name| Placeholder::Ramdisk(name.to_owned()))
            .ok_or_else(|| wrong("write {ramdisk.NAME}")),
        "shared" => Some(rest)
            .filter(|name| is_word(name))
            .map(|name| Placeholder::Shared(name.to_owned()))
            .ok_or_else(|| wrong("write {shared.NAME}")),
        "param" => Some(rest)
            .filter(|name| is_word(name))
            .map(|name| Placeholder::Param(name.to_owned()))
            .ok_or_else(|| wrong("write {param.NAME}")),
        "saved" => Some(rest)
            .filter(|name| is_word(name))
            .map(|name| Placeholder::Saved(name.to_owned()))
            .ok_or_else(|| wrong("write {saved.NAME}")),
        "scenario" if rest == "dir" => Ok(Placeholder::ScenarioDir),
        "scenario" if rest == "name" => Ok(Placeholder::ScenarioName),
        "scenario" => Err(wrong("write {scenario.dir} or {scenario.name}")),
        "cluster" if rest == "id" => Ok(Placeholder::ClusterId),
        "cluster" => Err(wrong("write {cluster.id}")),
        _ => parse_role(rest).ok_or_else(|| wrong(ROLE_FIELDS)),
    }
}

const NODE_FIELDS: &str = "write {node.name}, {node.index}, {node.address}, {node.dir}, {node.disk} or {node.role}";
const ROLE_FIELDS: &str = "write {role.R.count}, {role.R.names}, {role.R.address}, {role.R.name}, {role.R.port.X}, or {role.R[3].name}, {role.R[{node.index}].name} for one of several";

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn node_field(text: &str) -> Option<NodeField> {
    Some(match text {
        "name" => NodeField::Name,
        "index" => NodeField::Index,
        "address" => NodeField::Address,
        "dir" => NodeField::Dir,
        "disk" => NodeField::Disk,
        "role" => NodeField::Role,
        _ => return None,
    })
}

fn port_ref(text: &str) -> Option<PortRef> {
    let (name, last) = text.strip_suffix(".last").map_or((text, false), |name| (name, true));
    is_word(name).then(|| PortRef { name: name.to_owned(), last })
}

fn parse_role(text: &str) -> Option<Placeholder> {
    let end = text.find(['.', '['])?;
    let role = RoleName::new(&text[..end]).ok()?;
    let (pick, field) = if let Some(inside) = text[end..].strip_prefix('[') {
        let (index, field) = inside.split_once("].")?;
        let pick = if index == "{node.index}" { Pick::Same } else { Pick::Index(index.parse().ok()?) };
        (pick, field)
    } else {
        (Pick::Only, &text[end + 1..])
    };
    let field = match (field, pick) {
        ("count", Pick::Only) => RoleField::Count,
        ("names", Pick::Only) => RoleField::Names,
        _ => match field.strip_prefix("port.") {
            Some(port) => RoleField::Port(port_ref(port)?),
            None => RoleField::Node(node_field(field)?),
        },
    };
    Some(Placeholder::Role { role, pick, field })
}

impl fmt::Display for NodeField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::Index => "index",
            Self::Address => "address",
            Self::Dir => "dir",
            Self::Disk => "disk",
            Self::Role => "role",
        })
    }
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port.{}{}", self.name, if self.last { ".last" } else { "" })
    }
}

impl fmt::Display for Placeholder {
    /// As it is written, with its braces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(field) => write!(f, "{{node.{field}}}"),
            Self::Port(port) => write!(f, "{{{port}}}"),
            Self::Ramdisk(name) => write!(f, "{{ramdisk.{name}}}"),
            Self::Shared(name) => write!(f, "{{shared.{name}}}"),
            Self::Param(name) => write!(f, "{{param.{name}}}"),
            Self::Saved(name) => write!(f, "{{saved.{name}}}"),
            Self::ScenarioDir => f.write_str("{scenario.dir}"),
            Self::ScenarioName => f.write_str("{scenario.name}"),
            Self::ClusterId => f.write_str("{cluster.id}"),
            Self::Role { role, pick, field } => {
                write!(f, "{{role.{role}")?;
                match pick {
                    Pick::Only => {}
                    Pick::Index(index) => write!(f, "[{index}]")?,
                    Pick::Same => f.write_str("[{node.index}]")?,
                }
                match field {
                    RoleField::Count => f.write_str(".count}"),
                    RoleField::Names => f.write_str(".names}"),
                    RoleField::Node(field) => write!(f, ".{field}}}"),
                    RoleField::Port(port) => write!(f, ".{port}}}"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        render::<PlaceholderError>(text, |placeholder| Ok(format!("<{placeholder}>"))).unwrap()
    }

    #[test]
    fn only_known_paths_are_placeholders() {
        for (text, expected) in [
            ("{node.name}:{port.redis}", "<{node.name}>:<{port.redis}>"),
            ("{role.primary.port.redis}", "<{role.primary.port.redis}>"),
            ("{role.data[{node.index}].name}", "<{role.data[{node.index}].name}>"),
            ("{role.data[3].port.x.last}", "<{role.data[3].port.x.last}>"),
            (r#"{"a": {"b": 1}}"#, r#"{"a": {"b": 1}"#),
            ("${node.name} {{node.name}}", "${node.name} {node.name}"),
            ("{unknown.name} {x", "{unknown.name} {x"),
            ("awk '{print $1}'", "awk '{print $1}'"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn malformed_placeholders_name_what_could_stand_there() {
        for text in [
            "{node.nmae}",
            "{port.}",
            "{role.primary}",
            "{role.P.name}",
            "{role.a[x].name}",
            "{role.a[1].count}",
            "{scenario.path}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn placeholders_are_found_where_they_stand() {
        let text = "a {{x}} {node.name}, ${node.name} {port.}";
        let found: Vec<(&str, bool)> =
            find(text).into_iter().map(|found| (&text[found.range], found.placeholder.is_ok())).collect();
        assert_eq!(found, [("{node.name}", true), ("{port.}", false)]);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn text_without_braces_and_dollars_is_left_alone(text in "[^{}$]{0,40}") {
            prop_assert_eq!(shown(&text), text);
        }
    }
}
