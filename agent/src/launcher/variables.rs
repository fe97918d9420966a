//! Variables for a command, on their way through a program of ours that runs as root.
//!
//! They come with a mark in front of their names: that program itself, and the libraries that it is loaded with, must not
//! take `LD_PRELOAD` and the like from whoever asks for a command.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// What stands in front of their names.
const MARK: &str = "THRONG_SET_";

/// The variables, marked.
pub(crate) fn marked(variables: Vec<(String, String)>) -> impl Iterator<Item = (String, String)> {
    variables.into_iter().map(|(name, value)| (format!("{MARK}{name}"), value))
}

/// Those of an environment that are marked, without the mark.
pub(crate) fn unmarked(
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    environment.filter_map(|(name, value)| {
        let name: &OsStr = OsStr::from_bytes(name.as_bytes().strip_prefix(MARK.as_bytes())?);
        Some((OsString::from_vec(name.as_bytes().to_vec()), value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_marked_does_not_come_through_and_what_is_comes_as_it_was() {
        let variables = vec![("LD_PRELOAD".to_owned(), "/x.so".to_owned()), (String::new(), "odd".to_owned())];
        let foreign = [("LD_PRELOAD".to_owned(), "/y.so".to_owned())];
        let environment = marked(variables.clone()).chain(foreign);
        let environment = environment.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let through: Vec<_> = unmarked(environment).collect();
        let expected: Vec<_> = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        assert_eq!(through, expected);
    }
}
