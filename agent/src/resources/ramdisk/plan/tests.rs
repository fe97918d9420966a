use proptest::prelude::*;

use super::*;
use crate::host::mounts::mounter::Root;
use crate::host::mounts::table::Device;

const FOLDER: &str = "/run/throng/c-x/worker-0001/ramdisk";

fn ramdisk(name: &str, pages: u64, keep_on_restart: bool) -> DesiredRamdisk {
    DesiredRamdisk {
        path: format!("{FOLDER}/{name}").into(),
        source: format!("throng:c-x/worker-0001/{name}"),
        size_bytes: pages * 4096,
        inodes: 100 + pages,
        mode: 0o700,
        uid: 0,
        gid: 0,
        keep_on_restart,
    }
}

fn entry(id: u32, path: &str, fs_type: &str, source: &str, options: &str) -> MountEntry {
    MountEntry {
        id,
        parent: 1,
        device: Device { major: 0, minor: id },
        root: "/".into(),
        mount_point: path.into(),
        fs_type: fs_type.to_owned(),
        source: source.to_owned(),
        super_options: options.to_owned(),
    }
}

fn mounted(id: u32, ramdisk: &DesiredRamdisk) -> MountEntry {
    let options = format!("rw,size={}k,nr_inodes={},mode=700", ramdisk.size_bytes / 1024, ramdisk.inodes);
    entry(id, ramdisk.path.to_str().unwrap(), "tmpfs", &ramdisk.source, &options)
}

/// A table whose ramdisks all have this root.
fn seen(table: &[MountEntry], root: Root) -> Observed {
    let ours = table.iter().filter(|entry| is_ours(entry));
    let roots = ours.map(|entry| (entry.mount_point.clone(), root)).collect();
    Observed { mounts: table.to_vec(), roots }
}

fn plain(table: &[MountEntry]) -> Observed {
    seen(table, ramdisk("a", 1, true).root())
}

/// Does to a table what the steps do to the kernel's, and refuses to touch what is not ours.
fn applied(before: Observed, steps: &[RamdiskStep]) -> Observed {
    let Observed { mounts: mut table, mut roots } = before;
    let next = table.iter().map(|entry| entry.id).max().unwrap_or(0) + 1;
    for (id, step) in (next..).zip(steps) {
        let top = |table: &[MountEntry], path: &Path| table.iter().rposition(|entry| entry.mount_point == path);
        let take_away = |table: &mut Vec<MountEntry>, path: &Path| {
            let position = top(table, path).expect("only what is mounted is unmounted");
            let gone = table.remove(position);
            assert!(is_ours(&gone), "touched {gone:?}");
            assert!(!table.iter().any(|entry| entry.mount_point.starts_with(path) && !is_ours(entry)));
        };
        match step {
            RamdiskStep::Mount(ramdisk) => {
                assert_eq!(top(&table, &ramdisk.path), None, "stacked");
                table.push(mounted(id, ramdisk));
                roots.insert(ramdisk.path.clone(), ramdisk.root());
            }
            RamdiskStep::Resize(ramdisk) => {
                let position = top(&table, &ramdisk.path).unwrap();
                assert!(is_ours(&table[position]));
                table[position] = mounted(table[position].id, ramdisk);
            }
            RamdiskStep::Own(ramdisk) => {
                assert!(is_ours(&table[top(&table, &ramdisk.path).unwrap()]));
                roots.insert(ramdisk.path.clone(), ramdisk.root());
            }
            RamdiskStep::Wipe(ramdisk) => {
                take_away(&mut table, &ramdisk.path);
                table.push(mounted(id, ramdisk));
                roots.insert(ramdisk.path.clone(), ramdisk.root());
            }
            RamdiskStep::Unmount(path) => take_away(&mut table, path),
        }
    }
    Observed { mounts: table, roots }
}

fn any_desired() -> impl Strategy<Value = Vec<DesiredRamdisk>> {
    prop::collection::btree_map("[a-d]", (1u64..4, any::<bool>()), 0..4)
        .prop_map(|all| all.into_iter().map(|(name, (pages, keep))| ramdisk(&name, pages, keep)).collect())
}

fn any_table() -> impl Strategy<Value = Vec<MountEntry>> {
    let ours = ("[a-d]", 1u64..4).prop_map(|(name, pages)| mounted(0, &ramdisk(&name, pages, true)));
    let foreign = ("[a-d](/sub)?", prop::sample::select(vec!["throngling:x", "tmpfs", "throng"]))
        .prop_map(|(path, source)| entry(0, &format!("{FOLDER}/{path}"), "tmpfs", source, "rw,size=4k"));
    let odd = "[a-d]".prop_map(|path| entry(0, &format!("{FOLDER}/{path}"), "ext4", "throng:c-x/y/z", "rw"));
    prop::collection::vec(prop_oneof![4 => ours, 1 => foreign, 1 => odd], 0..7).prop_map(|mut table| {
        for (id, entry) in (2..).zip(&mut table) {
            entry.id = id;
            entry.device.minor = id;
        }
        table
    })
}

proptest! {
    #[test]
    fn applying_a_plan_leaves_no_step_and_touches_nothing_foreign(
        desired in any_desired(), table in any_table(), mode in prop::sample::select(vec![0o700, 0o755]),
        occasion in prop::sample::select(vec![Occasion::Keep, Occasion::Restart])
    ) {
        let before = seen(&table, Root { uid: 0, gid: 0, mode });
        let first = plan(&desired, &before, occasion);
        let after = applied(before, &first.steps);
        let foreign = |table: &[MountEntry]| {
            table.iter().filter(|entry| !is_ours(entry)).cloned().collect::<Vec<_>>()
        };
        prop_assert_eq!(foreign(&table), foreign(&after.mounts));
        let second = plan(&desired, &after, Occasion::Keep);
        prop_assert_eq!(second.steps, vec![]);
    }

    #[test]
    fn without_anything_foreign_exactly_the_desired_is_mounted(desired in any_desired(), stale in any_desired()) {
        let table: Vec<_> = (2..).zip(&stale).map(|(id, ramdisk)| mounted(id, ramdisk)).collect();
        let before = plain(&table);
        let first = plan(&desired, &before, Occasion::Keep);
        prop_assert!(first.obstacles.is_empty());
        let after = applied(before, &first.steps).mounts;
        let mut after: Vec<_> = after.into_iter().map(|entry| entry.mount_point).collect();
        after.sort();
        prop_assert_eq!(after, desired.iter().map(|ramdisk| ramdisk.path.clone()).collect::<Vec<_>>());
    }
}

#[test]
fn a_restart_wipes_only_what_is_not_kept() {
    let (kept, wiped) = (ramdisk("a", 1, true), ramdisk("b", 1, false));
    let table = [mounted(5, &kept), mounted(6, &wiped)];
    let desired = [kept, wiped.clone()];
    let found = plan(&desired, &plain(&table), Occasion::Restart);
    assert_eq!(found.steps, [RamdiskStep::Wipe(wiped)]);
    assert!(plan(&desired, &plain(&table), Occasion::Keep).is_empty());
}

#[test]
fn one_that_is_kept_gets_the_owner_and_the_size_that_are_wanted_now() {
    let before = ramdisk("a", 1, true);
    let table = [mounted(5, &before)];
    let owned = DesiredRamdisk { uid: 7, mode: 0o750, ..before.clone() };
    for occasion in [Occasion::Keep, Occasion::Restart] {
        let found = plan(std::slice::from_ref(&owned), &plain(&table), occasion);
        assert_eq!(found.steps, [RamdiskStep::Own(owned.clone())]);
    }
    let larger = DesiredRamdisk { size_bytes: 8192, gid: 7, ..before };
    let found = plan(std::slice::from_ref(&larger), &plain(&table), Occasion::Keep);
    assert_eq!(found.steps, [RamdiskStep::Resize(larger.clone()), RamdiskStep::Own(larger)]);
}

#[test]
fn a_foreign_mount_on_our_path_is_named_and_left() {
    let wanted = ramdisk("a", 1, true);
    let table = [entry(7, &format!("{FOLDER}/a"), "tmpfs", "throngling:x", "rw")];
    let found = plan(&[wanted], &plain(&table), Occasion::Restart);
    assert_eq!(found.steps, []);
    assert!(found.obstacles[0].to_string().contains("throngling:x"), "{}", found.obstacles[0]);
}
