use proptest::prelude::*;
use throng_common::host_spec::SysctlWant;
use throng_common::ports::PortRange;
use throng_common::sysctl_keys::{PID_MAX, RESERVED_PORTS};

use super::*;

const OVERCOMMIT: &str = "vm.overcommit_memory";

fn cluster(name: &str) -> ClusterId {
    ClusterId::new(name).unwrap()
}

fn want(cluster_name: &str, key: &str, want: SysctlWant) -> ClusterWant {
    let spec = SysctlSpec { key: key.to_owned(), want, required: true, reason: "test".to_owned() };
    ClusterWant { cluster: cluster(cluster_name), spec }
}

fn ports(first: u16, last: u16) -> PortSet {
    PortRange::new(first, last).unwrap().into()
}

/// A kernel and a ledger in small.
#[derive(Debug, Clone, Default)]
struct World {
    values: Values,
    records: Vec<SysctlRecord>,
}

/// When an agent dies over a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dies {
    BeforeWrite,
    AfterWrite,
    Never,
}

impl World {
    fn with(values: &[(&str, &str)]) -> Self {
        let value = |(key, value): &(&str, &str)| (SysctlKey::new(key).unwrap(), Some((*value).to_owned()));
        Self { values: values.iter().map(value).collect(), records: Vec::new() }
    }

    fn set(&mut self, key: &str, value: &str) {
        self.values.insert(SysctlKey::new(key).unwrap(), Some(value.to_owned()));
    }

    fn get(&self, key: &str) -> String {
        self.values[&SysctlKey::new(key).unwrap()].clone().unwrap()
    }

    fn reach(&mut self, wants: &[ClusterWant]) -> SysctlPlan {
        self.reach_and(wants, Unwanted::PutBack)
    }

    fn reach_and(&mut self, wants: &[ClusterWant], unwanted: Unwanted) -> SysctlPlan {
        self.reach_until(wants, unwanted, Dies::Never)
    }

    /// As far as an agent comes that dies over each step.
    fn reach_until(&mut self, wants: &[ClusterWant], unwanted: Unwanted, dies: Dies) -> SysctlPlan {
        for record in &mut self.records {
            let current = &self.values[&SysctlKey::new(&record.change.key).unwrap()];
            *record = SysctlRecord::of(record.as_of(current.as_deref().unwrap_or_default()));
        }
        let recorded: Vec<SysctlChange> = self.records.iter().map(|record| record.change.clone()).collect();
        let made = plan(wants, &self.values, &recorded, unwanted);
        for record in made.records() {
            self.records.retain(|old| old.change.key != record.change.key);
            self.records.push(record.clone());
        }
        for step in &made.steps {
            let (key, value) = match step {
                SysctlStep::Raise { record, .. } => (&record.change.key, record.writing.as_ref()),
                SysctlStep::Restore { key, value } => (key, Some(value)),
                SysctlStep::Forget { key } => (key, None),
            };
            if let Some(value) = value.filter(|_| dies != Dies::BeforeWrite) {
                self.set(key, value);
            }
            if dies == Dies::Never {
                self.records.retain(|old| old.change.key != *key);
                if let SysctlStep::Raise { record, .. } = step {
                    let written = record.writing.clone().unwrap();
                    self.records.push(SysctlRecord::of(SysctlChange { written, ..record.change.clone() }));
                }
            }
        }
        made
    }
}

#[test]
fn a_number_is_raised_and_put_back() {
    let mut world = World::with(&[(PID_MAX, "32768\n")]);
    world.reach(&[want("a-1", PID_MAX, SysctlWant::AtLeast(4_194_304)), want("b-1", PID_MAX, SysctlWant::AtLeast(7))]);
    assert_eq!(world.get(PID_MAX), "4194304");
    assert_eq!(world.reach(&[want("b-1", PID_MAX, SysctlWant::AtLeast(7))]), SysctlPlan::default(), "never lowered");
    world.reach(&[]);
    assert_eq!((world.get(PID_MAX).as_str(), world.records.len()), ("32768", 0));
}

#[test]
fn what_a_cluster_has_of_which_nobody_knows_stays_when_another_comes() {
    let mut world = World::with(&[(RESERVED_PORTS, "8080"), (PID_MAX, "32768")]);
    let of_first = [
        want("a-1", RESERVED_PORTS, SysctlWant::Ports(ports(20_000, 20_019))),
        want("a-1", PID_MAX, SysctlWant::AtLeast(4_194_304)),
    ];
    world.reach(&of_first);
    let of_second = [want("b-1", RESERVED_PORTS, SysctlWant::Ports(ports(30_000, 30_009)))];
    world.reach_and(&of_second, Unwanted::Keep);
    assert_eq!((&*world.get(RESERVED_PORTS), &*world.get(PID_MAX)), ("8080,20000-20019,30000-30009", "4194304"));
    world.reach(&of_second);
    assert_eq!((&*world.get(RESERVED_PORTS), &*world.get(PID_MAX)), ("8080,30000-30009", "32768"));
    world.reach(&[]);
    assert_eq!((&*world.get(RESERVED_PORTS), world.records.len()), ("8080", 0));
}

#[test]
fn ports_that_others_reserve_between_our_writes_are_theirs_by_the_ledger_too() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = crate::ledger::Ledger::open(&folder.path().join("ledger.db")).unwrap();
    let mut world = World::with(&[(RESERVED_PORTS, "8080")]);
    let reach = |world: &mut World, wants: &[ClusterWant]| {
        let made = world.reach(wants);
        made.records().for_each(|record| ledger.record_sysctl(record).unwrap());
        world.records = ledger.sysctls().unwrap();
        made
    };
    let first = want("a-1", RESERVED_PORTS, SysctlWant::Ports(ports(20_000, 20_009)));
    let second = want("b-1", RESERVED_PORTS, SysctlWant::Ports(ports(21_000, 21_009)));
    reach(&mut world, std::slice::from_ref(&first));
    world.set(RESERVED_PORTS, "8080,9090,20000-20009");
    reach(&mut world, &[first.clone(), second.clone()]);
    assert_eq!(reach(&mut world, &[first.clone(), second]).steps, [], "9090 is not ours to take out");
    reach(&mut world, std::slice::from_ref(&first));
    assert_eq!(world.get(RESERVED_PORTS), "8080,9090,20000-20009");
}

#[test]
fn a_value_that_somebody_changed_after_us_is_reported_and_left_at_the_end() {
    let mut world = World::with(&[(PID_MAX, "32768")]);
    world.reach(&[want("a-1", PID_MAX, SysctlWant::AtLeast(40_000))]);
    world.set(PID_MAX, "50000");
    assert_eq!(world.reach(&[want("a-1", PID_MAX, SysctlWant::AtLeast(40_000))]).steps, [], "still enough");
    let end = world.reach(&[]);
    assert_eq!((end.drift.len(), world.get(PID_MAX).as_str()), (1, "50000"));
    assert!(world.records.is_empty());
}

#[test]
fn a_value_lowered_by_somebody_is_raised_again_and_keeps_its_first_original() {
    let mut world = World::with(&[(PID_MAX, "32768")]);
    let wants = [want("a-1", PID_MAX, SysctlWant::AtLeast(40_000))];
    world.reach(&wants);
    world.set(PID_MAX, "30000");
    assert_eq!(world.reach(&wants).drift.len(), 1);
    assert_eq!(world.get(PID_MAX), "40000");
    world.reach(&[]);
    assert_eq!(world.get(PID_MAX), "32768");
}

#[test]
fn several_numbers_are_each_raised() {
    let key = "net.ipv4.tcp_rmem";
    let mut world = World::with(&[(key, "4096\t131072\t6291456\n")]);
    world.reach(&[want("a-1", key, SysctlWant::EachAtLeast(vec![8192, 1, 9_000_000]))]);
    assert_eq!(world.get(key), "8192 131072 9000000");
}

#[test]
fn what_cannot_be_had_is_a_problem_and_stops_nothing_else() {
    let mut world = World::with(&[(PID_MAX, "32768"), ("vm.overcommit_memory", "0"), ("kernel.core_pattern", "|/x")]);
    world.values.insert(SysctlKey::new("net.netfilter.nf_conntrack_max").unwrap(), None);
    let made = world.reach(&[
        want("a-1", "net.netfilter.nf_conntrack_max", SysctlWant::AtLeast(1)),
        want("a-1", "../x.y", SysctlWant::AtLeast(1)),
        want("a-1", "kernel.core_pattern", SysctlWant::AtLeast(1)),
        want("a-1", "vm.overcommit_memory", SysctlWant::Exactly("1".to_owned())),
        want("b-1", "vm.overcommit_memory", SysctlWant::Exactly("2".to_owned())),
        want("a-1", PID_MAX, SysctlWant::AtLeast(50_000)),
    ]);
    assert_eq!(made.problems.len(), 4, "{:?}", made.problems);
    assert!(made.problems.iter().any(|problem| problem.to_string().contains("clusters a-1, b-1")));
    assert_eq!(world.get(PID_MAX), "50000");
}

#[test]
fn what_cannot_be_read_stays_as_it_is_and_is_not_forgotten() {
    let mut world = World::with(&[(RESERVED_PORTS, "8080")]);
    let wanted = [want("a-1", RESERVED_PORTS, SysctlWant::Ports(ports(20_000, 20_009)))];
    world.reach(&wanted);
    let recorded: Vec<SysctlChange> = world.records.iter().map(|record| record.change.clone()).collect();
    let unread = Values::new();
    assert_eq!(plan(&[], &unread, &recorded, Unwanted::PutBack), SysctlPlan::default());
    assert_eq!(plan(&wanted, &unread, &recorded, Unwanted::PutBack), SysctlPlan::default());
}

#[test]
fn ports_that_were_given_back_by_an_agent_that_died_over_it_may_be_somebody_elses_next() {
    let mut world = World::with(&[(RESERVED_PORTS, "8080")]);
    let a = want("a-1", RESERVED_PORTS, SysctlWant::Ports(ports(20_000, 20_009)));
    let b = [want("b-1", RESERVED_PORTS, SysctlWant::Ports(ports(30_000, 30_009)))];
    world.reach(&[a, b[0].clone()]);
    world.reach_until(&b, Unwanted::PutBack, Dies::AfterWrite);
    assert_eq!(world.reach(&b), SysctlPlan::default());
    world.set(RESERVED_PORTS, "8080,20000-20009,30000-30009");
    assert_eq!(world.reach(&b), SysctlPlan::default());
    world.reach(&[]);
    assert_eq!(world.get(RESERVED_PORTS), "8080,20000-20009");
}

#[test]
fn a_cluster_takes_only_its_own_ports_with_it() {
    let mut world = World::with(&[(RESERVED_PORTS, "8080\n")]);
    let a = want("a-1", RESERVED_PORTS, SysctlWant::Ports(ports(20_000, 20_099)));
    let b = want("b-1", RESERVED_PORTS, SysctlWant::Ports(ports(20_050, 20_149)));
    world.reach(std::slice::from_ref(&a));
    // Somebody else reserves one too, meanwhile.
    world.set(RESERVED_PORTS, "8080,9999,20000-20099");
    world.reach(&[a, b.clone()]);
    assert_eq!(world.get(RESERVED_PORTS), "8080,9999,20000-20149");
    world.reach(&[b]);
    assert_eq!(world.get(RESERVED_PORTS), "8080,9999,20050-20149");
    world.reach(&[]);
    assert_eq!(world.get(RESERVED_PORTS), "8080,9999");
    assert!(world.records.is_empty());
}

fn any_ports() -> impl Strategy<Value = PortSet> {
    prop::collection::vec((1u16..60, 0u16..10), 0..4)
        .prop_map(|spans| spans.into_iter().map(|(first, more)| PortRange::new(first, first + more).unwrap()).collect())
}

proptest! {
    #[test]
    fn foreign_ports_always_survive_and_ours_always_go(
        before in any_ports(), a in any_ports(), b in any_ports(), meanwhile in any_ports()
    ) {
        let mut world = World::with(&[(RESERVED_PORTS, &before.to_string())]);
        let wanted = |name: &str, ports: &PortSet| want(name, RESERVED_PORTS, SysctlWant::Ports(ports.clone()));
        let now = |world: &World| ports_of(&world.get(RESERVED_PORTS)).unwrap();
        world.reach(&[wanted("a-1", &a)]);
        prop_assert_eq!(now(&world), before.union(&a));
        // Ports that are ours when somebody adds them cannot be told from ours: they are left out here.
        let meanwhile = meanwhile.difference(&a).difference(&b);
        let with_foreign = now(&world).union(&meanwhile);
        world.set(RESERVED_PORTS, &with_foreign.to_string());
        world.reach(&[wanted("a-1", &a), wanted("b-1", &b)]);
        prop_assert_eq!(world.reach(&[wanted("a-1", &a), wanted("b-1", &b)]).steps, vec![]);
        world.reach(&[wanted("b-1", &b)]);
        prop_assert_eq!(now(&world), before.union(&b).union(&meanwhile));
        world.reach(&[]);
        prop_assert_eq!(now(&world), before.union(&meanwhile));
        prop_assert!(world.records.is_empty());
        prop_assert_eq!(world.reach(&[]), SysctlPlan::default());
    }

    #[test]
    fn whenever_an_agent_dies_over_its_steps_nothing_of_ours_stays_and_nothing_of_others_goes(
        before in any_ports(), number in 1u64..50,
        wishes in prop::collection::vec((any_ports(), 0u64..100, 0u8..3, prop::sample::select(
            vec![Dies::BeforeWrite, Dies::AfterWrite, Dies::Never])), 1..6),
    ) {
        let mut world = World::with(&[
            (RESERVED_PORTS, &before.to_string()), (PID_MAX, &number.to_string()), (OVERCOMMIT, "0"),
        ]);
        for (ports, least, exactly, dies) in wishes {
            let wanted = [
                want("a-1", RESERVED_PORTS, SysctlWant::Ports(ports.clone())),
                want("a-1", PID_MAX, SysctlWant::AtLeast(least)),
                want("a-1", OVERCOMMIT, SysctlWant::Exactly(exactly.to_string())),
            ];
            world.reach_until(&wanted, Unwanted::PutBack, dies);
            // The next agent may be told at once that nothing is wanted any more, and may die too.
            let mut told_otherwise = world.clone();
            told_otherwise.reach_until(&[], Unwanted::PutBack, dies);
            told_otherwise.reach(&[]);
            prop_assert_eq!(ports_of(&told_otherwise.get(RESERVED_PORTS)).unwrap(), before.clone());
            prop_assert_eq!((told_otherwise.get(PID_MAX), told_otherwise.get(OVERCOMMIT)), (number.to_string(), "0".to_owned()));
            prop_assert!(told_otherwise.records.is_empty());
            let mut told_the_same = world.clone();
            told_the_same.reach(&wanted);
            prop_assert_eq!(ports_of(&told_the_same.get(RESERVED_PORTS)).unwrap(), before.union(&ports));
            prop_assert_eq!(told_the_same.get(OVERCOMMIT), exactly.to_string());
            prop_assert_eq!(told_the_same.reach(&wanted), SysctlPlan::default());
        }
    }

    #[test]
    fn nothing_is_ever_lowered_while_it_is_wanted(before in 0u64..1000, wants in prop::collection::vec(0u64..1000, 1..5)) {
        let mut world = World::with(&[(PID_MAX, &before.to_string())]);
        let mut last = before;
        for least in wants {
            let wanted = [want("a-1", PID_MAX, SysctlWant::AtLeast(least))];
            world.reach(&wanted);
            let now: u64 = world.get(PID_MAX).parse().unwrap();
            prop_assert!(now >= last && now >= least);
            prop_assert_eq!(world.reach(&wanted), SysctlPlan::default());
            last = now;
        }
        world.reach(&[]);
        prop_assert_eq!(world.get(PID_MAX), before.to_string());
    }
}
