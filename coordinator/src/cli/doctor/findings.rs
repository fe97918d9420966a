//! From the survey to all findings, in the order in which a person mends them. Pure.

use super::examine::{cgroups, clock, disk, engine, memory, nofile, pids, ports};
use super::finding::Finding;
use super::survey::{Leftovers, Survey};

/// Leftovers that are named one by one.
const LEFTOVERS_SHOWN: usize = 5;

/// Everything that is to be said of this machine.
pub(super) fn examine(survey: &Survey) -> Vec<Finding> {
    let mut findings = vec![root(survey), agent(survey)];
    match &survey.facts {
        Some(Ok(facts)) => findings.extend([
            engine(facts),
            cgroups(facts),
            nofile(facts),
            pids(facts),
            clock(facts, survey.now_unix_millis),
            memory(facts),
            disk(facts),
            ports(facts),
        ]),
        Some(Err(problem)) => findings.push(Finding::fail("facts", &problem.text, &problem.hint)),
        None => findings.push(Finding::warn("facts", "nothing was looked at: there is no agent", "see above")),
    }
    findings.push(leftovers(&survey.leftovers));
    findings
}

fn root(survey: &Survey) -> Finding {
    match (survey.root, survey.sudo) {
        (true, _) => Finding::ok("root", "this is root"),
        (false, true) => Finding::ok("root", "the agent is started with sudo"),
        (false, false) => {
            Finding::fail("root", "the agent needs root, and there is no sudo", "install sudo, or run throng as root")
        }
    }
}

fn agent(survey: &Survey) -> Finding {
    match &survey.agent {
        Ok(path) => Finding::ok("agent", format!("{path}, build {}", throng_proto::version::BUILD)),
        Err(problem) => Finding::fail("agent", &problem.text, &problem.hint),
    }
}

fn leftovers(leftovers: &Leftovers) -> Finding {
    const SUBJECT: &str = "leftovers";
    let remedy = "`throng down --orphans` shows them, asks, and removes them";
    match leftovers {
        Leftovers::Audited(found) if found.is_empty() => Finding::ok(SUBJECT, "none, by an audit of kernel and engine"),
        Leftovers::Audited(found) => Finding::warn(SUBJECT, list(found), remedy),
        Leftovers::Mounts(mounts) if mounts.is_empty() => {
            Finding::ok(SUBJECT, "no ramdisk is mounted (as root, doctor looks at more)")
        }
        Leftovers::Mounts(mounts) => Finding::warn(SUBJECT, list(mounts), remedy),
        Leftovers::Unknown(problem) => Finding::warn(SUBJECT, &problem.text, &problem.hint),
    }
}

fn list(names: &[String]) -> String {
    let shown = &names[..names.len().min(LEFTOVERS_SHOWN)];
    let more =
        if names.len() > shown.len() { format!(" and {} more", names.len() - shown.len()) } else { String::new() };
    format!("{}: {}{more}", names.len(), shown.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use throng_common::ports::PortSet;
    use throng_common::status::{EngineFacts, HostFacts, UnixMillis};

    use super::*;
    use crate::cli::doctor::finding::Level;
    use crate::cli::doctor::survey::Problem;

    const NOW: u64 = 1_795_374_096_000;

    fn facts() -> HostFacts {
        HostFacts {
            hostname: "box".to_owned(),
            kernel: "6.1".to_owned(),
            boot_id: "b".to_owned(),
            cpu_cores: 2,
            memory_total_bytes: 8 << 30,
            memory_available_bytes: 6 << 30,
            cgroup_version: 2,
            engine: Some(EngineFacts {
                version: "20.10.24".to_owned(),
                api_version: "1.41".to_owned(),
                socket: "/var/run/docker.sock".to_owned(),
                storage_driver: "overlay2".to_owned(),
                cgroup_driver: "systemd".to_owned(),
                live_restore: true,
                unusable: None,
                pid: Some(7),
            }),
            engine_problem: None,
            run_dir: "/run/throng".to_owned(),
            state_dir: "/var/lib/throng-agent".to_owned(),
            sysctls: BTreeMap::from([("kernel.pid_max".to_owned(), "4194304".to_owned())]),
            child_pid_namespace: false,
            engine_nofile_hard: Some(1_048_576),
            agent_nofile_hard: 1_048_576,
            engine_lifts_limits: false,
            agent_lifts_limits: false,
            root_keys: 5,
            tasks: 300,
            open_files: 2000,
            listening_ports: PortSet::default(),
            addresses: Vec::new(),
            now: UnixMillis(NOW),
            engine_disk_free_bytes: Some(50 << 30),
        }
    }

    fn survey(facts: HostFacts) -> Survey {
        Survey {
            root: false,
            sudo: true,
            agent: Ok("/usr/bin/throng-agent".to_owned()),
            facts: Some(Ok(facts)),
            now_unix_millis: NOW,
            leftovers: Leftovers::Audited(Vec::new()),
        }
    }

    fn level_of(findings: &[Finding], subject: &str) -> Level {
        findings.iter().find(|finding| finding.subject == subject).unwrap().level
    }

    #[test]
    fn a_good_machine_has_nothing_to_mend() {
        let findings = examine(&survey(facts()));
        assert!(findings.iter().all(|finding| finding.level == Level::Ok), "{findings:#?}");
    }

    #[test]
    fn every_lack_is_found_and_comes_with_a_remedy() {
        let lacking = |change: fn(&mut HostFacts)| {
            let mut facts = facts();
            change(&mut facts);
            examine(&survey(facts))
        };
        let cases: [(&str, Level, Vec<Finding>); 8] = [
            ("engine", Level::Fail, lacking(|facts| facts.engine = None)),
            (
                "engine",
                Level::Fail,
                lacking(|facts| facts.engine.as_mut().unwrap().unusable = Some("rootless".to_owned())),
            ),
            ("engine", Level::Warn, lacking(|facts| facts.engine.as_mut().unwrap().live_restore = false)),
            ("open files", Level::Warn, lacking(|facts| facts.engine_nofile_hard = Some(20_000))),
            ("process ids", Level::Warn, lacking(|facts| facts.child_pid_namespace = true)),
            ("memory", Level::Warn, lacking(|facts| facts.memory_available_bytes = 1 << 20)),
            ("ports", Level::Warn, lacking(|facts| facts.listening_ports = "20007".parse().unwrap())),
            ("disk", Level::Warn, lacking(|facts| facts.engine_disk_free_bytes = Some(1 << 20))),
        ];
        for (subject, level, findings) in cases {
            assert_eq!(level_of(&findings, subject), level, "{subject}");
            let silent = findings.iter().find(|finding| finding.level != Level::Ok && finding.remedy.is_empty());
            assert_eq!(silent, None);
        }
    }

    #[test]
    fn without_an_agent_the_rest_is_not_said_to_be_fine() {
        let problem = Problem { text: "there is no throng-agent".to_owned(), hint: "build it".to_owned() };
        let survey = Survey { agent: Err(problem), facts: None, ..survey(facts()) };
        let findings = examine(&survey);
        assert_eq!(level_of(&findings, "agent"), Level::Fail);
        assert_eq!(level_of(&findings, "facts"), Level::Warn);
    }
}
