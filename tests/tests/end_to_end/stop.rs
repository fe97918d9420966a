//! `throng stop`.

use throng_tests::site::in_site;

#[test]
fn stop_refuses_while_a_cluster_is_up_and_takes_it_down_when_asked_to() {
    in_site(|site| {
        let cluster = site.up();
        let _ = site.throng(&["stop"]).expect_code(2).expect_said(&[&cluster, "stop --down"]);
        site.wait_for_count("worker", 3);
        let _ = site.throng(&["stop", "--down"]).expect_code(0).expect_said(&["nothing left behind"]);
        site.expect_no_daemons();
        let _ = site.throng(&["stop"]).expect_code(0).expect_said(&["no coordinator runs"]);
    });
}

#[test]
fn a_coordinator_stays_after_up_and_is_used_again() {
    in_site(|site| {
        let _ = site.up();
        let pid = |site: &throng_tests::site::Site| {
            site.throng(&["status", "--format", "json"]).expect_code(0).json()["coordinator"]["pid"].clone()
        };
        let first = pid(site);
        site.down();
        let _ = site.up();
        assert_eq!(pid(site), first);
        site.down();
        let nothing = site.throng(&["down", "--yes", "--format", "json"]).expect_code(0).json();
        assert_eq!((&nothing["cluster"], &nothing["end"]["outcome"]), (&"".into(), &"pass".into()), "{nothing:#}");
    });
}
