//! The scenario that `throng init` writes.

/// A commented scenario to begin with: it loads without a mistake and runs once its commands are replaced.
///
/// `name` becomes the scenario's name; letters that names cannot hold become '-'.
pub fn init_text(name: &str) -> String {
    include_str!("init.toml").replace("NAME", &clean(name))
}

/// The nearest valid name.
fn clean(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(letter).take(40).collect();
    let name = name.trim_matches(|c: char| c == '-' || c.is_ascii_digit());
    if name.is_empty() { "my-scenario".to_owned() } else { name.to_owned() }
}
