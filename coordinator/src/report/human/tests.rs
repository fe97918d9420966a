use super::super::sample;
use super::{Standing, render, render_now};

#[test]
fn a_run_where_all_passed_reads_at_a_glance() {
    insta::assert_snapshot!(render(&sample::passed(), 80, false));
}

#[test]
fn a_role_whose_ramdisks_were_nearly_full_is_named() {
    let with_peak = |mib: u64| {
        let mut report = sample::passed();
        report.roles[0].ramdisk_max_bytes = Some(10 << 20);
        report.roles[0].peak_ramdisk_bytes = Some(mib << 20);
        render(&report, 80, false).lines().find(|line| line.starts_with("Ramdisks nearly full")).map(str::to_owned)
    };
    assert_eq!(with_peak(7), None);
    let line = with_peak(8).unwrap();
    assert!(line.ends_with("8MiB of 10MiB"), "{line}");
}

#[test]
fn a_failure_names_its_nodes_folded_and_where_to_look() {
    insta::assert_snapshot!(render(&sample::failed(), 100, false));
}

#[test]
fn known_failures_and_unexpected_passes_say_why_and_what_to_do() {
    insta::assert_snapshot!(render(&sample::known(), 100, false));
}

#[test]
fn what_may_be_the_machines_says_why_and_what_to_do() {
    insta::assert_snapshot!(render(&sample::excused(), 100, false));
}

#[test]
fn residue_is_listed_with_its_remedies() {
    insta::assert_snapshot!(render(&sample::residue(), 80, false));
}

#[test]
fn a_cluster_that_did_not_come_up_names_who_is_missing() {
    insta::assert_snapshot!(render(&sample::no_quorum(), 80, false));
}

#[test]
fn an_interrupted_run_that_was_kept_says_what_to_type_next() {
    insta::assert_snapshot!(render(&sample::interrupted(), 80, false));
}

#[test]
fn a_run_whose_coordinator_ended_says_that_nothing_is_known() {
    insta::assert_snapshot!(render(&sample::left_off(), 80, false));
}

#[test]
fn of_a_cluster_that_was_kept_is_said_what_has_become_of_it_and_nothing_that_is_no_longer_true() {
    let says = |now| {
        let text = render_now(&sample::interrupted(), 80, false, now);
        let from = text.find("luster").map_or(0, |at| text[..at].rfind('\n').map_or(0, |end| end + 1));
        text[from..].lines().take(2).collect::<Vec<_>>().join("|")
    };
    let all = [Standing::Unknown, Standing::Up, Standing::Leaving, Standing::Gone].map(says);
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn colour_changes_no_word() {
    let colour = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    for report in [sample::passed(), sample::failed(), sample::known(), sample::residue(), sample::interrupted()] {
        let painted = render(&report, 100, true);
        assert!(painted.contains('\u{1b}'));
        assert_eq!(colour.replace_all(&painted, ""), render(&report, 100, false));
        assert!(render(&report, 100, false).is_ascii());
    }
}

#[test]
fn lines_keep_to_the_width_but_for_words_that_cannot_be_broken() {
    for report in [sample::passed(), sample::failed(), sample::known(), sample::no_quorum()] {
        for line in render(&report, 72, false).lines() {
            let breakable = line.trim().contains(' ') && !line.contains("run ") && !line.contains("logs/");
            assert!(!breakable || line.chars().count() <= 72, "{line}");
        }
    }
}
