//! Images that scripts build: from what the scenario ships, and from nothing else.

use std::path::Path;

use throng_tests::engine;
use throng_tests::finished::Finished;
use throng_tests::host;
use throng_tests::site::{Site, in_site};

/// A large input, in bytes.
const LARGE_BYTES: u64 = 160 << 20;
/// What the coordinator may hold in memory at most while it takes a large input in.
const MEMORY_MAX_KIB: u64 = 96 << 10;

/// The tiny scenario with another script and further inputs. The script notes outside of its folder that it ran.
fn scenario(site: &Site, inputs: &str) -> String {
    let scenario = site.tiny();
    let note = site.folder().join("built").display().to_string();
    site.file("image.sh", &format!("#!/bin/sh\necho ran >>'{note}'\nexec ./root-file-system \"$1\" busybox\n"));
    let text = std::fs::read_to_string(&scenario).unwrap();
    site.file("tiny.toml", &text.replace("\"root-file-system\"", &format!("\"root-file-system\", {inputs}")))
}

fn builds(site: &Site) -> usize {
    std::fs::read_to_string(site.folder().join("built")).map_or(0, |text| text.lines().count())
}

fn up_and_down(site: &Site, scenario: &str) -> Finished {
    let up = site.throng(&["up", scenario, "--set", "param.workers=1"]).expect_code(0);
    site.down();
    up
}

#[test]
fn an_image_is_built_anew_only_when_something_changed_that_its_script_can_see() {
    in_site(|site| {
        let scenario = scenario(site, "\"data/*.txt\"");
        std::fs::create_dir(site.folder().join("data")).unwrap();
        site.file("data/a.txt", "a");
        let _ = up_and_down(site, &scenario);
        let _ = up_and_down(site, &scenario);
        site.file("data/unseen", "not an input");
        let _ = up_and_down(site, &scenario);
        assert_eq!(builds(site), 1);
        site.file("data/a.txt", "b");
        let _ = up_and_down(site, &scenario);
        assert_eq!(builds(site), 2);
        // As it was before: that image is still there.
        site.file("data/a.txt", "a");
        let _ = up_and_down(site, &scenario);
        assert_eq!(builds(site), 2);
        let left = std::fs::read_dir(site.state_dir().join("images")).unwrap().map(|entry| entry.unwrap().path());
        assert!(left.into_iter().all(|path| path.is_file()), "no folder of a build is left");
    });
}

#[test]
fn a_script_that_reads_an_undeclared_file_is_refused_and_told_what_to_do() {
    in_site(|site| {
        let scenario = site.tiny();
        site.file("secret.txt", "beside the scenario, and no input");
        site.file("image.sh", "#!/bin/sh\nset -e\ncat secret.txt\nexec ./root-file-system \"$1\" busybox\n");
        let refused = site.throng(&["up", &scenario]).expect_code(6);
        let refused = refused.expect_said(&["role.worker: image.sh ended with exit code 1", "secret.txt"]);
        let _ = refused.expect_said(&["whatever else it reads beside the scenario must be among `inputs`"]);
        assert_eq!(engine::containers(&format!("throng-{}", site.name())), []);
    });
}

#[test]
fn what_is_named_and_not_there_is_refused_before_anything_starts() {
    in_site(|site| {
        let scenario = scenario(site, "\"lib/**/*.jar\", \"target\"");
        for verb in ["check", "up"] {
            let refused = site.throng(&[verb, &scenario]).expect_code(2);
            let _ = refused.expect_said(&["`lib/**/*.jar` names no file", "no file or folder `target`"]);
        }
        site.expect_no_daemons();
    });
}

#[test]
fn a_large_input_is_sent_once_and_held_in_nobodys_memory() {
    in_site(|site| {
        let scenario = scenario(site, "\"large\"");
        std::fs::File::create(site.folder().join("large")).unwrap().set_len(LARGE_BYTES).unwrap();
        let first = site.throng(&["up", &scenario, "--set", "param.workers=1"]).expect_code(0);
        let _ = first.expect_said(&["sending 16", "MiB to the coordinator"]);
        let coordinator = host::processes(&site.state_dir().display().to_string());
        let serving = coordinator.iter().find(|process| process.arguments.contains(&"serve".to_owned())).unwrap();
        let peak = peak_kib(serving.pid);
        assert!(peak < MEMORY_MAX_KIB, "the coordinator held {peak} KiB");
        site.down();
        let again = up_and_down(site, &scenario);
        assert!(!again.stderr.contains("sending"), "{again}");
    });
}

/// The most memory that a process ever held.
fn peak_kib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}
