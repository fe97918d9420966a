//! The kernel settings that the planner knows: an agent reads them, `plan` shows and raises them.

/// Above the highest process id.
pub const PID_MAX: &str = "kernel.pid_max";
/// Most tasks of the kernel.
pub const THREADS_MAX: &str = "kernel.threads-max";
/// Most session keyrings and keys of root.
pub const ROOT_MAXKEYS: &str = "kernel.keys.root_maxkeys";
/// Most bytes in root's keys.
pub const ROOT_MAXBYTES: &str = "kernel.keys.root_maxbytes";
/// Most open files of the whole system.
pub const FILE_MAX: &str = "fs.file-max";
/// Highest limit of open files that a process may be given.
pub const NR_OPEN: &str = "fs.nr_open";
/// Most mounts of one mount namespace.
pub const MOUNT_MAX: &str = "fs.mount-max";
/// Most inotify instances of one user.
pub const INOTIFY_INSTANCES: &str = "fs.inotify.max_user_instances";
/// Most inotify watches of one user.
pub const INOTIFY_WATCHES: &str = "fs.inotify.max_user_watches";
/// Most memory maps of one process.
pub const MAX_MAP_COUNT: &str = "vm.max_map_count";
/// Longest queue of a listening socket.
pub const SOMAXCONN: &str = "net.core.somaxconn";
/// Longest queue of received packets of one core.
pub const NETDEV_MAX_BACKLOG: &str = "net.core.netdev_max_backlog";
/// Most connections in the making of one listening socket.
pub const SYN_BACKLOG: &str = "net.ipv4.tcp_max_syn_backlog";
/// The ports that outgoing connections use: `32768 60999`.
pub const LOCAL_PORT_RANGE: &str = "net.ipv4.ip_local_port_range";
/// Ports that outgoing connections leave alone.
pub const RESERVED_PORTS: &str = "net.ipv4.ip_local_reserved_ports";
/// Neighbours below which none is forgotten.
pub const NEIGH_THRESH1: &str = "net.ipv4.neigh.default.gc_thresh1";
/// Neighbours above which old ones are soon forgotten.
pub const NEIGH_THRESH2: &str = "net.ipv4.neigh.default.gc_thresh2";
/// Most neighbours.
pub const NEIGH_THRESH3: &str = "net.ipv4.neigh.default.gc_thresh3";
/// Most mount namespaces of one user.
pub const MNT_NAMESPACES: &str = "user.max_mnt_namespaces";
/// Most pid namespaces of one user.
pub const PID_NAMESPACES: &str = "user.max_pid_namespaces";
/// Most ipc namespaces of one user.
pub const IPC_NAMESPACES: &str = "user.max_ipc_namespaces";
/// Most uts namespaces of one user.
pub const UTS_NAMESPACES: &str = "user.max_uts_namespaces";
/// Most keys of a user who is not root.
pub const MAXKEYS: &str = "kernel.keys.maxkeys";
/// Most bytes in the keys of a user who is not root.
pub const MAXBYTES: &str = "kernel.keys.maxbytes";
/// Most asynchronous requests of the whole system.
pub const AIO_MAX_NR: &str = "fs.aio-max-nr";
/// Whether memory may be promised that is not there: 0 guessed, 1 always, 2 never.
pub const OVERCOMMIT_MEMORY: &str = "vm.overcommit_memory";
/// How readily memory is swapped out.
pub const SWAPPINESS: &str = "vm.swappiness";
/// As [`NEIGH_THRESH1`], for IPv6.
pub const NEIGH6_THRESH1: &str = "net.ipv6.neigh.default.gc_thresh1";
/// As [`NEIGH_THRESH2`], for IPv6.
pub const NEIGH6_THRESH2: &str = "net.ipv6.neigh.default.gc_thresh2";
/// As [`NEIGH_THRESH3`], for IPv6.
pub const NEIGH6_THRESH3: &str = "net.ipv6.neigh.default.gc_thresh3";
/// Most connections that the firewall follows, where it does.
pub const CONNTRACK_MAX: &str = "net.netfilter.nf_conntrack_max";
/// Connections that the firewall follows now. Only read.
pub const CONNTRACK_COUNT: &str = "net.netfilter.nf_conntrack_count";

/// All of them, for `HostFacts::sysctls`. One that a kernel does not have is left out there.
pub const ALL: [&str; 32] = [
    PID_MAX,
    THREADS_MAX,
    ROOT_MAXKEYS,
    ROOT_MAXBYTES,
    FILE_MAX,
    NR_OPEN,
    MOUNT_MAX,
    INOTIFY_INSTANCES,
    INOTIFY_WATCHES,
    MAX_MAP_COUNT,
    SOMAXCONN,
    NETDEV_MAX_BACKLOG,
    SYN_BACKLOG,
    LOCAL_PORT_RANGE,
    RESERVED_PORTS,
    NEIGH_THRESH1,
    NEIGH_THRESH2,
    NEIGH_THRESH3,
    MNT_NAMESPACES,
    PID_NAMESPACES,
    IPC_NAMESPACES,
    UTS_NAMESPACES,
    MAXKEYS,
    MAXBYTES,
    AIO_MAX_NR,
    OVERCOMMIT_MEMORY,
    SWAPPINESS,
    NEIGH6_THRESH1,
    NEIGH6_THRESH2,
    NEIGH6_THRESH3,
    CONNTRACK_MAX,
    CONNTRACK_COUNT,
];
