//! Bundles: what is collected, what is shipped, what is laid out elsewhere.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its own files has failed")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use throng::bundle::{
    BUNDLE_MAX_BYTES, Bundle, BundleError, Caller, Contents, collect, hash_inputs, lay_out, lay_out_copy,
};
use throng::content::{ContentDigest, ContentStore};
use throng::scenario::{Code, load};

const SCENARIO: &str = r#"
format = 1
[scenario]
name = "files"
[param]
script = "image.sh"
[role.worker]
run = "container"
image = { build = "{param.script}", inputs = ["app", "lib/**/*.jar"] }
memory = "24MiB"
[role.worker.files]
"/etc/app.conf" = { source = "conf/app.conf" }
"/etc/shadow" = { source = "../secret" }
[[test]]
name = "program"
step = [ { parallel = [ { program = "check.sh", inputs = ["missing.txt", "none/*", "a["] } ] } ]
"#;

fn caller() -> Caller {
    Caller { uid: 1000, gid: 1000, name: "anna".to_owned() }
}

fn write(folder: &Path, name: &str, content: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    names.map(String::as_str).collect()
}

/// Puts everything that a bundle ships into a store, as `throng up` does.
async fn ship(bundle: &Bundle, store: &ContentStore) -> Contents {
    let contents = hash_inputs(bundle).unwrap();
    for (path, digest) in &contents {
        let mut partial = store.begin(*digest).await.unwrap();
        partial.write(&fs::read(bundle.dir.join(path)).unwrap()).await.unwrap();
        partial.finish().await.unwrap();
    }
    contents
}

#[test]
fn a_bundle_holds_every_file_that_is_named_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("s");
    write(&scenario, "scenario.toml", format!("include = [\"common/base.toml\"]\n{SCENARIO}").as_bytes());
    write(&scenario, "common/base.toml", b"include = [\"deeper.toml\", \"../secret\"]\n");
    write(&scenario, "deeper.toml", b"include = [\"common/base.toml\"]\n");
    for name in ["image.sh", "app/a.jar", "app/lib/b", "conf/app.conf", "check.sh", "unnamed", "../secret"] {
        write(&scenario, name, name.as_bytes());
    }
    for name in ["lib/a.jar", "lib/x/y/b.jar", "lib/x/c.txt"] {
        write(&scenario, name, name.as_bytes());
    }
    fs::set_permissions(scenario.join("check.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    write(folder.path(), "elsewhere.toml", b"[scenario]\ndescription = \"x\"\n");
    let overlay = folder.path().join("elsewhere.toml");
    let bundle = collect(&scenario.join("scenario.toml"), std::slice::from_ref(&overlay), &[], caller()).unwrap();
    let files = [overlay.to_str().unwrap(), "common/base.toml", "conf/app.conf", "deeper.toml", "scenario.toml"];
    assert_eq!(names(bundle.files.keys()), files);
    let inputs = ["app/a.jar", "app/lib/b", "check.sh", "image.sh", "lib/a.jar", "lib/x/y/b.jar"];
    assert_eq!(names(bundle.inputs.keys()), inputs);
    assert!(bundle.inputs["check.sh"].executable && !bundle.inputs["image.sh"].executable);
    assert_eq!((bundle.inputs["app/a.jar"].bytes, bundle.dir.as_path()), (9, scenario.as_path()));

    let errors = load(&bundle).unwrap_err();
    let codes: Vec<Code> = errors.iter().map(|one| one.code).collect();
    let of_scenario = [Code::PathEscapes, Code::MissingFile, Code::MissingFile, Code::BadPattern];
    assert_eq!(codes, [&of_scenario[..], &[Code::PathEscapes, Code::IncludeCycle]].concat(), "{errors}");
}

#[test]
fn links_are_followed_but_in_circles_and_what_leads_nowhere_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("s");
    write(&scenario, "scenario.toml", SCENARIO.as_bytes());
    for name in ["image.sh", "app/a", "check.sh", "../target/app.jar", "../target/x/y"] {
        write(&scenario, name, name.as_bytes());
    }
    for (to, link) in [
        ("../../target", "app/target"),
        ("../../target/app.jar", "app/link.jar"),
        (".", "app/itself"),
        ("..", "app/parent"),
        ("../../target/x", "../target/x/again"),
        ("nowhere", "app/dangling"),
        ("self", "app/self"),
    ] {
        symlink(to, scenario.join(link)).unwrap();
    }
    let bundle = collect(&scenario.join("scenario.toml"), &[], &[], caller()).unwrap();
    let app: Vec<&str> = names(bundle.inputs.keys()).into_iter().filter(|name| name.starts_with("app/")).collect();
    assert_eq!(app, ["app/a", "app/link.jar", "app/target/app.jar", "app/target/x/y"]);
}

#[tokio::test]
async fn what_is_laid_out_is_what_was_collected() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("s");
    let text = SCENARIO.replace("\"missing.txt\", \"none/*\", \"a[\"", "").replace("../secret", "conf/app.conf");
    write(&scenario, "scenario.toml", text.as_bytes());
    for name in ["image.sh", "app/a.jar", "conf/app.conf", "lib/a.jar"] {
        write(&scenario, name, name.as_bytes());
    }
    write(&scenario, "check.sh", b"#!/bin/sh\n");
    write(folder.path(), "over.toml", b"[param]\nx = 1\n");
    let bundle = collect(&scenario.join("scenario.toml"), &[folder.path().join("over.toml")], &[], caller()).unwrap();
    load(&bundle).unwrap();
    let store = ContentStore::new(folder.path().join("contents"));
    let contents = ship(&bundle, &store).await;
    // The caller's folder is not read again.
    fs::rename(&scenario, folder.path().join("gone")).unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    lay_out(&bundle, &contents, &store, &first, |path| !path.starts_with("app/")).unwrap();
    lay_out_copy(&first, &second).unwrap();
    for out in [first, second] {
        assert_eq!(fs::read(out.join("lib/a.jar")).unwrap(), b"lib/a.jar");
        assert_eq!(fs::read(out.join("scenario.toml")).unwrap(), text.as_bytes());
        assert_eq!(fs::read(out.join(".overlays/0-over.toml")).unwrap(), b"[param]\nx = 1\n");
        assert!(!out.join("app").exists());
        let mode = |name: &str| fs::metadata(out.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("check.sh"), mode("lib/a.jar")), (0o755, 0o644), "a program is run whatever its permissions");
    }
}

#[test]
fn a_bundle_from_the_wire_cannot_write_outside_its_folder() {
    let mut bundle = Bundle {
        entry: "scenario.toml".to_owned(),
        files: [("scenario.toml".to_owned(), SCENARIO.as_bytes().to_vec())].into(),
        inputs: [].into(),
        overlays: Vec::new(),
        sets: Vec::new(),
        dir: "/home/anna".into(),
        caller: caller(),
    };
    bundle.files.insert("../../escape".to_owned(), b"x".to_vec());
    bundle.files.insert("/abs".to_owned(), b"x".to_vec());
    let input = throng::bundle::InputFile { bytes: 1, executable: false };
    bundle.inputs.insert("../../escape-too".to_owned(), input);
    let out = tempfile::tempdir().unwrap();
    let store = ContentStore::new(out.path().join("contents"));
    let contents = [("../../escape-too".to_owned(), ContentDigest::of(&b"x"[..]).unwrap())].into();
    lay_out(&bundle, &contents, &store, &out.path().join("a/b"), |_| true).unwrap();
    assert!(!out.path().join("escape").exists() && !out.path().join("escape-too").exists());
    assert!(!Path::new("/abs").exists());
    let errors = load(&bundle).unwrap_err();
    assert_eq!(errors.iter().filter(|one| one.message.contains("leads out of")).count(), 3, "{errors}");
}

#[test]
fn what_travels_in_a_message_is_limited_and_what_is_streamed_is_not_read_beforehand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.toml");
    assert!(matches!(collect(&path, &[], &[], caller()), Err(BundleError::Read { .. })));
    write(folder.path(), "scenario.toml", SCENARIO.as_bytes());
    write(folder.path(), "conf/x", b"");
    let large = |name: &str| {
        fs::File::create(folder.path().join(name)).unwrap().set_len(BUNDLE_MAX_BYTES as u64 + 1).unwrap();
    };
    large("check.sh");
    let bundle = collect(&path, &[], &[], caller()).unwrap();
    assert_eq!(bundle.inputs["check.sh"].bytes, BUNDLE_MAX_BYTES as u64 + 1);
    large("conf/app.conf");
    let error = collect(&path, &[], &[], caller()).unwrap_err();
    assert!(matches!(error, BundleError::TooLarge { .. }) && error.to_string().contains("app.conf"), "{error}");
}
