//! A cluster's block in a hosts file that belongs to somebody else. Pure.
//!
//! Every line of a block carries its cluster's mark at its end, and the block's first and last line are comments: so a
//! line is ours or not whatever became of the block around it, and a foreign line is never lost, wherever it stands.

use throng_common::ids::ClusterId;

/// With what the mark at a line's end begins; the cluster's id follows.
const MARK: &str = "# throng ";
const BEGIN: &str = "# BEGIN throng ";
const END: &str = "# END throng ";

/// The file with this cluster's block holding `lines` (without ends of lines), in the place of an old one or at the end.
///
/// All that is not the cluster's stays byte for byte; doing it twice changes nothing more.
pub fn with_block(file: &[u8], cluster: &ClusterId, lines: &[String]) -> Vec<u8> {
    let ours = |line: &&[u8]| cluster_of(line) == Some(cluster.as_str());
    let foreign_before = |end: usize| -> usize {
        let before = split_lines(file).take(end);
        before.filter(|line| !ours(line)).map(<[u8]>::len).sum()
    };
    let foreign = without_block(file, cluster);
    let position = match split_lines(file).position(|line| ours(&line)) {
        Some(first) => foreign_before(first),
        // A last line without its end stays the last: so taking the block out gives the same file again.
        None => foreign.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1),
    };
    let lines: String = lines.iter().flat_map(|line| [line, " ", MARK, cluster.as_str(), "\n"]).collect();
    let block = format!("{BEGIN}{cluster}\n{lines}{END}{cluster}\n");
    [&foreign[..position], block.as_bytes(), &foreign[position..]].concat()
}

/// The file without this cluster's lines; all else byte for byte.
pub fn without_block(file: &[u8], cluster: &ClusterId) -> Vec<u8> {
    split_lines(file).filter(|line| cluster_of(line) != Some(cluster.as_str())).collect::<Vec<_>>().concat()
}

/// The clusters that have lines in the file, each once, in the order of their first lines.
pub fn clusters(file: &[u8]) -> Vec<ClusterId> {
    let mut found = Vec::new();
    for cluster in split_lines(file).filter_map(cluster_of).filter_map(|text| ClusterId::new(text).ok()) {
        if !found.contains(&cluster) {
            found.push(cluster);
        }
    }
    found
}

/// The cluster that a line is of. Only a whole mark at the very end counts.
fn cluster_of(line: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(line.strip_suffix(b"\n").unwrap_or(line)).ok()?;
    let marked = |text| -> Option<&str> { Some(str::rsplit_once(text, MARK)?.1) };
    let id = text.strip_prefix(BEGIN).or_else(|| text.strip_prefix(END)).or_else(|| marked(text))?;
    ClusterId::new(id).is_ok().then_some(id)
}

/// The lines with their ends; together they are the file.
fn split_lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    file.split_inclusive(|byte| *byte == b'\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> ClusterId {
        ClusterId::new(text).unwrap()
    }

    fn lines() -> Vec<String> {
        vec!["127.84.0.1\tworker-0000".to_owned(), "127.84.0.2\tworker-0001".to_owned()]
    }

    #[test]
    fn a_block_is_added_replaced_in_its_place_and_removed() {
        let before = b"127.0.0.1 localhost\n";
        let with = with_block(before, &id("a-1"), &lines());
        let text = String::from_utf8(with.clone()).unwrap();
        let expected = "127.0.0.1 localhost\n# BEGIN throng a-1\n127.84.0.1\tworker-0000 # throng a-1\n\
                        127.84.0.2\tworker-0001 # throng a-1\n# END throng a-1\n";
        assert_eq!(text, expected);
        let with_more = [&with[..], b"10.0.0.1 later\n"].concat();
        let replaced = with_block(&with_more, &id("a-1"), &lines()[..1]);
        assert!(String::from_utf8(replaced.clone()).unwrap().ends_with("# END throng a-1\n10.0.0.1 later\n"));
        assert_eq!(without_block(&replaced, &id("a-1")), b"127.0.0.1 localhost\n10.0.0.1 later\n");
    }

    #[test]
    fn a_neighbours_block_and_look_alikes_are_left() {
        let file = b"1.1.1.1 x # throng a-1-b\n# throngling a-1\n2.2.2.2 y # throng A-1\n# BEGIN throng b-2\n";
        assert_eq!(without_block(file, &id("a-1")), file);
        assert_eq!(clusters(file), [id("a-1-b"), id("b-2")]);
    }

    /// Pieces out of which damaged files are made: ends without beginnings, blocks in blocks, foreign lines within.
    fn any_file() -> impl Strategy<Value = Vec<u8>> {
        let ours = prop::sample::select(vec![
            "# BEGIN throng a-1\n",
            "# END throng a-1\n",
            "127.84.0.1\tw # throng a-1\n",
            "# BEGIN throng b-2\n",
            "1.1.1.1 v # throng b-2\n",
            "# END throng a-1",
        ]);
        let piece = prop_oneof![
            3 => ours.prop_map(|text| text.as_bytes().to_vec()),
            2 => "[ -~]{0,20}\n".prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 0..12),
            1 => Just(b"10.0.0.1 mine".to_vec()),
        ];
        prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn what_is_not_ours_stays_byte_for_byte(file in any_file(), count in 0usize..3) {
            let cluster = id("a-1");
            let foreign = without_block(&file, &cluster);
            let with = with_block(&file, &cluster, &lines()[..count]);
            prop_assert_eq!(&without_block(&with, &cluster), &foreign);
            prop_assert_eq!(&with_block(&with, &cluster, &lines()[..count]), &with, "twice is once");
            prop_assert_eq!(without_block(&foreign, &cluster), foreign.clone());
            // Another cluster's block comes and goes without a trace.
            let other = id("c-3");
            let both = with_block(&with, &other, &lines());
            prop_assert_eq!(without_block(&both, &other), with);
        }

        #[test]
        fn every_foreign_line_is_still_there(file in any_file()) {
            let with = with_block(&file, &id("a-1"), &lines());
            let text = String::from_utf8_lossy(&with).into_owned();
            for line in String::from_utf8_lossy(&file).lines().filter(|line| line.contains("mine")) {
                prop_assert!(text.contains(line) || line.ends_with("# throng a-1"));
            }
        }
    }
}
