//! Nodes that misbehave: each ends in one state with a reason that a person can act on, and its neighbours do not notice.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use throng_tests::engine::{self, ask_at};
use throng_tests::site::{COMMAND_TIMEOUT, Site, in_site, nodes};
use throng_tests::tiny;
use throng_tests::wait::wait_for;

const MISBEHAVING: &str = include_str!("../../fixtures/misbehaving.toml");
/// How long all of them together may take to come to their ends.
const ENDS_WITHIN: Duration = Duration::from_secs(90);
/// How long they are asked before anybody misbehaves.
const CALM: Duration = Duration::from_secs(3);
/// Longest that a neighbour may take to answer meanwhile: what its probe allows.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// Names the megabytes that two nodes write without a newline, each.
const LOG_MB: &str = "THRONG_TEST_LOG_MB";
const LOG_MB_DEFAULT: u64 = 200;
/// What an engine takes in of them at the least.
const LOG_MB_PER_SECOND: u64 = 10;
/// What an engine keeps of a container's log: two files of 1 MB, and what is on its way.
const ENGINE_LOG_MAX_BYTES: u64 = 3_000_000;
/// What a shim keeps of a process's output, likewise.
const SHIM_LOG_MAX_BYTES: u64 = 2 * 1024 * 1024 + 64 * 1024;

/// Those that end, with what is said of each, in the words of all that end so and in its own.
const ENDS: [(&str, &str, &str); 11] = [
    ("quits", "exit code 7", "last output: cannot go on"),
    ("forker", "exit code 2", "fork"),
    ("hungry", "ran into its memory limit", ""),
    ("greedy", "ran into its memory limit", ""),
    ("full", "exit code 3", "ramdisk `data` is full: raise its `size`"),
    ("crowded", "exit code 4", "ramdisk `data` has no inodes left: raise its `inodes`"),
    ("opener", "exit code 5", "no file can be opened"),
    ("plainopener", "exit code 5", "no file can be opened"),
    ("plainforker", "exit code 2", "fork"),
    ("plainhungry", "ran into its memory limit", ""),
    ("plainfull", "exit code 3", "ramdisk `data` is full: raise its `size`"),
];

fn log_mb() -> u64 {
    std::env::var(LOG_MB).map_or(LOG_MB_DEFAULT, |text| text.parse().expect("a whole number of megabytes"))
}

fn tell(site: &Site, role: &str) {
    let place = if role.starts_with("plain") { "go" } else { "/data/go" };
    let _ = site.throng(&["exec", &format!("{role}-0000"), "--", "touch", place]).expect_code(0);
}

/// Asks a neighbour for its page; how long it took.
fn ask(node: &Value) -> std::io::Result<Duration> {
    let (address, ports) = (node["address"].as_str().unwrap(), node["ports"].as_str().unwrap());
    let port: u16 = ports.rsplit(['=', ':', ' ']).next().unwrap().parse().unwrap();
    let begun = Instant::now();
    let mut stream = TcpStream::connect((address, port))?;
    stream.set_read_timeout(Some(ANSWER_MAX * 10))?;
    stream.write_all(b"GET /name HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert!(answer.contains("neighbour-"), "{answer}");
    Ok(begun.elapsed())
}

/// How long answers took.
struct Answers {
    count: usize,
    median: Duration,
    p99: Duration,
    worst: Duration,
}

impl std::fmt::Display for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { count, median, p99, worst } = self;
        write!(f, "{count}, median {median:.1?}, p99 {p99:.1?}, worst {worst:.1?}")
    }
}

/// Asks all neighbours while something goes on.
fn ask_while(neighbours: &[Value], goes_on: impl FnOnce()) -> Answers {
    let end = AtomicBool::new(false);
    let took = std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask_all(neighbours, &end));
        // Whatever became of it: the scope waits for those who ask.
        let gone_on = std::panic::catch_unwind(std::panic::AssertUnwindSafe(goes_on));
        end.store(true, Ordering::Relaxed);
        let took = asking.join();
        gone_on.and(took).unwrap_or_else(|failure| std::panic::resume_unwind(failure))
    });
    let at = |share: usize| took[(took.len() - 1) * share / 100];
    Answers { count: took.len(), median: at(50), p99: at(99), worst: at(100) }
}

/// Asks all neighbours again and again until told to end; every answer's time.
fn ask_all(neighbours: &[Value], end: &AtomicBool) -> Vec<Duration> {
    let mut took = Vec::new();
    while !end.load(Ordering::Relaxed) {
        took.extend(neighbours.iter().map(|node| ask(node).expect("a neighbour answers")));
        std::thread::sleep(Duration::from_millis(50));
    }
    took.sort();
    took
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            if entry.path().is_dir() {
                bytes_below(&entry.path())
            } else {
                entry.metadata().map_or(0, |meta| meta.len())
            }
        })
        .sum()
}

#[test]
fn nodes_that_misbehave_end_in_one_state_each_and_their_neighbours_do_not_notice() {
    in_site(|site| {
        let text = MISBEHAVING.replace("LOG_BYTES", &(log_mb() * 1_000_000).to_string());
        let scenario = tiny::write_scenario(site.folder(), "misbehaving.toml", site.name(), &text);
        let _ = site.throng_within(COMMAND_TIMEOUT * 2, &["up", &scenario]).expect_code(0);
        let ps = site.ps();
        let neighbours: Vec<Value> =
            nodes(&ps).iter().filter(|node| node["node"].as_str().unwrap().starts_with("neighbour")).cloned().collect();
        assert_eq!(neighbours.len(), 4);

        let calm = ask_while(&neighbours, || std::thread::sleep(CALM));
        println!("answers of neighbours before: {calm}");
        let answers = ask_while(&neighbours, || misbehave(site));
        println!("answers of neighbours meanwhile: {answers}");
        assert!(answers.p99 < ANSWER_MAX, "before: {calm}; meanwhile: {answers}");
        let events = site.throng(&["events"]).expect_code(0).stdout;
        let noticed: Vec<&str> =
            events.lines().filter(|line| line.contains("neighbour-") && !line.contains("node-ready")).collect();
        assert!(noticed.is_empty(), "{noticed:#?}");
        expect_bounded_logs(site);

        // Two of them do not heed the signal.
        let begun = Instant::now();
        site.down();
        assert!(begun.elapsed() >= Duration::from_secs(2), "the stubborn had their grace");
    });
}

/// Has them all misbehave, and waits until each has come to its one end.
fn misbehave(site: &Site) {
    for (role, ..) in ENDS {
        tell(site, role);
    }
    for role in ["writer", "plainwriter"] {
        tell(site, role);
    }
    wait_for("each comes to its end", ENDS_WITHIN, || {
        let ps = site.ps();
        let find = |role: &str| nodes(&ps).iter().find(|node| node["node"] == format!("{role}-0000").as_str()).unwrap();
        for (role, message, own) in ENDS {
            let node = find(role);
            let text = |key: &str| node[key].as_str().unwrap_or_default();
            let is_it =
                node["phase"] == "failed" && text("reason").contains(message) && text("reason_detail").contains(own);
            if !is_it {
                return Err(format!("{role}: {node:#}"));
            }
        }
        for role in ["stubborn", "plainstubborn", "writer", "plainwriter"] {
            let node = find(role);
            if node["phase"] != "ready" || node["restarts"] != 0 {
                return Err(format!("{role}: {node:#}"));
            }
        }
        Ok(())
    });
    for (role, place) in [("writer", "/data/written"), ("plainwriter", "written")] {
        let within = ENDS_WITHIN + Duration::from_secs(log_mb() / LOG_MB_PER_SECOND);
        wait_for(&format!("{role} has written it all"), within, || {
            let seen = site.throng(&["exec", &format!("{role}-0000"), "--", "test", "-e", place]);
            if seen.code == Some(0) { Ok(()) } else { Err(seen) }
        });
    }
}

/// Of all that was written without a newline little is kept, and the last words are among it.
fn expect_bounded_logs(site: &Site) {
    let writer = site.node("writer-0000");
    let (_, info) = ask_at(&engine::socket(), "GET", "/info", "", b"").unwrap();
    let info: Value = serde_json::from_str(&info).unwrap();
    let root = Path::new(info["DockerRootDir"].as_str().unwrap());
    let kept = bytes_below(&root.join("containers").join(writer["container_id"].as_str().unwrap()));
    assert!((1..ENGINE_LOG_MAX_BYTES).contains(&kept), "{kept} bytes of the container's log");
    let shim = site.run_dir().join(site.cluster()).join("plainwriter-0000");
    let kept = bytes_below(&shim);
    assert!((1..SHIM_LOG_MAX_BYTES).contains(&kept), "{kept} bytes of the process's output");
    for role in ["writer", "plainwriter"] {
        let logs = site.throng(&["logs", role, "--tail", "1"]).expect_code(0);
        assert!(logs.stdout.contains("written"), "{role}: {}", &logs.stdout[..logs.stdout.len().min(300)]);
    }
}
