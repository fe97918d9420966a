use super::*;
use crate::host::procs::table::ProcStat;

fn account(name: &str, parent: u32, own_ticks: u64) -> Account {
    Account {
        name: name.to_owned(),
        stat: ProcStat { state: 'S', parent, session: 1, start_ticks: 1 },
        own_ticks,
        children_ticks: 0,
        resident_pages: 10,
        io_bytes: 0,
    }
}

/// A host with a bit of everything on it.
fn host() -> Accounts {
    Accounts::from([
        (1, account("systemd", 0, 50)),
        (2, account("kthreadd", 0, 0)),
        (9, account("kworker/0:1", 2, 5)),
        (100, account("dockerd", 1, 10)),
        (101, account("containerd", 100, 10)),
        (110, account("containerd-shim", 1, 1)),
        (111, account("redis-server", 110, 100)),
        (112, account("sh", 110, 3)),
        (113, account("redis-cli", 112, 3)),
        (120, account("containerd-shim", 1, 1)),
        (121, account("foreign", 120, 7)),
        (200, account("throng-agent", 1, 20)),
        (201, account("throng-agent", 200, 1)),
        (202, account("redis-server", 201, 30)),
        (210, account("throng", 1, 20)),
        (211, account("load.py", 210, 2)),
        (300, account("bash", 1, 1)),
        (301, account("stress", 300, 1)),
    ])
}

fn marks() -> NodeMarks {
    NodeMarks { pids: BTreeSet::from([111, 202]), commands: BTreeSet::from([112]) }
}

fn of(uses: &[PartyUse], party: Party) -> &PartyUse {
    uses.iter().find(|used| used.party == party).unwrap()
}

/// Cores of a party when processes grew by so many ticks within a second.
fn cores(changes: &[(u32, u64)], party: Party) -> f64 {
    let (before, mut after) = (host(), host());
    for (pid, ticks) in changes {
        after.get_mut(pid).unwrap().own_ticks += ticks;
    }
    let hz = procfs::ticks_per_second();
    let uses = uses((&before, &after), &marks(), Duration::from_secs(1), 0.0);
    of(&uses, party).cpu_cores * f64::from(u32::try_from(hz).unwrap())
}

#[test]
fn everybody_is_where_they_belong() {
    let parties = parties(&host(), &marks());
    let of_party = |party: Option<Party>| -> Vec<u32> {
        parties.iter().filter(|(_, known)| **known == party).map(|(pid, _)| *pid).collect()
    };
    assert_eq!(of_party(None), [2, 9]);
    assert_eq!(of_party(Some(Party::Nodes)), [111, 112, 113, 202]);
    assert_eq!(of_party(Some(Party::Engine)), [100, 101, 110, 120]);
    assert_eq!(of_party(Some(Party::Throng)), [200, 201, 210, 211]);
    assert_eq!(of_party(Some(Party::Others)), [1, 121, 300, 301], "a container that is no node is somebody else's");
}

#[test]
fn a_circle_of_parents_ends() {
    // What a scan sees is not of one moment: ids may have been given anew meanwhile.
    let circle = Accounts::from([(5, account("a", 6, 0)), (6, account("b", 5, 0))]);
    assert_eq!(parties(&circle, &marks()), BTreeMap::from([(5, Some(Party::Others)), (6, Some(Party::Others))]));
}

#[test]
fn what_a_process_used_counts_for_its_party() {
    for (pid, party) in [(301, Party::Others), (211, Party::Throng), (101, Party::Engine)] {
        assert!((cores(&[(pid, 40)], party) - 40.0).abs() < 1e-9, "{pid}");
        assert!(Party::ALL.iter().filter(|other| **other != party).all(|other| cores(&[(pid, 40)], *other) == 0.0));
    }
}

#[test]
fn what_began_and_ended_in_between_counts_and_is_not_counted_twice() {
    let (before, mut after) = (host(), host());
    // One that was seen before used 5 more and ended; another began and ended unseen with 20: the parent has both.
    after.remove(&301);
    after.get_mut(&300).unwrap().children_ticks += 1 + 5 + 20;
    let used = uses((&before, &after), &marks(), Duration::from_secs(1), 0.0);
    let ticks = of(&used, Party::Others).cpu_cores * f64::from(u32::try_from(procfs::ticks_per_second()).unwrap());
    assert!((ticks - 25.0).abs() < 1e-9, "{ticks}");
}

#[test]
fn the_time_of_a_node_that_ends_falls_to_nobody() {
    let (before, mut after) = (host(), host());
    // Its shim, then whoever adopts the shim, is told of all the time that the node ever used.
    for (child, heir) in [(111, 110), (202, 201)] {
        after.remove(&child);
        after.get_mut(&heir).unwrap().children_ticks += 100_000;
    }
    after.get_mut(&1).unwrap().children_ticks += 100_000;
    let used = uses((&before, &after), &marks(), Duration::from_secs(1), 0.0);
    assert!(used.iter().all(|used| used.cpu_cores == 0.0), "{used:?}");
}

#[test]
fn the_process_that_used_most_is_named() {
    let (before, mut after) = (host(), host());
    after.get_mut(&301).unwrap().own_ticks += 70;
    after.get_mut(&300).unwrap().own_ticks += 3;
    after.get_mut(&121).unwrap().resident_pages = 9_000;
    after.get_mut(&121).unwrap().io_bytes = 4_000;
    let used = uses((&before, &after), &marks(), Duration::from_secs(2), 0.5);
    let others = of(&used, Party::Others);
    let name = |top: &Option<TopProcess>| top.as_ref().map(|top| format!("{} {}", top.name, top.pid));
    assert_eq!(name(&others.top.cpu).as_deref(), Some("stress 301"));
    assert_eq!(
        (name(&others.top.memory), name(&others.top.io)),
        (Some("foreign 121".into()), Some("foreign 121".into()))
    );
    assert_eq!((others.io_bytes_per_second, others.memory_bytes), (2_000, 9_030 * procfs::page_size()));
    assert!((of(&used, Party::Nodes).cpu_cores - 0.5).abs() < 1e-9, "the nodes' own groups know best");
    assert_eq!(of(&used, Party::Nodes).top.cpu, None);
}
