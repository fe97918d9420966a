//! Every key of a scenario, asked for and looked at from within the nodes.

use throng_tests::site::in_site;
use throng_tests::tiny;

const KEYS: &str = include_str!("../../fixtures/keys.toml");

#[test]
fn every_key_of_a_role_and_of_a_step_does_what_it_says() {
    in_site(|site| {
        site.file("greeting.txt", "written beside the scenario\n");
        let scenario = tiny::write_scenario(site.folder(), "keys.toml", site.name(), KEYS);
        let _ = site.throng(&["check", &scenario]).expect_code(0);
        let run = site.throng(&["run", &scenario]).expect_code(0);
        let run = run.expect_said(&["Nothing left behind"]);
        assert_eq!(run.stdout.matches("PASS").count(), KEYS.matches("[[test]]").count(), "{run}");
    });
}
