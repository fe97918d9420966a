//! One cluster, and the cases on it, one after the other.

use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeValLike as _;
use nix::unistd::Pid;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use super::burner::Burners;
use super::cases::{Case, Load, cases};
use super::options::Options;
use super::others::{Others, wait_for_calm};
use super::tally::Tally;
use crate::agent;
use crate::programs::busybox;
use crate::site::{Site, in_site};
use crate::tiny;

const SCENARIO: &str = include_str!("../../fixtures/pressure.toml");

/// How long the work that nodes are asked for takes on a host with nothing else to do; they are given 3 s for it.
const WORK: Duration = Duration::from_millis(700);
/// Others that use no more are not in the way.
const CALM_CORES: f64 = 0.3;
/// How long a case that needs it waits for calm, and how often it is tried.
const CALM_WITHIN: Duration = Duration::from_secs(15);
const TRIES: u32 = 3;
/// How long load is there before the test begins.
const LOAD_BEFORE: Duration = Duration::from_millis(1_500);
/// When the agent is stopped, from the beginning of the test, and for how long.
const STOP_AFTER: Duration = Duration::from_millis(1_500);
const STOP_FOR: Duration = Duration::from_secs(4);
/// A command under load takes its time.
const TEST_TIMEOUT: Duration = Duration::from_secs(150);

/// Runs the cases; what they came to, also printed.
pub fn run(options: &Options) -> Tally {
    let mut tally = Tally::default();
    say(&format!("verdicts: seed {}", options.seed));
    in_site(|site| {
        up(site);
        all(site, options, &mut tally);
        site.down();
        let _ = site.throng(&["stop"]).expect_code(0);
    });
    say(&tally.text());
    say(&format!("verdicts: SEED={} make verdicts runs the same cases again", options.seed));
    tally
}

/// Brings the nodes up that the cases are run on.
pub fn up(site: &Site) {
    let name = format!("{}-pressure", site.name());
    let scenario = tiny::write_scenario(site.folder(), "pressure.toml", &name, SCENARIO);
    let loops = format!("param.loops={}", calibrate());
    let _ = site.throng(&["up", &scenario, "--set", &loops]).expect_code(0);
}

fn all(site: &Site, options: &Options, tally: &mut Tally) {
    let began = Instant::now();
    let mut random = StdRng::seed_from_u64(options.seed);
    let mut waiting: Vec<(Case, u32)> =
        cases().into_iter().filter(|case| case.name.contains(&options.only)).map(|case| (case, 1)).collect();
    waiting.shuffle(&mut random);
    waiting.reverse();
    while let Some((case, try_number)) = waiting.pop() {
        if began.elapsed() > options.bound {
            tally.not_run(waiting.len() + 1);
            return;
        }
        let more = random.random_range(0..10);
        let Judged { verdict, evidence, others_cores } = one(site, &case, more);
        let story = format!("{}: judged {verdict}; others used {others_cores:.1} cores; {evidence}", case.name);
        say(&format!("{:>5.0}s  {story}", began.elapsed().as_secs_f64()));
        let is_disturbed = verdict != case.verdict && case.needs_calm() && others_cores > CALM_CORES;
        match (is_disturbed, try_number) {
            (false, _) => tally.judged(case.verdict, &verdict, || story),
            // Later it may be calmer.
            (true, 1..TRIES) => waiting.insert(0, (case, try_number + 1)),
            (true, _) => tally.disturbed(story),
        }
    }
}

struct Judged {
    verdict: String,
    evidence: String,
    others_cores: f64,
}

fn one(site: &Site, case: &Case, more: u32) -> Judged {
    if case.needs_calm() {
        wait_for_calm(CALM_CORES, CALM_WITHIN);
    }
    let burners = match case.load {
        Load::None | Load::AgentStopped => Burners::default(),
        Load::Cpu(least) => Burners::cpu(least + more),
        Load::Disk => Burners::disk(site.folder()),
    };
    if case.load != Load::None {
        std::thread::sleep(LOAD_BEFORE);
    }
    let sessions = burners.sessions();
    let before = Others::look(&sessions);
    let pattern = format!("^{}$", case.test);
    let running = site.start("throng", &["test", "--test", &pattern]);
    if case.load == Load::AgentStopped {
        stop_agent(site);
    }
    let finished = running.end(TEST_TIMEOUT);
    let others_cores = Others::look(&sessions).cores_since(&before);
    drop(burners);
    let report = site.throng(&["report", "--format", "json"]).expect_code(0).json();
    let test = &report["tests"][0];
    let verdict = test["verdict"].as_str().unwrap_or("none").to_owned();
    let code = match verdict.as_str() {
        "pass" => 0,
        "invalid" | "suspect" => 3,
        _ => 1,
    };
    assert!(finished.code == Some(code), "{verdict} must end with exit code {code}: {finished}");
    Judged { verdict, evidence: evidence(test), others_cores }
}

/// The line of evidence, or what failed.
fn evidence(test: &Value) -> String {
    let given = test["evidence"].as_str().unwrap_or_default();
    let steps = test["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let failed = steps.iter().find_map(|step| step["failures"][0]["message"].as_str()).unwrap_or_default();
    if given.is_empty() { failed.to_owned() } else { given.to_owned() }
}

fn stop_agent(site: &Site) {
    std::thread::sleep(STOP_AFTER);
    let agent = Pid::from_raw(agent::pid(site));
    kill(agent, Signal::SIGSTOP).expect("the agent runs and is this site's");
    std::thread::sleep(STOP_FOR);
    kill(agent, Signal::SIGCONT).expect("a stopped agent is still there");
}

/// How many rounds of a shell's loop take [`WORK`] on this machine: by CPU time, since others may be at work.
fn calibrate() -> u64 {
    const ROUNDS: u32 = 100_000;
    let script = format!("i=0; while [ $i -lt {ROUNDS} ]; do i=$((i+1)); done");
    let took = |_| {
        let before = cpu_of_children();
        let status = Command::new(busybox().join("bin/busybox")).args(["sh", "-c", &script]).status();
        assert!(status.is_ok_and(|status| status.success()), "busybox runs");
        cpu_of_children().saturating_sub(before)
    };
    let best = (0..5).map(took).min().unwrap_or(WORK).max(Duration::from_millis(1));
    let rounds = u128::from(ROUNDS) * WORK.as_micros() / best.as_micros();
    u64::try_from(rounds).unwrap_or(u64::from(ROUNDS))
}

/// CPU time of all children that have ended.
fn cpu_of_children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel accounts for children");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

fn say(text: &str) {
    // Whoever has closed stdout does not want to know.
    let _ = writeln!(std::io::stdout(), "{text}");
}
