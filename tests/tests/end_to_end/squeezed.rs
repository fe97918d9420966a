//! Each bound of the host is squeezed until a few nodes fill it: the plan names it beforehand and at which count it breaks,
//! one node less comes up on the real host, and that one more is refused by the same name while all others run on.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use throng_tests::engine;
use throng_tests::site::{SETTLE_TIMEOUT, Site, in_site, nodes};
use throng_tests::wait::wait_for;

/// Workers that fit into what is left.
const FITTING: u64 = 6;
/// Memory of the hub, which a plan adds up with the workers'.
const HUB_MIB: u64 = 64;

/// The tiny scenario with one bound squeezed.
struct Squeezed<'a> {
    site: &'a Site,
    scenario: String,
    overlay: String,
}

impl<'a> Squeezed<'a> {
    fn new(site: &'a Site, overlay: &str) -> Self {
        let roles = format!("[role.hub]\nmemory = \"{HUB_MIB}MiB\"\n");
        let overlay = site.file("squeezed.toml", &format!("{roles}{overlay}"));
        Self { site, scenario: site.tiny(), overlay }
    }

    fn arguments<'b>(&'b self, verb: &'b str, workers: &'b str) -> Vec<&'b str> {
        vec![verb, &self.scenario, "--overlay", &self.overlay, "--set", workers]
    }

    /// The bound that the plan for two workers names as the first to break, and at which count.
    fn first_to_break(&self) -> (String, u64) {
        let plan = self.site.throng(&[&self.arguments("plan", "param.workers=2")[..], &["--format", "json"]].concat());
        let plan = plan.expect_code(0).json();
        let breaks_at = |limit: &&Value| limit["breaks_at"].as_u64().unwrap_or(u64::MAX);
        let first = plan["limits"].as_array().unwrap().iter().min_by_key(breaks_at).unwrap();
        (name_of(first), breaks_at(&first))
    }

    /// Believes the plan, brings up all that it says will fit, and asks for one more.
    fn fill(&self, bound: &str, in_words: &str) {
        let (first, breaks_at) = self.first_to_break();
        assert_eq!((first.as_str(), breaks_at), (bound, FITTING + 1));
        let workers = format!("param.workers={FITTING}");
        let _ = self.site.throng(&self.arguments("up", &workers)).expect_code(0);
        let full = self.site.wait_for_count("worker", FITTING);
        let scale = self.site.throng(&["scale", &format!("worker={breaks_at}")]).expect_code(2);
        let _ = scale.expect_said(&[in_words]);
        let after = self.site.wait_for_count("worker", FITTING);
        let pids = |ps: &Value| nodes(ps).iter().map(|node| node["pid"].clone()).collect::<Vec<_>>();
        assert_eq!(pids(&after), pids(&full), "those that run are left alone");
    }
}

/// `{"node-files": "worker"}` and `"memory"` alike.
fn name_of(limit: &Value) -> String {
    let name = &limit["name"];
    name.as_str().map_or_else(|| name.as_object().unwrap().keys().next().unwrap().clone(), str::to_owned)
}

/// A figure of this host once both daemons run and nothing of what ran before is on its way out.
fn at_rest(site: &Site, key: &str) -> u64 {
    let _ = site.up();
    site.down();
    let read = || facts(site)[key].as_u64().unwrap();
    wait_for(&format!("{key} is at rest"), SETTLE_TIMEOUT, || {
        let before = read();
        thread::sleep(Duration::from_secs(1));
        let now = read();
        if now == before { Ok(now) } else { Err(format!("{before}, then {now}")) }
    })
}

/// What an agent knows of this host.
fn facts(site: &Site) -> Value {
    site.agent(&["facts"]).expect_code(0).json()
}

#[test]
fn memory_breaks_at_the_node_that_the_plan_names() {
    in_site(|site| {
        let total_mib = facts(site)["memory_total_bytes"].as_u64().unwrap() >> 20;
        // A worker's own limit, and what the plan adds for the engine.
        let worker_mib = 16 + 6;
        let reserve = total_mib - HUB_MIB - FITTING * worker_mib - worker_mib / 2;
        let squeezed = Squeezed::new(site, &format!("[fleet]\nreserve = {{ memory = \"{reserve}MiB\" }}\n"));
        squeezed.fill("memory", "memory");
        site.down();
    });
}

#[test]
fn ports_break_at_the_node_that_the_plan_names() {
    in_site(|site| {
        // One for the hub.
        let last = 28_000 + FITTING;
        Squeezed::new(site, &format!("[fleet]\nports = \"28000-{last}\"\n")).fill("ports", "ports");
        site.down();
    });
}

#[test]
fn process_ids_break_at_the_node_that_the_plan_names() {
    in_site(|site| {
        // What the plan expects of the hub, and of a worker with the engine's share.
        let (hub, worker) = (32, 32 + 12);
        let pid_max = at_rest(site, "tasks") + hub + FITTING * worker + worker / 2;
        let squeezed = Squeezed::new(site, &format!("[tuning]\nsysctl = {{ \"kernel.pid_max\" = {pid_max} }}\n"));
        squeezed.fill("pid-max", "process ids");
        site.down();
    });
}

/// One more container beside those of a site, with which throng has nothing to do: what the engine says of it.
fn one_more(site: &Site, host_config: &Value) -> Result<(), String> {
    let image = engine::containers(&format!("throng-{}", site.name()))[0].image.clone();
    let name = format!("throng-test-{}-one-more", site.name());
    let started = engine::try_run(&name, &image, &["sleep", "60"], &json!({ "HostConfig": host_config }));
    started.map(|id| engine::remove(&id))
}

#[test]
fn keyrings_break_at_the_node_that_the_plan_names_and_the_kernel_says_so_too() {
    in_site(|site| {
        let maxkeys = at_rest(site, "root_keys") + FITTING;
        let tuning = format!("[tuning]\nsysctl = {{ \"kernel.keys.root_maxkeys\" = {maxkeys} }}\n");
        Squeezed::new(site, &tuning).fill("keyrings", "keyrings");
        let refused = one_more(site, &json!({ "NetworkMode": "host" })).expect_err("the kernel has no keyring left");
        assert!(refused.contains("quota"), "{refused}");
        site.down();
    });
}

#[test]
fn open_files_of_a_node_break_where_the_plan_says_and_the_engine_says_so_too() {
    in_site(|site| {
        let facts = facts(site);
        let bound = if facts["engine_lifts_limits"] == true {
            facts["sysctls"]["fs.nr_open"].as_str().unwrap().parse().unwrap()
        } else {
            facts["engine_nofile_hard"].as_u64().unwrap()
        };
        let scenario = site.tiny();
        // What the engine may give is raised where the profile may.
        let overlay = |nofile: u64| {
            let text = format!("[tuning]\nprofile = \"none\"\n[role.worker]\nnofile = {nofile}\n");
            site.file("nofile.toml", &text)
        };
        let _ = site.throng(&["up", &scenario, "--overlay", &overlay(bound)]).expect_code(0);
        let limit = site.throng(&["exec", "worker", "--", "sh", "-c", "ulimit -Hn"]).expect_code(0);
        let _ = limit.expect_said(&[&bound.to_string()]);
        let more = json!({ "NetworkMode": "host", "Ulimits": [{ "Name": "nofile", "Soft": 16, "Hard": bound + 1 }] });
        let refused = one_more(site, &more).expect_err("the engine cannot give so many");
        assert!(refused.contains("rlimit"), "{refused}");
        site.down();
        for verb in ["plan", "up"] {
            let refused = site.throng(&[verb, &scenario, "--overlay", &overlay(bound + 1)]).expect_code(2);
            let _ = refused.expect_said(&["open files of one worker", &format!("role.worker.nofile {}", bound + 1)]);
        }
    });
}
