//! Nodes that belong together: paired ones, and those that one of them prepares for.

use throng_tests::site::in_site;
use throng_tests::tiny;

const TOGETHER: &str = include_str!("../../fixtures/together.toml");

#[test]
fn nodes_lie_beside_others_under_their_name_and_wait_for_the_one_that_prepares_for_them() {
    in_site(|site| {
        let scenario = tiny::write_scenario(site.folder(), "together.toml", site.name(), TOGETHER);
        let run = site.throng(&["run", &scenario]).expect_code(0).expect_said(&["Nothing left behind"]);
        assert_eq!(run.stdout.matches("PASS").count(), 4, "{run}");
        assert!(run.stdout.contains("which it is paired with (`with`), has 1"), "{run}");
    });
}

#[test]
fn what_one_fails_to_prepare_all_have_failed_with_the_reason_of_that_one() {
    in_site(|site| {
        let broken = TOGETHER.replace("sleep 1; echo prepared by", "echo the disk is on strike >&2; exit 3; echo");
        let scenario = tiny::write_scenario(site.folder(), "together.toml", site.name(), &broken);
        let up = site.throng(&["up", &scenario, "--set", "role.member.restart.max=1"]).expect_code(6);
        let said = format!("{}{}", up.stdout, up.stderr);
        for words in ["member-0000", "the disk is on strike", "it waits for member-0000, which failed"] {
            assert!(said.contains(words), "{words}: {up}");
        }
    });
}
