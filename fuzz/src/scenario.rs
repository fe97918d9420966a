//! No text makes loading panic; what is refused has a reason, and what is said points into the text.

use std::collections::BTreeMap;
use std::path::PathBuf;

use throng::bundle::{Bundle, Caller};
use throng::scenario::load;

const FILE: &str = "scenario.toml";

pub(super) fn take(bytes: &[u8]) {
    let bundle = Bundle {
        entry: FILE.to_owned(),
        overlays: Vec::new(),
        files: BTreeMap::from([(FILE.to_owned(), bytes.to_vec())]),
        inputs: BTreeMap::new(),
        sets: Vec::new(),
        dir: PathBuf::from("/home/anna/scenario"),
        caller: Caller { uid: 1000, gid: 1000, name: "anna".to_owned() },
    };
    let said = match load(&bundle) {
        Ok(loaded) => loaded.warnings,
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without a reason");
            errors.0
        }
    };
    // What is no text is shown with a mark in its place.
    let shown = String::from_utf8_lossy(bytes).len();
    for one in &said {
        assert!(!one.render(false).is_empty() && !one.render(true).is_empty());
        assert!(one.line >= 1 && one.column >= 1);
        assert!(one.file != FILE || one.span.end <= shown.max(1), "{one}");
    }
}
