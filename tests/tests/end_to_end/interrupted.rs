//! Ctrl-C.

use std::time::Duration;

use throng_tests::engine;
use throng_tests::site::{SETTLE_TIMEOUT, in_site};
use throng_tests::wait::wait_for;

#[test]
fn ctrl_c_during_up_tears_down_gracefully() {
    in_site(|site| {
        let scenario = site.tiny();
        // The workers never get ready: `up` is surely still at work when the first container is there.
        let overlay = site.file("silent.toml", "[role.worker]\ncommand = [\"sleep\", \"1000\"]\n");
        let up = site.start("throng", &["up", &scenario, "--overlay", &overlay]);
        wait_for("a container is there", SETTLE_TIMEOUT, || {
            if engine::containers(&format!("throng-{}", site.name())).is_empty() { Err(up.stderr()) } else { Ok(()) }
        });
        up.interrupt();
        let _ = up.end(Duration::from_secs(60)).expect_code(130).expect_said(&["nothing left behind"]);
        site.expect_no_daemons();
        assert!(engine::containers(&format!("throng-{}", site.name())).is_empty());
    });
}
