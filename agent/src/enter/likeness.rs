//! What bounds a process, by what the kernel writes of it. Pure.

use nix::sys::resource::Resource;
use rustix::thread::CapabilitySet;

use super::error::EnterError;

/// User, groups, capabilities and the like: of `/proc/<pid>/status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Likeness {
    /// Real, effective and saved.
    pub(super) uids: [u32; 3],
    /// Real, effective and saved.
    pub(super) gids: [u32; 3],
    /// Further groups.
    pub(super) groups: Vec<u32>,
    /// What it passes on.
    pub(super) inheritable: CapabilitySet,
    /// What it may have.
    pub(super) permitted: CapabilitySet,
    /// What it has.
    pub(super) effective: CapabilitySet,
    /// What no program that it runs can have more than.
    pub(super) bounding: CapabilitySet,
    /// What programs of no privilege get.
    pub(super) ambient: CapabilitySet,
    /// Whether no program that it runs gains anything.
    pub(super) no_new_privs: bool,
    /// How its system calls are bounded: 0 not, 1 strictly, 2 by filters.
    pub(super) seccomp: u32,
    /// What files that it makes cannot be.
    pub(super) umask: u32,
    /// Its id in its own process namespace.
    pub(super) inner_pid: i32,
}

/// A limit of a process; none: unlimited.
pub(super) type Limit = (Resource, Option<u64>, Option<u64>);

const ODD: EnterError = EnterError::Odd { what: "status" };

impl Likeness {
    /// Reads `/proc/<pid>/status`. A line that is missing is an error: what is not known cannot be put on.
    pub(super) fn parse(status: &str) -> Result<Self, EnterError> {
        let ids = |key| -> Result<[u32; 3], EnterError> {
            let ids: Vec<u32> = words(status, key)?.filter_map(|word| word.parse().ok()).collect();
            <[u32; 3]>::try_from(ids.get(..3).ok_or(ODD)?).map_err(|_| ODD)
        };
        let capabilities = |key| {
            let bits = u64::from_str_radix(first(status, key)?, 16).map_err(|_| ODD)?;
            Ok::<_, EnterError>(CapabilitySet::from_bits_retain(bits))
        };
        let number = |key, radix| u32::from_str_radix(first(status, key)?, radix).map_err(|_| ODD);
        let groups = words(status, "Groups:")?.map(|word| word.parse().map_err(|_| ODD));
        let inner_pid = words(status, "NSpid:")?.last().and_then(|word| word.parse().ok()).ok_or(ODD)?;
        Ok(Self {
            uids: ids("Uid:")?,
            gids: ids("Gid:")?,
            groups: groups.collect::<Result<_, _>>()?,
            inheritable: capabilities("CapInh:")?,
            permitted: capabilities("CapPrm:")?,
            effective: capabilities("CapEff:")?,
            bounding: capabilities("CapBnd:")?,
            ambient: capabilities("CapAmb:")?,
            no_new_privs: number("NoNewPrivs:", 10)? != 0,
            seccomp: number("Seccomp:", 10)?,
            umask: number("Umask:", 8)?,
            inner_pid,
        })
    }
}

/// Reads `/proc/<pid>/limits`. All of them must be there.
pub(super) fn limits(text: &str) -> Result<Vec<Limit>, EnterError> {
    const NAMES: [(&str, Resource); 16] = [
        ("Max cpu time", Resource::RLIMIT_CPU),
        ("Max file size", Resource::RLIMIT_FSIZE),
        ("Max data size", Resource::RLIMIT_DATA),
        ("Max stack size", Resource::RLIMIT_STACK),
        ("Max core file size", Resource::RLIMIT_CORE),
        ("Max resident set", Resource::RLIMIT_RSS),
        ("Max processes", Resource::RLIMIT_NPROC),
        ("Max open files", Resource::RLIMIT_NOFILE),
        ("Max locked memory", Resource::RLIMIT_MEMLOCK),
        ("Max address space", Resource::RLIMIT_AS),
        ("Max file locks", Resource::RLIMIT_LOCKS),
        ("Max pending signals", Resource::RLIMIT_SIGPENDING),
        ("Max msgqueue size", Resource::RLIMIT_MSGQUEUE),
        ("Max nice priority", Resource::RLIMIT_NICE),
        ("Max realtime priority", Resource::RLIMIT_RTPRIO),
        ("Max realtime timeout", Resource::RLIMIT_RTTIME),
    ];
    let odd = || EnterError::Odd { what: "limits" };
    let value = |word: Option<&str>| match word {
        Some("unlimited") => Ok(None),
        Some(number) => number.parse().map(Some).map_err(|_| odd()),
        None => Err(odd()),
    };
    let one = |(name, resource): (&str, Resource)| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name)).ok_or_else(odd)?;
        let mut words = rest.split_ascii_whitespace();
        Ok((resource, value(words.next())?, value(words.next())?))
    };
    NAMES.into_iter().map(one).collect()
}

/// The number after a key of a status; of the file as the host sees it.
pub(super) fn first<'a>(status: &'a str, key: &str) -> Result<&'a str, EnterError> {
    words(status, key)?.next().ok_or(ODD)
}

fn words<'a>(status: &'a str, key: &str) -> Result<std::str::SplitAsciiWhitespace<'a>, EnterError> {
    let rest = status.lines().find_map(|line| line.strip_prefix(key)).ok_or(ODD)?;
    Ok(rest.split_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tdocker-init\nUmask:\t0022\nState:\tS (sleeping)\nNSpid:\t4711\t1\nTracerPid:\t0\n\
                          Uid:\t1000\t1000\t1000\t1000\nGid:\t100\t100\t100\t100\nGroups:\t4 20 \n\
                          CapInh:\t0000000000000000\nCapPrm:\t0000000000000400\nCapEff:\t0000000000000400\n\
                          CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n\
                          Seccomp_filters:\t1\n";

    #[test]
    fn what_bounds_a_process_is_read_whole() {
        let read = Likeness::parse(STATUS).unwrap();
        assert_eq!((read.uids, read.gids, read.groups.as_slice()), ([1000; 3], [100; 3], &[4, 20][..]));
        assert_eq!(read.permitted, CapabilitySet::NET_BIND_SERVICE);
        assert_eq!(read.bounding.bits(), 0xa804_25fb);
        assert_eq!((read.no_new_privs, read.seccomp, read.umask, read.inner_pid), (true, 2, 0o22, 1));
    }

    #[test]
    fn a_line_that_is_missing_is_no_default() {
        for key in ["Uid:", "Groups:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:", "Umask:", "NSpid:"] {
            let kept: Vec<&str> = STATUS.lines().filter(|line| !line.starts_with(key)).collect();
            let without = kept.join("\n");
            assert!(Likeness::parse(&without).is_err(), "{key}");
        }
    }

    #[test]
    fn all_limits_are_read_or_none() {
        let own = std::fs::read_to_string("/proc/self/limits").unwrap();
        let read = limits(&own).unwrap();
        assert_eq!(read.len(), 16);
        for (resource, soft, hard) in read {
            let (known_soft, known_hard) = nix::sys::resource::getrlimit(resource).unwrap();
            let known = |limit| Some(limit).filter(|limit| *limit != nix::libc::RLIM_INFINITY);
            assert_eq!((soft, hard), (known(known_soft), known(known_hard)), "{resource:?}");
        }
        let cut: String = own.lines().filter(|line| !line.contains("locked memory")).collect();
        assert!(limits(&cut).is_err());
    }
}
