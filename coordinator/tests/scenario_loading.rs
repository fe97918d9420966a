//! Overlays, `--set` and parameters do what the reference says.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its own files has failed")]

use std::path::PathBuf;

use throng::bundle::{Bundle, Caller};
use throng::scenario::{Code, Diagnostics, Loaded, load};
use throng_common::ids::RoleName;
use throng_common::scenario::model::{Image, ParamValue, Role};

const SCENARIO: &str = r#"
format = 1
[scenario]
name = "loading"
[param]
workers = 3
half = 0.5
image = "{param.name}:7"
name = "redis"
quick = true
[role.worker]
run = "container"
count = "{param.workers}"
image = "{param.image}"
command = ["serve", "--workers={param.workers}", "{{param.workers}}", "${param.workers}", "{param.workers}", "{param.half}"]
memory = "24MiB"
cpu = "{param.half}"
read_only = "{param.quick}"
[[test]]
name = "first"
step = [ { wait = "1s" } ]
[[test]]
name = "second"
step = [ { wait = "2s" } ]
"#;

fn caller() -> Caller {
    Caller { uid: 1000, gid: 1000, name: "anna".to_owned() }
}

fn bundle(text: &str, overlays: &[&str], sets: &[&str]) -> Bundle {
    let names: Vec<String> = (0..overlays.len()).map(|index| format!("overlay-{index}.toml")).collect();
    let mut files: std::collections::BTreeMap<String, Vec<u8>> =
        names.iter().zip(overlays).map(|(name, text)| (name.clone(), text.as_bytes().to_vec())).collect();
    files.insert("scenario.toml".to_owned(), text.as_bytes().to_vec());
    Bundle {
        entry: "scenario.toml".to_owned(),
        files,
        inputs: std::collections::BTreeMap::new(),
        overlays: names,
        sets: sets.iter().map(|text| (*text).to_owned()).collect(),
        dir: PathBuf::from("/home/anna"),
        caller: caller(),
    }
}

fn loaded(overlays: &[&str], sets: &[&str]) -> Loaded {
    load(&bundle(SCENARIO, overlays, sets)).unwrap_or_else(|errors: Diagnostics| panic!("{errors}"))
}

fn worker(loaded: &Loaded) -> &Role {
    &loaded.scenario.role[&RoleName::new("worker").unwrap()]
}

#[test]
fn a_value_that_is_nothing_but_a_parameter_takes_its_type() {
    let loaded = loaded(&[], &[]);
    let role = worker(&loaded);
    assert_eq!((role.count, role.cpu, role.read_only), (3, Some(0.5), true));
    assert_eq!(loaded.scenario.param["image"], ParamValue::Text("redis:7".to_owned()));
    assert_eq!(role.command, ["serve", "--workers=3", "{{param.workers}}", "${param.workers}", "3", "0.5"]);
}

#[test]
fn a_parameter_becomes_what_is_expected_where_it_stands() {
    let sets = [
        "param.workers=\"4\"",
        "param.half=7.0",
        "param.quick=\"false\"",
        "param.image=8",
        "role.worker.env.COUNT=\"{param.workers}\"",
        "role.worker.env.FLAG=true",
        "role.worker.env.HALF=\"{param.half}\"",
        "role.worker.pids=\"{param.workers}0\"",
    ];
    let loaded = loaded(&[], &sets);
    let role = worker(&loaded);
    assert_eq!((role.count, role.cpu, role.read_only, role.pids), (4, Some(7.0), false, 40));
    assert_eq!(role.image, Some(throng_common::scenario::model::Image::Name("8".to_owned())));
    let env: Vec<(&str, &str)> = role.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(env, [("COUNT", "4"), ("FLAG", "true"), ("HALF", "7.0")]);
}

#[test]
fn what_is_written_in_the_file_itself_has_the_type_that_is_written() {
    for (written, wrong) in
        [("count = 3", "count = \"3\""), ("memory = \"24MiB\"", "command = [\"a\", 3]\nmemory = \"24MiB\"")]
    {
        let text = "format = 1\n[scenario]\nname = \"x\"\n[role.worker]\nrun = \"container\"\nimage = \"a\"\ncount = 3\nmemory = \"24MiB\"\n";
        assert!(load(&bundle(text, &[], &[])).is_ok());
        let errors = load(&bundle(&text.replace(written, wrong), &[], &[])).unwrap_err();
        assert!(errors.iter().all(|one| one.code == Code::WrongType), "{errors}");
    }
}

#[test]
fn what_cannot_become_what_is_expected_is_shown_filled_in() {
    for (set, code, said) in [
        ("role.worker.count=\"{param.image}\"", Code::WrongType, "({param.image} is \"redis:7\")"),
        ("role.worker.count=\"{param.workers}x\"", Code::WrongType, "(filled in, it is \"3x\")"),
        ("role.worker.memory=\"{param.workers}\"", Code::BadSize, "({param.workers} is 3)"),
        ("role.worker.ports=\"{param.workers}\"", Code::WrongType, "({param.workers} is 3)"),
    ] {
        let errors = load(&bundle(SCENARIO, &[], &[set])).unwrap_err();
        assert_eq!(errors.0[0].code, code, "{errors}");
        assert!(errors.0[0].to_string().contains(said), "{errors}");
    }
}

#[test]
fn set_wins_over_overlays_and_overlays_over_the_scenario() {
    let overlays = ["[param]\nworkers = 5\nname = \"valkey\"\n", "[param]\nworkers = 6\n"];
    assert_eq!(worker(&loaded(&overlays, &[])).count, 6);
    assert_eq!(worker(&loaded(&overlays, &["param.workers=7"])).count, 7);
    assert_eq!(loaded(&overlays, &[]).scenario.param["image"], ParamValue::Text("valkey:7".to_owned()));
}

#[test]
fn set_takes_toml_where_it_is_that_and_text_elsewhere() {
    let loaded = loaded(
        &[],
        &[
            "role.worker.image=redis:7.2",
            "role.worker.env.LEVEL=debug=1",
            "role.worker.command=[\"a\", \"b\"]",
            "test.second.repeat=4",
            "test.\"first\".timeout=9s",
            "role.\"worker\".count=2",
        ],
    );
    let role = worker(&loaded);
    assert_eq!(role.env["LEVEL"], "debug=1");
    assert_eq!(role.command, ["a", "b"]);
    assert_eq!(role.count, 2);
    assert_eq!(loaded.scenario.test[1].repeat, 4);
    assert_eq!(loaded.scenario.test[0].timeout.to_string(), "9s");
}

#[test]
fn an_overlay_changes_tests_by_name_and_replaces_other_lists() {
    let overlay = "[role.worker]\ncommand = [\"other\"]\n[[test]]\nname = \"second\"\nrepeat = 2\n[[test]]\nname = \"third\"\nstep = [ { wait = \"3s\" } ]\n";
    let loaded = loaded(&[overlay], &[]);
    let tests: Vec<(&str, u32)> = loaded.scenario.test.iter().map(|test| (test.name.as_str(), test.repeat)).collect();
    assert_eq!(tests, [("first", 1), ("second", 2), ("third", 1)]);
    assert_eq!(worker(&loaded).command, ["other"]);
}

#[test]
fn a_variant_begins_with_what_it_includes_each_file_once_and_changes_it() {
    let variant = r#"
        format = 1
        include = ["one.toml", "two.toml"]
        [scenario]
        name = "variant"
        [param]
        workers = 7
        [[test]]
        name = "second"
        repeat = 2
        [[test]]
        name = "third"
        step = [ { wait = "3s" } ]
    "#;
    let mut bundle = bundle(variant, &[], &[]);
    let files = [
        ("base.toml", SCENARIO),
        ("one.toml", "include = [\"base.toml\"]\nparam.name = \"one\"\nparam.half = 0.25"),
        // Were the base included once more here, it would take back what the first one changed.
        ("two.toml", "include = [\"base.toml\"]\nparam.half = 2.5"),
    ];
    bundle.files.extend(files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())));
    let loaded = load(&bundle).unwrap_or_else(|errors| panic!("{errors}"));
    let role = worker(&loaded);
    assert_eq!(loaded.scenario.scenario.name.as_str(), "variant");
    assert_eq!((role.count, role.cpu), (7, Some(2.5)));
    assert_eq!(role.image, Some(Image::Name("one:7".to_owned())));
    let tests: Vec<_> = loaded.scenario.test.iter().map(|test| (test.name.as_str(), test.repeat)).collect();
    assert_eq!(tests, [("first", 1), ("second", 2), ("third", 1)]);
    assert_eq!(loaded.scenario.include, ["one.toml", "two.toml"]);
}

#[test]
fn a_wrong_parameter_is_shown_where_it_is_used_with_its_value() {
    let errors = load(&bundle(SCENARIO, &[], &["param.workers=many"])).unwrap_err();
    let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors.0[0].code, Code::WrongType);
    assert!(shown[0].contains("({param.workers} is \"many\")"), "{shown:?}");
}

#[test]
fn what_is_set_and_is_nowhere_in_the_scenario_is_refused_with_what_was_meant() {
    for (set, message, hint) in [
        ("param.wokers=3", "the scenario has no parameter `wokers`", "did you mean `workers`?"),
        ("role.wrker.memory=1GiB", "the scenario has no role `wrker`", "did you mean `worker`?"),
    ] {
        let errors = load(&bundle(SCENARIO, &[], &[set])).unwrap_err();
        let [error] = &errors.0[..] else { panic!("{errors}") };
        assert_eq!(
            (error.file.as_str(), error.message.as_str(), error.hint.as_deref()),
            ("--set", message, Some(hint))
        );
    }
}

#[test]
fn of_a_file_that_is_no_text_one_thing_is_said() {
    let found = load(&bundle("\u{7f}ELF\0 = [\n\0\0 =", &[], &[])).unwrap_err().to_string();
    assert!(found.contains("the file is not a text") && found.matches("error[").count() == 1, "{found}");
}
