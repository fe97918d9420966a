//! A coordinator called from elsewhere, over real TLS: who may do what, and what is said where it does not work.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use throng_tests::finished::Finished;
use throng_tests::site::{COMMAND_TIMEOUT, SETTLE_TIMEOUT, Site, in_site};
use throng_tests::wait::wait_for;

/// Somebody's certificate, and where to call with it.
struct Caller {
    address: String,
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Caller {
    /// Gets a certificate of a site's coordinator.
    fn new(site: &Site, name: &str, role: &str, valid: &str) -> Self {
        let out = site.folder().join(format!("{name}-files"));
        std::fs::create_dir_all(&out).unwrap();
        let folder = out.display().to_string();
        let add = ["operator", "add", name, "--role", role, "--valid", valid, "--out", &folder, "--format", "json"];
        let made = site.throng(&add).expect_code(0).json();
        let path = |key: &str| PathBuf::from(made[key].as_str().unwrap());
        let address = made["address"].as_str().unwrap().to_owned();
        Self { address, ca: path("ca"), certificate: path("certificate"), key: path("key") }
    }

    fn arguments(&self, words: &[&str]) -> Vec<String> {
        let text = |path: &PathBuf| path.display().to_string();
        let (ca, certificate, key) = (text(&self.ca), text(&self.certificate), text(&self.key));
        let connect = ["--connect", &self.address, "--ca", &ca, "--cert", &certificate, "--key", &key];
        connect.iter().chain(words).map(ToString::to_string).collect()
    }

    fn throng(&self, site: &Site, words: &[&str]) -> Finished {
        let arguments = self.arguments(words);
        site.throng(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// One line that says what is wrong, and one that says what to do.
fn assert_one_line_and_a_hint(refused: &Finished) {
    // A plan that was printed before stands above them.
    let lines: Vec<&str> = refused.stderr.lines().skip_while(|line| line.starts_with("down: ")).collect();
    let [error, hint] = lines[..] else { panic!("not two lines: {refused}") };
    assert!(error.starts_with("error: ") && hint.starts_with("hint: "), "{refused}");
}

#[test]
fn a_viewer_looks_and_changes_nothing_and_an_operator_runs() {
    in_site(|site| {
        let cluster = site.up();
        let viewer = Caller::new(site, "vera", "viewer", "1h");
        for look in
            [&["status"][..], &["ps"], &["hosts"], &["events"], &["runs"], &["logs", "worker"], &["operator", "list"]]
        {
            let _ = viewer.throng(site, look).expect_code(0);
        }
        let scenario = site.tiny();
        let changes: [&[&str]; 8] = [
            &["exec", "worker", "--", "true"],
            &["scale", "worker=2"],
            &["down", &cluster, "--yes"],
            &["up", &scenario],
            &["run", &scenario],
            &["test"],
            &["operator", "add", "mallory", "--role", "operator"],
            &["stop", "--down"],
        ];
        for change in changes {
            let refused = viewer.throng(site, change).expect_code(2).expect_said(&["needs an operator's certificate"]);
            assert_one_line_and_a_hint(&refused);
        }
        site.wait_for_count("worker", 3);

        let operator = Caller::new(site, "otto", "operator", "1h");
        let _ = operator.throng(site, &["exec", "worker", "--", "true"]).expect_code(0);
        let run = operator.throng(site, &["run", &scenario, "--test", "every worker answers"]).expect_code(0);
        let _ = run.expect_said(&["PASS", "Nothing left behind"]);
        let _ =
            operator.throng(site, &["down", &cluster, "--yes"]).expect_code(0).expect_said(&["nothing left behind"]);
    });
}

#[test]
fn whoever_is_removed_is_refused_at_once_also_in_the_midst_of_a_stream() {
    in_site(|site| {
        let _ = site.up();
        let viewer = Caller::new(site, "vera", "viewer", "1h");
        let other = Caller::new(site, "victor", "viewer", "1h");
        let arguments = viewer.arguments(&["events", "--follow"]);
        let following = site.start("throng", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        wait_for("events come", SETTLE_TIMEOUT, || {
            if following.stdout().contains("cluster-up") { Ok(()) } else { Err(following.stdout()) }
        });
        let listed = site.throng(&["operator", "list"]).expect_code(0);
        let _ = listed.expect_said(&["NAME", "vera", "victor", "viewer"]);
        let _ = site.throng(&["operator", "remove", "vera"]).expect_code(2).expect_said(&["vera", "--yes"]);
        let _ = site.throng(&["operator", "remove", "vera", "--yes"]).expect_code(0).expect_said(&["withdrew 1"]);

        let ended = following.end(Duration::from_secs(10)).expect_code(2);
        let _ = ended.expect_said(&["the certificate of vera was withdrawn", "hint: `throng operator add vera`"]);
        let refused = viewer.throng(site, &["status"]).expect_code(2).expect_said(&["vera was withdrawn"]);
        assert_one_line_and_a_hint(&refused);
        let _ = other.throng(site, &["status"]).expect_code(0);
        let again = site.throng(&["operator", "remove", "vera", "--yes"]).expect_code(2);
        let _ = again.expect_said(&["withdrawn already", "operator list"]);
        let listed = site.throng(&["operator", "list"]).expect_code(0);
        assert!(!listed.stdout.contains("vera"), "{listed}");
        // Restarts do not make it good again.
        site.down();
        let _ = site.throng(&["stop"]).expect_code(0);
        let _ = site.up();
        let _ = viewer.throng(site, &["status"]).expect_code(2).expect_said(&["vera was withdrawn"]);
        let _ = other.throng(site, &["status"]).expect_code(0);
        site.down();
    });
}

#[test]
fn what_keeps_a_caller_out_is_one_clear_line_with_a_hint() {
    in_site(|site| {
        let _ = site.up();
        let stranger = site.beside();
        let serve = stranger.start("throng", &["serve"]);
        wait_for("the other coordinator serves", COMMAND_TIMEOUT, || {
            let status = stranger.throng(&["status"]);
            if status.code == Some(0) { Ok(()) } else { Err(status.stderr) }
        });
        let good = || Caller::new(site, "otto", "operator", "1h");
        let theirs = Caller::new(&stranger, "otto", "operator", "1h");
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let nothing = site.file("nothing.pem", "nothing");

        let short = Caller::new(site, "short", "viewer", "1s");
        let other_ca = Caller { ca: theirs.ca.clone(), ..good() };
        let other_fleet = Caller { certificate: theirs.certificate.clone(), key: theirs.key.clone(), ..good() };
        let other_key = Caller { key: theirs.key.clone(), ..good() };
        let nobody = Caller { address: format!("https://{free}"), ..good() };
        let no_file = Caller { certificate: site.folder().join("none.pem"), ..good() };
        let no_pem = Caller { certificate: nothing.into(), ..good() };
        let cases = [
            (other_ca, 2, "was not issued by the authority of --ca"),
            (other_fleet, 2, "does not accept your certificate: it is of another fleet"),
            (other_key, 2, "the key of --key does not belong to the certificate of --cert"),
            (nobody, 6, "nobody answers at"),
            (no_file, 2, "none.pem cannot be read"),
            (no_pem, 2, "nothing.pem is no certificate in PEM"),
        ];
        for (caller, code, said) in cases {
            for words in [&["status"][..], &["ps"], &["events"]] {
                let refused = caller.throng(site, words).expect_code(code).expect_said(&[said]);
                assert_one_line_and_a_hint(&refused);
            }
        }
        let ended = wait_for("the short one ends", SETTLE_TIMEOUT, || {
            let refused = short.throng(site, &["status"]);
            if refused.code == Some(0) { Err(refused) } else { Ok(refused) }
        });
        assert_one_line_and_a_hint(&ended.expect_code(2).expect_said(&["short.pem is valid from", "and not now"]));
        let _ = good().throng(site, &["status"]).expect_code(0);
        let _ = stranger.throng(&["stop"]).expect_code(0);
        let _ = serve.end(COMMAND_TIMEOUT).expect_code(0);
        site.down();
    });
}
