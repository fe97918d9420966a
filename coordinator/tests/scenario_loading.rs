//! Overlays, `--set`, parameters and bundles do what the reference says.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its own files has failed")]

use std::path::{Path, PathBuf};

use throng::bundle::{BUNDLE_MAX_BYTES, Bundle, BundleError, Caller, collect};
use throng::scenario::{Code, Diagnostics, Loaded, load};
use throng_common::ids::RoleName;
use throng_common::scenario::model::{ParamValue, Role};

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
command = ["serve", "--workers={param.workers}", "{{param.workers}}", "${param.workers}"]
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
    assert_eq!(role.command, ["serve", "--workers=3", "{{param.workers}}", "${param.workers}"]);
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
fn a_wrong_parameter_is_shown_where_it_is_used_with_its_value() {
    let errors = load(&bundle(SCENARIO, &[], &["param.workers=many"])).unwrap_err();
    let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors.0[0].code, Code::WrongType);
    assert!(shown[0].contains("({param.workers} is \"many\")"), "{shown:?}");
}

fn write(folder: &Path, name: &str, content: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

const WITH_FILES: &str = r#"
format = 1
[scenario]
name = "files"
[param]
script = "image.sh"
[role.worker]
run = "container"
image = { build = "{param.script}", inputs = ["app"] }
memory = "24MiB"
[role.worker.files]
"/etc/app.conf" = { source = "conf/app.conf" }
"/etc/shadow" = { source = "../secret" }
[[test]]
name = "program"
step = [ { parallel = [ { program = "check.sh", inputs = ["missing.txt"] } ] } ]
"#;

#[test]
fn a_bundle_holds_every_file_that_is_named_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("s");
    write(&scenario, "scenario.toml", WITH_FILES.as_bytes());
    for name in ["image.sh", "app/a.jar", "app/lib/b.jar", "conf/app.conf", "check.sh", "unnamed", "../secret"] {
        write(&scenario, name, name.as_bytes());
    }
    std::os::unix::fs::symlink("..", scenario.join("app/loop")).unwrap();
    write(folder.path(), "elsewhere.toml", b"[scenario]\ndescription = \"x\"\n");
    let overlay = folder.path().join("elsewhere.toml");
    let bundle = collect(&scenario.join("scenario.toml"), std::slice::from_ref(&overlay), &[], caller()).unwrap();
    let mut names: Vec<&str> = bundle.files.keys().map(String::as_str).collect();
    names.retain(|name| *name != overlay.to_str().unwrap());
    assert_eq!(names, ["app/a.jar", "app/lib/b.jar", "check.sh", "conf/app.conf", "image.sh", "scenario.toml"]);
    assert_eq!(bundle.dir, scenario);

    let errors = load(&bundle).unwrap_err();
    let codes: Vec<Code> = errors.iter().map(|one| one.code).collect();
    assert_eq!(codes, [Code::PathEscapes, Code::MissingFile], "{errors}");

    let out = tempfile::tempdir().unwrap();
    bundle.write_to(out.path()).unwrap();
    assert_eq!(std::fs::read(out.path().join("app/lib/b.jar")).unwrap(), b"app/lib/b.jar");
    assert!(std::process::Command::new("test").arg("-x").arg(out.path().join("check.sh")).status().unwrap().success());
}

#[test]
fn a_bundle_from_the_wire_cannot_write_outside_its_folder() {
    let mut bundle = bundle(SCENARIO, &[], &[]);
    bundle.files.insert("../../escape".to_owned(), b"x".to_vec());
    bundle.files.insert("/abs".to_owned(), b"x".to_vec());
    let out = tempfile::tempdir().unwrap();
    bundle.write_to(&out.path().join("a/b")).unwrap();
    assert!(!out.path().join("escape").exists());
    assert!(!Path::new("/abs").exists());
    let errors = load(&bundle).unwrap_err();
    assert!(errors.iter().all(|one| one.code == Code::PathEscapes) && errors.0.len() == 2, "{errors}");
}

#[test]
fn a_bundle_is_limited_and_its_errors_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.toml");
    assert!(matches!(collect(&path, &[], &[], caller()), Err(BundleError::Read { .. })));
    write(folder.path(), "scenario.toml", WITH_FILES.as_bytes());
    let large = std::fs::File::create(folder.path().join("check.sh")).unwrap();
    large.set_len(u64::try_from(BUNDLE_MAX_BYTES).unwrap() + 1).unwrap();
    let error = collect(&path, &[], &[], caller()).unwrap_err();
    assert!(matches!(error, BundleError::TooLarge { .. }) && error.to_string().contains("check.sh"), "{error}");
}

#[test]
fn equal_bundles_have_equal_digests_and_others_do_not() {
    let one = bundle(SCENARIO, &[], &["param.workers=3"]);
    assert_eq!(one.digest(), one.clone().digest());
    for other in [
        bundle(SCENARIO, &[], &["param.workers=4"]),
        bundle(SCENARIO, &[], &[]),
        bundle(SCENARIO, &["a = 1"], &["param.workers=3"]),
        bundle("format = 1", &[], &["param.workers=3"]),
    ] {
        assert_ne!(one.digest(), other.digest());
    }
}
