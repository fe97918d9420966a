//! Images of a registry: fetched once for each host, as the scenario's policy says.

use throng_tests::finished::Finished;
use throng_tests::link::Link;
use throng_tests::programs::{busybox, script};
use throng_tests::registry::Registry;
use throng_tests::site::{COMMAND_TIMEOUT, SETTLE_TIMEOUT, Site, in_site};
use throng_tests::wait::wait_for;
use throng_tests::{agent, engine, host};

/// A registry that has the image `tiny:1`, which the engine has no more; the image's name.
fn stocked(site: &Site, user: Option<&str>) -> (Registry, String) {
    let registry = Registry::start(site.folder(), user);
    let image = format!("{}/tiny:1", registry.host());
    let archive = site.folder().join("tiny.tar");
    script("scripts/root-file-system", &[&archive.display().to_string(), &busybox().display().to_string()]);
    // A layer that the engine has of another image is not fetched at all.
    site.file("mark", site.mark());
    let append = ["--append", "--file", "tiny.tar", "mark"];
    let appended = std::process::Command::new("tar").args(append).current_dir(site.folder()).status();
    assert!(appended.is_ok_and(|status| status.success()));
    engine::import(&image, &archive);
    engine::push(&image, user);
    engine::remove_images(registry.host());
    assert!(!engine::has_image(&image));
    (registry, image)
}

fn up(site: &Site, image: &str, pull: &str) -> Finished {
    let (scenario, image) = (site.tiny(), format!("role.worker.image={image}"));
    site.throng(&["up", &scenario, "--set", &image, "--set", &format!("role.worker.pull={pull}")])
}

/// Runs a test with a registry; its images go with it.
fn with_registry(user: Option<&str>, test: impl FnOnce(&Site, Registry, &str)) {
    in_site(|site| {
        let (registry, image) = stocked(site, user);
        let host = registry.host().to_owned();
        // What the test left up holds its image.
        let tested = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(site, registry, &image)));
        let _ = site.throng(&["stop", "--down"]);
        engine::remove_images(&host);
        if let Err(failure) = tested {
            std::panic::resume_unwind(failure);
        }
    });
}

#[test]
fn an_image_is_fetched_once_for_all_workers_and_only_when_it_is_missing() {
    with_registry(None, |site, registry, image| {
        // What the tag stands for now: an engine asks it once for every pull.
        let pulls = || registry.asked("HEAD /v2/tiny/manifests/1") + registry.asked("GET /v2/tiny/manifests/1");
        let pushed = pulls();
        let _ = up(site, image, "missing").expect_code(0).expect_said(&["image: done", image]);
        site.wait_for_count("worker", 3);
        assert_eq!(pulls(), pushed + 1, "three workers, one pull");
        site.down();
        let _ = up(site, image, "missing").expect_code(0);
        site.down();
        let _ = up(site, image, "never").expect_code(0);
        site.down();
        assert_eq!(pulls(), pushed + 1, "what is there is not asked for");
        let _ = up(site, image, "always").expect_code(0);
        assert_eq!(pulls(), pushed + 2, "`always` asks at every `up`, once");

        let _ = site.throng(&["test", "--test", "answers under its own name"]).expect_code(0);
        let report = site.throng(&["report", "--format", "json"]).expect_code(0).json();
        let reported = &report["images"][0];
        assert_eq!(reported["image"], image);
        assert!(reported["digest"].as_str().unwrap_or_default().starts_with("sha256:"), "{reported:#}");
        let in_registry = format!("{}/tiny@sha256:", registry.host());
        assert!(reported["repo_digest"].as_str().unwrap_or_default().starts_with(&in_registry), "{reported:#}");

        // A node that is started again must not need the registry.
        drop(registry);
        let worker = site.node("worker-0001");
        host::kill_now(i32::try_from(worker["pid"].as_i64().unwrap()).unwrap());
        wait_for("worker-0001 comes back", SETTLE_TIMEOUT, || {
            let node = site.node("worker-0001");
            if node["restarts"] == 1 && node["phase"] == "ready" { Ok(()) } else { Err(format!("{node:#}")) }
        });
        site.down();
        let refused = up(site, image, "always").expect_code(6);
        let _ = refused.expect_said(&["could not be pulled", "hint: can this host reach its registry"]);
        let _ = up(site, image, "missing").expect_code(0);
        site.down();
    });
}

#[test]
fn an_image_that_cannot_be_had_is_refused_with_what_can_be_done() {
    with_registry(None, |site, registry, image| {
        let refused = up(site, image, "never").expect_code(6);
        let _ = refused.expect_said(&[image, "its pull policy is `never`", "pull = \"missing\""]);
        for missing in ["tiny:2", "none:1"] {
            let name = format!("{}/{missing}", registry.host());
            let refused = up(site, &name, "missing").expect_code(6);
            let _ = refused.expect_said(&[&name, "is not to be had from its registry", "hint: check its name and tag"]);
        }
        assert_eq!(engine::containers(&format!("throng-{}", site.name())), []);
    });
}

#[test]
fn an_agent_that_dies_over_a_slow_pull_is_followed_by_one_that_pulls() {
    with_registry(None, |site, registry, _| {
        let line = Link::open(registry.host().parse().unwrap());
        let image = format!("{}/tiny:1", line.address());
        // The daemons are there before the registry falls silent.
        let _ = site.up();
        site.down();
        line.silence();
        let (scenario, set) = (site.tiny(), format!("role.worker.image={image}"));
        let up = site.start("throng", &["up", &scenario, "--set", &set]);
        wait_for("the pull is under way", SETTLE_TIMEOUT, || {
            if line.waits() { Ok(()) } else { Err("nobody has asked the registry") }
        });
        assert!(host::mounts(site.mark()).is_empty(), "nothing is mounted before the image is there");
        agent::lose(site);
        agent::start(site);
        line.mend();
        let up = up.end(COMMAND_TIMEOUT * 2);
        // A command that cannot go on with its pull says so, and may be given again.
        if up.code != Some(0) {
            assert!(up.stderr.contains("hint:"), "{up}");
            let _ = site.throng(&["up", &scenario, "--set", &set]).expect_code(0);
        }
        site.wait_for_count("worker", 3);
        site.down();
        engine::remove_images(&line.address().to_string());
    });
}

#[test]
fn an_up_that_waits_for_a_silent_registry_is_ended_by_ctrl_c_and_leaves_nothing() {
    with_registry(None, |site, registry, _| {
        let line = Link::open(registry.host().parse().unwrap());
        line.silence();
        let set = format!("role.worker.image={}/tiny:1", line.address());
        let up = site.start("throng", &["up", &site.tiny(), "--set", &set]);
        wait_for("the pull is under way", SETTLE_TIMEOUT, || {
            if line.waits() { Ok(()) } else { Err("nobody has asked the registry") }
        });
        up.interrupt();
        let _ = up.end(COMMAND_TIMEOUT).expect_code(130);
        assert!(host::mounts(site.mark()).is_empty());
        line.mend();
    });
}

#[test]
fn an_image_that_is_not_what_its_registry_says_is_refused_before_anything_is_mounted() {
    with_registry(None, |site, registry, image| {
        registry.damage();
        let refused = up(site, image, "missing").expect_code(6);
        let _ = refused.expect_said(&[image, "could not be pulled", "hint:"]);
        assert_eq!(engine::containers(&format!("throng-{}", site.name())), []);
        assert!(host::mounts(site.mark()).is_empty());
    });
}

#[test]
fn a_private_registry_is_shown_what_docker_login_left() {
    with_registry(Some("ann"), |site, registry, image| {
        let refused = up(site, image, "missing").expect_code(6);
        let _ = refused.expect_said(&[image, "docker login"]);
        let auth = engine::base64(b"ann:secret");
        let config = format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{auth}\"}}}}}}", registry.host());
        site.file("config.json", &config);
        let (scenario, set) = (site.tiny(), format!("role.worker.image={image}"));
        let folder = site.folder().display().to_string();
        let _ = site.throng_with(("DOCKER_CONFIG", &folder), &["up", &scenario, "--set", &set]).expect_code(0);
        site.wait_for_count("worker", 3);
        // What it was shown is kept nowhere.
        for kept in [site.state_dir(), site.agent_state_dir()] {
            let found =
                std::process::Command::new("grep").args(["-rlE", "ann:secret|YW5uOnNlY3JldA"]).arg(&kept).output();
            let found = String::from_utf8(found.unwrap().stdout).unwrap();
            assert_eq!(found, "", "the password lies in {}", kept.display());
        }
        site.down();
    });
}
