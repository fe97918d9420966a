//! Keys and tokens lie where they belong, for their owner alone, and nowhere else: no log, journal, ledger, report,
//! argument, environment or container shows one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use throng_tests::engine;
use throng_tests::site::{Site, in_site};

/// A file that holds a private key, and a line in the midst of it.
struct PrivateKey {
    file: PathBuf,
    line: String,
}

/// All files below a folder, with what is in them.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            all.extend(files(&entry.path()));
        } else if kind.is_file() {
            // What is gone by now is none.
            all.extend(fs::read(entry.path()).map(|contents| (entry.path(), contents)));
        }
    }
    all
}

fn private_keys(files: &[(PathBuf, Vec<u8>)]) -> Vec<PrivateKey> {
    let is_key = |line: &str| line.len() > 40 && !line.contains("PRIVATE KEY");
    let key = |(file, contents): &(PathBuf, Vec<u8>)| {
        let text = String::from_utf8(contents.clone()).ok()?;
        // In a JSON document, the ends of its lines are written out.
        let text = text.split_once("PRIVATE KEY-----")?.1.replace("\\n", "\n");
        let line = text.lines().find(|line| is_key(line))?.to_owned();
        Some(PrivateKey { file: file.clone(), line })
    };
    files.iter().filter_map(key).collect()
}

/// Everything of this machine in which a secret could show, by where it is.
fn shown(site: &Site) -> Vec<(String, Vec<u8>)> {
    let mut shown = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        for what in ["cmdline", "environ"] {
            let path = process.path().join(what);
            shown.extend(fs::read(&path).map(|contents| (path.display().to_string(), contents)));
        }
    }
    for container in engine::containers(&format!("throng-{}", site.name())) {
        let seen = engine::inspect(&container.id).unwrap().to_string();
        shown.push((format!("inspect {}", container.name), seen.into_bytes()));
    }
    for words in [&["events"][..], &["status"], &["hosts"], &["ps", "--long"], &["doctor"], &["report"]] {
        let said = site.throng(words);
        shown.push((format!("throng {}", words.join(" ")), format!("{}{}", said.stdout, said.stderr).into_bytes()));
    }
    shown
}

fn holds(contents: &[u8], secret: &str) -> bool {
    contents.windows(secret.len()).any(|window| window == secret.as_bytes())
}

#[test]
fn keys_and_tokens_are_their_owners_alone_and_nothing_shows_them() {
    in_site(|site| {
        // A stand-in before the agent that keeps the token which it is given.
        let agent = site.command("throng-agent", &[]).get_program().to_str().unwrap().to_owned();
        let kept = site.folder().join("kept-token");
        let stand_in = format!(
            "#!/bin/sh\ncase \"$*\" in\n*--token-stdin*) cat >'{kept}'; exec '{agent}' \"$@\" <'{kept}' ;;\nesac\nexec '{agent}' \"$@\"\n",
            kept = kept.display()
        );
        let program = site.file("throng-agent", &stand_in);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        site.set_variable("THRONG_AGENT", &program);
        site.set_variable("THRONG_LOG", "trace");

        let _ = site.throng(&["run", &site.tiny(), "--keep"]).expect_code(0);
        let _ = site.throng(&["operator", "add", "ann", "--out", "."]).expect_code(0);
        let token = fs::read_to_string(&kept).unwrap().trim().to_owned();
        assert!(token.len() > 20, "{token}");
        fs::remove_file(&kept).unwrap();

        let files: Vec<_> = [site.folder(), site.run_dir()].into_iter().flat_map(files).collect();
        let keys = private_keys(&files);
        let names: Vec<_> = keys.iter().map(|key| key.file.display().to_string()).collect();
        assert!(keys.iter().any(|key| key.file == site.state_dir().join("ca.key")), "{names:?}");
        assert!(keys.iter().any(|key| key.file.starts_with(site.agent_state_dir())), "{names:?}");
        for key in &keys {
            let mode = key.file.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", key.file.display());
        }
        let of_files = files.into_iter().map(|(path, contents)| (path.display().to_string(), contents));
        for (place, contents) in of_files.chain(shown(site)) {
            assert!(!holds(&contents, &token), "{place} shows the token");
            let shown = keys.iter().find(|key| key.file != Path::new(&place) && holds(&contents, &key.line));
            assert!(shown.is_none(), "{place} shows the key of {:?}", shown.map(|key| &key.file));
        }
        site.down();
    });
}
