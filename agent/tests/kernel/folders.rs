//! A node's folders have their owners, and a mount in them is never emptied.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::mount::{MsFlags, mount, umount};
use throng_agent::paths::Paths;
use throng_agent::resources::files::beneath::Owner;
use throng_agent::resources::files::error::FilesError;
use throng_agent::resources::files::folders::{
    Before, User, clusters, ensure, ensure_disk, ensure_shared, remove_cluster, remove_node,
};
use throng_common::host_spec::{DiskSpec, SharedSpec};

use crate::mount_namespace::in_private_mount_namespace;
use crate::names::{cluster, node};

const USER: Owner = Owner { uid: 1234, gid: 2345 };
const OF_PROCESS: User = User::Process(USER);

fn owner_and_mode(path: &Path) -> (u32, u32, u32) {
    let metadata = fs::metadata(path).unwrap();
    (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777)
}

#[test]
fn what_a_node_wrote_stays_until_the_machine_is_booted() {
    let folder = tempfile::Builder::new().prefix("throng-").tempdir().unwrap();
    let paths = Paths::new(&folder.path().join("state"), &folder.path().join("run")).unwrap();
    let (cluster, node) = (cluster(), node(1));
    let made = || ensure(&paths, &cluster, &node, OF_PROCESS).unwrap();
    made();
    let written = paths.work_dir(&cluster, &node).join("written");
    fs::write(&written, "x").unwrap();
    assert!(made() == Before::Present && written.exists());
    // What lies below the run directory ends with a boot.
    fs::remove_dir_all(paths.run_dir()).unwrap();
    assert!(made() == Before::Absent && !written.exists());
}

#[test]
fn a_nodes_folders_are_made_owned_kept_or_emptied_and_removed() {
    in_private_mount_namespace(|| {
        let folder = tempfile::Builder::new().prefix("throng-").tempdir().unwrap();
        let paths = Paths::new(&folder.path().join("state"), &folder.path().join("run")).unwrap();
        let (cluster, node) = (cluster(), node(1));
        assert_eq!(ensure(&paths, &cluster, &node, OF_PROCESS).unwrap(), Before::Absent);
        assert_eq!(ensure(&paths, &cluster, &node, OF_PROCESS).unwrap(), Before::Present);
        assert_eq!(owner_and_mode(&paths.work_dir(&cluster, &node)), (1234, 2345, 0o750));
        assert_eq!(owner_and_mode(&paths.shim_dir(&cluster, &node)), (0, 0, 0o700));
        assert_eq!(owner_and_mode(&paths.node_dir(&cluster, &node)), (0, 0, 0o711));
        assert_eq!(owner_and_mode(&paths.node_disk_dir(&cluster, &node)), (0, 0, 0o711));

        let kept = DiskSpec { path: None, keep_on_restart: true };
        let disk = ensure_disk(&paths, &cluster, &node, &kept, OF_PROCESS, false).unwrap();
        fs::write(disk.join("data"), "x").unwrap();
        ensure_disk(&paths, &cluster, &node, &kept, OF_PROCESS, true).unwrap();
        assert!(disk.join("data").exists());
        let fleeting = DiskSpec { keep_on_restart: false, ..kept };
        ensure_disk(&paths, &cluster, &node, &fleeting, OF_PROCESS, false).unwrap();
        assert!(disk.join("data").exists(), "only a restart empties");
        ensure_disk(&paths, &cluster, &node, &fleeting, OF_PROCESS, true).unwrap();
        assert!(!disk.join("data").exists());
        assert_eq!(owner_and_mode(&disk), (1234, 2345, 0o750));

        assert_eq!(clusters(&paths).unwrap(), BTreeSet::from([cluster.clone()]));
        let mounted = paths.ramdisk_dir(&cluster, &node, "data");
        fs::create_dir_all(&mounted).unwrap();
        mount(Some("foreign"), &mounted, Some("tmpfs"), MsFlags::empty(), Some("size=64k")).unwrap();
        fs::write(mounted.join("kept"), "x").unwrap();
        let error = remove_node(&paths, &cluster, &node).unwrap_err();
        assert!(matches!(error, FilesError::Mounted { .. }), "{error}");
        assert!(mounted.join("kept").exists());
        umount(&mounted).unwrap();
        remove_node(&paths, &cluster, &node).unwrap();
        remove_cluster(&paths, &cluster).unwrap();
        assert!(clusters(&paths).unwrap().is_empty());
    });
}

#[test]
fn nobody_of_the_host_passes_to_what_a_container_has_and_everyone_in_it_may_write() {
    in_private_mount_namespace(|| {
        let folder = tempfile::Builder::new().prefix("throng-").tempdir().unwrap();
        let paths = Paths::new(&folder.path().join("state"), &folder.path().join("run")).unwrap();
        let (cluster, node) = (cluster(), node(1));
        let spec = DiskSpec { path: None, keep_on_restart: true };
        assert_eq!(ensure(&paths, &cluster, &node, User::Container(None)).unwrap(), Before::Absent);
        let disk = ensure_disk(&paths, &cluster, &node, &spec, User::Container(None), false).unwrap();
        assert_eq!(owner_and_mode(&disk), (0, 0, 0o1777));
        for way in [paths.node_dir(&cluster, &node), paths.node_disk_dir(&cluster, &node)] {
            assert_eq!(owner_and_mode(&way), (0, 0, 0o700), "{}", way.display());
        }
        remove_node(&paths, &cluster, &node).unwrap();
        remove_cluster(&paths, &cluster).unwrap();
        assert!(clusters(&paths).unwrap().is_empty());
    });
}

#[test]
fn a_shared_folder_is_its_owners_also_when_an_agent_died_half_way_and_passes_only_the_group_of_a_process() {
    in_private_mount_namespace(|| {
        let folder = tempfile::Builder::new().prefix("throng-").tempdir().unwrap();
        let paths = Paths::new(&folder.path().join("state"), &folder.path().join("run")).unwrap();
        let cluster = cluster();
        let spec = SharedSpec { name: "store".to_owned(), path: None, uid: 1000, gid: 1001, mode: 0o2775 };
        let (shared, way) = (paths.shared_dir(&cluster, "store"), paths.shared_way(&cluster, "store"));
        // Made, and not given to its owner.
        fs::create_dir_all(&shared).unwrap();
        for user in [User::Container(None), User::Container(Some(USER))] {
            ensure_shared(&paths, &cluster, &spec, user).unwrap();
            assert_eq!(owner_and_mode(&shared), (1000, 1001, 0o2775));
        }
        fs::write(shared.join("data"), "x").unwrap();
        ensure_shared(&paths, &cluster, &spec, OF_PROCESS).unwrap();
        assert_eq!(owner_and_mode(&way), (0, 2345, 0o710));
        ensure_shared(&paths, &cluster, &SharedSpec { mode: 0o1777, ..spec.clone() }, User::Container(None)).unwrap();
        assert_eq!((owner_and_mode(&shared), owner_and_mode(&way)), ((1000, 1001, 0o1777), (0, 2345, 0o710)));
        assert!(shared.join("data").exists());

        let other = SharedSpec { name: "other".to_owned(), ..spec.clone() };
        ensure_shared(&paths, &cluster, &other, User::Container(None)).unwrap();
        assert_eq!(owner_and_mode(&paths.shared_way(&cluster, "other")), (0, 0, 0o700));
        for name in ["", ".", "..", "a/b", "../a"] {
            let bad = SharedSpec { name: name.to_owned(), ..spec.clone() };
            assert!(ensure_shared(&paths, &cluster, &bad, OF_PROCESS).is_err(), "{name}");
        }
        remove_cluster(&paths, &cluster).unwrap();
        assert!(clusters(&paths).unwrap().is_empty());
    });
}
