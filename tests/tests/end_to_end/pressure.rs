//! Verdicts on a host that others load.

use throng_tests::site::in_site;
use throng_tests::verdicts::{Burners, up};

/// Programs that want a CPU each: so many that nodes get next to nothing of a few cores.
const OTHERS: u32 = 24;

#[test]
fn lateness_on_a_host_that_others_load_is_invalid_with_evidence_and_a_wrong_value_there_fails() {
    in_site(|site| {
        up(site);
        let others = Burners::cpu(OTHERS);
        let late = site.throng(&["test", "--test", "^some work$"]).expect_code(3);
        let late = late.expect_said(&["INVALID", "made by others", "no end within 3s"]);
        assert!(!late.stdout.contains("FAIL "), "{late}");
        let _ = site.throng(&["test", "--test", "^wrong$"]).expect_code(1).expect_said(&["FAIL", "stdout is"]);
        drop(others);
        let report = site.throng(&["report", "--format", "json"]).expect_code(0).json();
        assert_eq!(report["tests"][0]["evidence"], "", "a failure has no excuse: {:#}", report["tests"][0]);
        site.down();
        let _ = site.throng(&["stop"]).expect_code(0);
    });
}
