//! What is not throng's in a hosts file stays byte for byte, whatever is in it, and blocks go without a trace.

use throng_agent::resources::names::block::{clusters, with_block, without_block};
use throng_common::ids::ClusterId;

pub(super) fn take(bytes: &[u8]) {
    let own = ClusterId::new("redis-x7k2").expect("it is an id");
    let lines = ["127.84.0.1\tworker-0000".to_owned(), "127.84.0.2\tworker-0001".to_owned()];
    let foreign = without_block(bytes, &own);
    assert!(!clusters(&foreign).contains(&own));
    for count in 0..=lines.len() {
        let with = with_block(bytes, &own, &lines[..count]);
        assert!(clusters(&with).contains(&own));
        assert_eq!(without_block(&with, &own), foreign, "gone without a trace");
        assert_eq!(with_block(&with, &own, &lines[..count]), with, "twice is once");
    }
    // Those of all clusters that are in it go one by one, in any order.
    let all = clusters(bytes);
    let forwards = all.iter().fold(bytes.to_vec(), |file, cluster| without_block(&file, cluster));
    let backwards = all.iter().rev().fold(bytes.to_vec(), |file, cluster| without_block(&file, cluster));
    assert_eq!(forwards, backwards);
    assert!(clusters(&forwards).is_empty());
}
