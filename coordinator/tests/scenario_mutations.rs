//! No text makes loading panic, and what is said points into the text.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::path::PathBuf;

use proptest::prelude::*;
use throng::bundle::{Bundle, Caller};
use throng::scenario::{Diagnostic, init_text, load};

fn bundle(text: &str, sets: Vec<String>, overlay: Option<&str>) -> Bundle {
    let mut files: std::collections::BTreeMap<String, Vec<u8>> =
        [("scenario.toml".to_owned(), text.as_bytes().to_vec())].into();
    files.extend(overlay.map(|text| ("overlay.toml".to_owned(), text.as_bytes().to_vec())));
    Bundle {
        entry: "scenario.toml".to_owned(),
        overlays: overlay.map(|_| "overlay.toml".to_owned()).into_iter().collect(),
        files,
        inputs: std::collections::BTreeMap::new(),
        sets,
        dir: PathBuf::from("/home/anna/scenario"),
        caller: Caller { uid: 1000, gid: 1000, name: "anna".to_owned() },
    }
}

/// Loads, renders all that is said, and checks that it points into a text.
fn survives(bundle: &Bundle) {
    let found: Vec<Diagnostic> = match load(bundle) {
        Ok(loaded) => loaded.warnings,
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without a reason");
            errors.0
        }
    };
    for one in &found {
        assert!(!one.render(false).is_empty() && !one.render(true).is_empty());
        assert!(one.line >= 1 && one.column >= 1);
        if let Some(content) = bundle.files.get(&one.file) {
            assert!(one.span.end <= content.len().max(1), "{one}");
        }
        let json = serde_json::to_string(one).unwrap();
        assert_eq!(&serde_json::from_str::<Diagnostic>(&json).unwrap(), one);
    }
}

/// Words that a scenario is made of, to be put where they do not belong.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z{}.\\[\\]=\"'0-9% ]{0,12}",
        proptest::sample::select(vec![
            "{param.workers}",
            "{param.x}",
            "{role.worker[99999999999].name}",
            "{role.primary.port.redis}",
            "{node.name}",
            "{{",
            "}}",
            "${",
            "{role.",
            "\u{0}",
            "ä€😀",
            "\"\"\"",
            "'''",
            "[[test]]\n",
            "[role.worker]\n",
            "step = 3\n",
            "\r\n",
            "999999999999999999999",
            "-1",
            "nan",
            "1979-05-27",
            "[[[[[[[[[[",
            "{a={a={a={a=",
            "worker-[0000-9999]",
            "(?<name>",
            "18446744073709551615B",
            "100000000000000000000s",
        ])
        .prop_map(str::to_owned),
    ]
}

/// A valid scenario with a few pieces cut out or put in.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0usize..30, word());
    proptest::collection::vec(edit, 1..6).prop_map(|edits| {
        let mut text = init_text("redis");
        for (at, cut, put) in edits {
            let start = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.floor_char_boundary((start + cut).min(text.len())).max(start);
            text.replace_range(start..end, &put);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_of_a_scenario_makes_loading_panic(text in mutated()) {
        survives(&bundle(&text, Vec::new(), None));
    }

    #[test]
    fn no_text_makes_loading_panic(text in "\\PC{0,200}") {
        survives(&bundle(&text, Vec::new(), None));
    }

    #[test]
    fn no_set_makes_loading_panic(key in "[a-z.\"0-9\\[\\]=]{0,20}", value in word()) {
        let sets = vec![format!("{key}={value}"), value, format!("role.worker.{key}=1")];
        survives(&bundle(&init_text("redis"), sets, None));
    }

    #[test]
    fn no_overlay_makes_loading_panic(text in mutated()) {
        survives(&bundle(&init_text("redis"), Vec::new(), Some(&text)));
    }
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_text_that_is_nested_deeply_or_large_is_refused_and_not_followed() {
    for text in [
        "a = ".to_owned() + &"[".repeat(100_000),
        "a = ".to_owned() + &"{a=".repeat(100_000),
        "x.".repeat(50_000) + "x = 1",
        format!("[{}]", vec!["a"; 50_000].join(".")),
        "#".repeat(2 << 20),
        lines(20_000, |at| format!("[param]\np{at} = \"{{param.p{}}}\"", at + 1)),
        "[param]\n".to_owned() + &lines(30_000, |at| format!("p{at} = \"{{param.p{}}}\"", at + 1)),
    ] {
        let began = std::time::Instant::now();
        survives(&bundle(&text, Vec::new(), None));
        // Measured at well below a second each, unoptimised: minutes would mean work that grows with the square.
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}: {:.60}", began.elapsed(), text);
    }
}
