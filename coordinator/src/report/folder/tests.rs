use super::super::sample;
use super::*;

fn folder() -> (tempfile::TempDir, RunFolder) {
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(root.path().join("run")).unwrap();
    (root, folder)
}

#[test]
fn a_report_is_written_in_all_forms_and_read_back_as_it_was() {
    for report in [
        sample::passed(),
        sample::failed(),
        sample::known(),
        sample::residue(),
        sample::no_quorum(),
        sample::interrupted(),
    ] {
        let (_root, folder) = folder();
        folder.write_report(&report).unwrap();
        let moved = folder.root().display().to_string();
        assert_eq!(folder.load().unwrap(), RunReport { folder: moved, ..report });
        assert!(fs::read_to_string(folder.path(JUNIT_FILE)).unwrap().starts_with("<?xml"));
    }
}

#[test]
fn metrics_are_lines_that_a_spreadsheet_reads() {
    let (_root, folder) = folder();
    folder.write_report(&sample::passed()).unwrap();
    let csv = fs::read_to_string(folder.path(METRICS_FILE)).unwrap();
    assert_eq!(csv.lines().count(), 8);
    assert_eq!(csv.lines().nth(5), Some("throughput,1790000000000,81234,\"ops/s\""));
}

#[test]
fn a_report_has_the_keys_that_are_documented() {
    insta::assert_json_snapshot!(sample::failed());
}

#[test]
fn nothing_half_written_is_left() {
    let (_root, folder) = folder();
    folder.write("scenario/bin/check.sh", b"#!/bin/sh\n", 0o755).unwrap();
    let mode = |path: &str| fs::metadata(folder.scenario_dir().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("bin/check.sh"), 0o755);
    let names: Vec<_> =
        fs::read_dir(folder.scenario_dir().join("bin")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["check.sh"]);
}

#[test]
fn no_file_is_written_outside() {
    let (_root, folder) = folder();
    for path in ["../x", "/etc/x", "a/../../x"] {
        assert!(matches!(folder.write(path, b"", 0o644), Err(FolderError::Outside(_))), "{path}");
    }
}

#[test]
fn a_report_of_a_newer_kind_is_refused_by_its_format() {
    let (_root, folder) = folder();
    folder.write(REPORT_FILE, br#"{"format": 99, "unheard": "of"}"#, 0o644).unwrap();
    assert!(matches!(folder.load(), Err(FolderError::Newer { found: 99, .. })));
    folder.write(REPORT_FILE, b"{", 0o644).unwrap();
    assert!(matches!(folder.load(), Err(FolderError::Malformed { .. })));
}
