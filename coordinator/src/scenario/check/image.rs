//! Names of images: the grammar of Docker references.

use std::sync::LazyLock;

use regex::Regex;

use crate::scenario::code::Code;
use crate::scenario::report::Fault;

/// `[host[:port]/]path[:tag][@digest]`, as github.com/distribution/reference has it.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    let label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
    let domain = format!(r"(?:{label}(?:\.{label})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?");
    let part = "[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*";
    let tag = r"\w[\w.-]{0,127}";
    let digest = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
    let pattern = format!(r"^(?:{domain}/)?{part}(?:/{part})*(?::{tag})?(?:@{digest})?$");
    Regex::new(&pattern).expect("the grammar is a constant, compiled by a test")
});

/// Longest name without tag and digest, in bytes: the registries' limit.
const NAME_MAX_BYTES: usize = 255;

/// Whether the engine would take this as an image's name.
pub(super) fn check(name: &str) -> Result<(), Fault> {
    let length = name.split('@').next().unwrap_or(name).len();
    // `image.sh` would be a name, but is a slip for a script in all likelihood.
    let is_script = name.strip_suffix(".sh").is_some() || name.starts_with("./");
    if REFERENCE.is_match(name) && length <= NAME_MAX_BYTES && !is_script {
        return Ok(());
    }
    let hint = if name.chars().any(char::is_whitespace) {
        "remove the blanks: NAME:TAG, like redis:7".to_owned()
    } else if name.starts_with("http://") || name.starts_with("https://") {
        "leave the scheme out: HOST/NAME:TAG".to_owned()
    } else if is_script {
        format!("for a script that builds it write {{ build = \"{}\" }}", name.trim_start_matches("./"))
    } else if REFERENCE.is_match(&name.to_lowercase()) {
        format!("names of images are in lower case: {}", name.to_lowercase())
    } else {
        "write NAME, NAME:TAG or HOST/NAME:TAG, like redis:7 or registry.example.com/redis:7".to_owned()
    };
    Err(Fault::new(Code::BadImage, format!("`{name}` is not an image's name")).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_what_is_none() {
        for name in [
            "redis",
            "redis:7",
            "library/redis:7.2-alpine",
            "localhost:5000/a/b_c:Tag_1.x",
            "r.example.com/x@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "a__b/c--d",
        ] {
            assert!(check(name).is_ok(), "{name}");
        }
        for name in
            ["", "Redis", "redis:", "redis 7", "-redis", "redis:7:8", "a//b", "https://r/x", "x@sha256:12", "./b.sh"]
        {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
