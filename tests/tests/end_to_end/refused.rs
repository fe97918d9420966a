//! What is refused before anything starts.

use throng_tests::site::in_site;

#[test]
fn a_plan_that_does_not_fit_is_refused_with_its_arithmetic() {
    in_site(|site| {
        let scenario = site.tiny();
        for verb in ["plan", "up", "run"] {
            let refused = site.throng(&[verb, &scenario, "--set", "role.worker.memory=900GiB"]).expect_code(2);
            let refused = refused.expect_said(&["memory", "900"]);
            assert!(refused.stderr.contains("GiB") || refused.stdout.contains("GiB"), "{refused}");
            site.expect_no_daemons();
        }
    });
}

#[test]
fn a_bad_scenario_is_refused_with_the_place_of_every_mistake() {
    in_site(|site| {
        let scenario = site.tiny();
        let text = std::fs::read_to_string(&scenario).unwrap();
        let bad =
            text.replace("memory = \"16MiB\"", "memmory = \"16MiB\"").replace("[\"http\"]", "[\"http\", \"http\"]");
        let bad = site.file("bad.toml", &bad);
        for verb in ["check", "plan", "up", "run"] {
            let refused = site.throng(&[verb, &bad]).expect_code(2);
            let _ = refused.expect_said(&[&format!("--> {bad}:"), "memmory", "did you mean `memory`"]);
        }
        site.expect_no_daemons();
        assert!(!site.run_dir().join("x").exists());
    });
}

#[test]
fn a_good_scenario_passes_check_and_its_plan_shows_what_it_takes() {
    in_site(|site| {
        let scenario = site.tiny();
        let _ = site.throng(&["check", &scenario]).expect_code(0);
        let plan = site.throng(&["plan", &scenario]).expect_code(0);
        let _ = plan.expect_said(&["worker", "hub", "memory"]);
        site.expect_no_daemons();
    });
}

#[test]
fn commands_without_a_coordinator_say_so() {
    in_site(|site| {
        let ps = site.throng(&["ps"]);
        assert!(ps.code.is_some_and(|code| code != 0), "{ps}");
        assert!(ps.stderr.contains("coordinator"), "{ps}");
    });
}
