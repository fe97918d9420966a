//! Linux capabilities that a container may keep.

use crate::scenario::code::Code;
use crate::scenario::report::{Fault, suggest};

/// What a container may keep, without CAP_ (capabilities(7)).
const ALLOWED: [&str; 24] = [
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
    "SYS_NICE",
];

/// What would hand the host, or all other nodes, to a container.
const FORBIDDEN: [&str; 17] = [
    "ALL",
    "BPF",
    "DAC_READ_SEARCH",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "NET_ADMIN",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "SYSLOG",
];

/// Whether a container may keep it.
pub(super) fn check(name: &str) -> Result<(), Fault> {
    let upper = name.to_uppercase();
    let plain = upper.strip_prefix("CAP_").unwrap_or(&upper);
    if ALLOWED.contains(&plain) {
        return Ok(());
    }
    if FORBIDDEN.contains(&plain) || plain == "WAKE_ALARM" {
        let message = format!("the capability `{name}` would give a container power over its host");
        let hint = "run the role as a process, or do without it: containers share their host's network";
        return Err(Fault::new(Code::ForbiddenCapability, message).hint(hint));
    }
    let message = format!("Linux has no capability `{name}`");
    Err(Fault::new(Code::UnknownCapability, message).hint(suggest(plain, ALLOWED, "")))
}
