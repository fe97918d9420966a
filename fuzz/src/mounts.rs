//! A table of mounts is read line by line: an odd line costs only itself.

use throng_agent::host::mounts::table::parse_table;

const GOOD: &[u8] =
    b"90 27 0:77 / /run/throng/c-x/w-0001/ramdisk/a\\040b rw - tmpfs throng:c-x/w-0001/a rw,size=8192k\n";

pub(super) fn take(bytes: &[u8]) {
    let table = parse_table(bytes);
    for entry in &table {
        let _ = (entry.size_bytes(), entry.option("size"), entry.has_flag("ro"));
    }
    // Between whole lines a good one is always found.
    let around = [bytes, b"\n", GOOD, bytes].concat();
    let expected = parse_table(GOOD);
    assert_eq!(expected.len(), 1);
    assert!(parse_table(&around).contains(&expected[0]));
}
