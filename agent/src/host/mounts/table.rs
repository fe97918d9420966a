//! `/proc/<pid>/mountinfo`, read into values.
//!
//! A parser of our own: the audit must not lose a whole table to one odd line, and needs escapes (`\040`) decoded.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt};
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Where a line's mount point stands among its fields, from 0.
const MOUNT_POINT: usize = 4;

/// The number of a file system's device, `major:minor`, as `stat` and mountinfo give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Device {
    /// The major number; 0 for tmpfs.
    pub major: u32,
    /// The minor number.
    pub minor: u32,
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// One line of a mount table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MountEntry {
    /// The mount's number, unique at one time.
    pub id: u32,
    /// The number of the mount that it lies on.
    pub parent: u32,
    /// The file system's device.
    pub device: Device,
    /// The folder of the file system that is seen here.
    pub root: PathBuf,
    /// Where it is seen.
    pub mount_point: PathBuf,
    /// The file system's type, `tmpfs`.
    pub fs_type: String,
    /// The source that it was mounted with.
    pub source: String,
    /// The file system's own options, comma-separated.
    pub super_options: String,
}

impl MountEntry {
    /// The value of `name=value` among the file system's own options.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.super_options.split(',').find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    }

    /// Whether a flag is among the file system's own options.
    pub fn has_flag(&self, name: &str) -> bool {
        self.super_options.split(',').any(|option| option == name)
    }

    /// The `size=` of a tmpfs in bytes; none where it is not given or no number.
    pub fn size_bytes(&self) -> Option<u64> {
        let text = self.option("size")?;
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let factor = match &text[digits.len()..] {
            "" => 1,
            "k" | "K" => 1 << 10,
            "m" | "M" => 1 << 20,
            "g" | "G" => 1 << 30,
            _ => return None,
        };
        digits.parse::<u64>().ok()?.checked_mul(factor)
    }
}

/// Reads the mount table that a process sees: `self`, or a process id.
pub fn read_table(proc_root: &Path, process: &str) -> io::Result<Vec<MountEntry>> {
    Ok(parse_table(&fs::read(proc_root.join(process).join("mountinfo"))?))
}

/// Reads a table's text; lines that are not understood are left out.
pub fn parse_table(text: &[u8]) -> Vec<MountEntry> {
    text.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

/// Reads of a table's text what lies at and below a folder. Of the other lines, which are as many as there are nodes, only
/// the path is looked at.
pub fn parse_below(text: &[u8], folder: &Path) -> Vec<MountEntry> {
    let prefix = folder.as_os_str().as_bytes();
    let prefix = prefix.strip_suffix(b"/").unwrap_or(prefix);
    // What the kernel escapes is not written in the table as it is in the path.
    let is_escaped = prefix.iter().any(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\\' | b'#'));
    let may_lie_below = |line: &&[u8]| {
        let path = line.split(|byte| *byte == b' ').nth(MOUNT_POINT);
        is_escaped || path.is_some_and(|path| path.starts_with(prefix))
    };
    let lines = text.split(|byte| *byte == b'\n').filter(may_lie_below).filter_map(parse_line);
    lines.filter(|entry| entry.mount_point.starts_with(folder)).collect()
}

fn parse_line(line: &[u8]) -> Option<MountEntry> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = number(fields.next()?)?;
    let parent = number(fields.next()?)?;
    let device = device(fields.next()?)?;
    let root = path(fields.next()?);
    let mount_point = path(fields.next()?);
    fields.find(|field| *field == b"-")?;
    let fs_type = text(fields.next()?);
    let source = text(fields.next()?);
    let super_options = text(fields.next().unwrap_or_default());
    Some(MountEntry { id, parent, device, root, mount_point, fs_type, source, super_options })
}

fn number(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

fn device(field: &[u8]) -> Option<Device> {
    let (major, minor) = std::str::from_utf8(field).ok()?.split_once(':')?;
    Some(Device { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

fn path(field: &[u8]) -> PathBuf {
    OsString::from_vec(unescape(field)).into()
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(&unescape(field)).into_owned()
}

/// Whether nothing of it is escaped.
fn is_plain(field: &[u8]) -> bool {
    !field.contains(&b'\\')
}

/// Decodes `\040` and its like: the kernel writes blank, tab, newline and backslash so.
fn unescape(field: &[u8]) -> Vec<u8> {
    // Nearly all of them, and there are thousands.
    if is_plain(field) {
        return field.to_vec();
    }
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        if let (b'\\', Some(decoded)) = (byte, octal(after)) {
            plain.push(decoded);
            rest = &after[3..];
        } else {
            plain.push(byte);
            rest = after;
        }
    }
    plain
}

fn octal(digits: &[u8]) -> Option<u8> {
    let digits = digits.get(..3)?;
    digits
        .iter()
        .all(u8::is_ascii_digit)
        .then(|| std::str::from_utf8(digits).ok())?
        .and_then(|text| u8::from_str_radix(text, 8).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TABLE: &str = "\
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
not a line
90 27 0:77 / /run/throng/c-x/w-0001/ramdisk/a\\040b rw,nosuid - tmpfs throng:c-x/w-0001/a\\040b rw,size=8192k,nr_inodes=1024,mode=700
91 27 0:78 / /x rw master:1 propagate_from:2 - tmpfs none rw
";

    #[test]
    fn a_table_is_read_and_an_odd_line_costs_only_itself() {
        let table = parse_table(TABLE.as_bytes());
        assert_eq!(table.len(), 4);
        let ours = &table[2];
        assert_eq!(ours.mount_point, Path::new("/run/throng/c-x/w-0001/ramdisk/a b"));
        assert_eq!(ours.source, "throng:c-x/w-0001/a b");
        assert_eq!(ours.size_bytes(), Some(8 << 20));
        assert_eq!(ours.device, Device { major: 0, minor: 77 });
        assert_eq!(table[3].size_bytes(), None);
        assert!(table[1].has_flag("memory") && !table[1].has_flag("mem"));
    }

    #[test]
    fn below_a_folder_is_what_the_whole_table_has_there() {
        let whole = parse_table(TABLE.as_bytes());
        let folders =
            ["/", "/x", "/x/", "/run/throng/c-x", "/run/thron", "/run/throng/c-x/w-0001/ramdisk/a b", "/none"];
        for folder in folders.map(Path::new) {
            let expected: Vec<_> =
                whole.iter().filter(|entry| entry.mount_point.starts_with(folder)).cloned().collect();
            assert_eq!(parse_below(TABLE.as_bytes(), folder), expected, "{}", folder.display());
        }
    }

    #[test]
    fn the_kernels_own_table_is_read_whole() {
        let text = fs::read("/proc/self/mountinfo").unwrap();
        let lines = String::from_utf8_lossy(&text).lines().count();
        assert_eq!(parse_table(&text).len(), lines);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            parse_table(&bytes);
        }
    }
}
