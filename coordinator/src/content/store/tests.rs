use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn digest(text: &str) -> ContentDigest {
    ContentDigest::of(text.as_bytes()).unwrap()
}

async fn put(store: &ContentStore, text: &str) {
    let mut partial = store.begin(digest(text)).await.unwrap();
    for piece in text.as_bytes().chunks(3) {
        partial.write(piece).await.unwrap();
    }
    partial.finish().await.unwrap();
}

fn files(folder: &Path) -> usize {
    entries(folder).unwrap().iter().map(|folder| entries(folder).unwrap().len()).sum()
}

#[tokio::test]
async fn what_came_in_whole_is_here_and_comes_out_the_same() {
    let root = tempfile::tempdir().unwrap();
    let store = ContentStore::new(root.path().join("contents"));
    let (here, away) = (digest("some contents"), digest("others"));
    assert_eq!(store.missing([here, away]), [here, away]);
    put(&store, "some contents").await;
    put(&store, "some contents").await;
    assert_eq!(store.missing([here, away]), [away]);
    let out = root.path().join("a/b/out.sh");
    store.copy_to(&here, &out, 0o755).unwrap();
    assert_eq!(fs::read(&out).unwrap(), b"some contents");
    assert_eq!(out.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    assert!(matches!(store.copy_to(&away, &out, 0o644), Err(ContentError::Missing { .. })));
}

#[tokio::test]
async fn what_is_not_what_it_was_said_to_be_is_refused_and_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let store = ContentStore::new(root.path().to_owned());
    let mut partial = store.begin(digest("right")).await.unwrap();
    partial.write(b"wrong").await.unwrap();
    assert!(matches!(partial.finish().await, Err(ContentError::Changed { .. })));
    let mut cut_off = store.begin(digest("right")).await.unwrap();
    cut_off.write(b"rig").await.unwrap();
    drop(cut_off);
    assert_eq!((store.missing([digest("right")]).len(), files(root.path())), (1, 0));
}

#[tokio::test]
async fn what_was_damaged_is_removed_so_that_it_is_sent_again() {
    let root = tempfile::tempdir().unwrap();
    let store = ContentStore::new(root.path().to_owned());
    put(&store, "whole").await;
    fs::write(store.path(&digest("whole")), b"torn").unwrap();
    let damaged = store.copy_to(&digest("whole"), &root.path().join("out"), 0o644);
    assert!(matches!(damaged, Err(ContentError::Damaged { .. })));
    assert_eq!(store.missing([digest("whole")]).len(), 1);
}

#[tokio::test]
async fn what_nobody_used_for_longest_goes_first_and_what_is_fresh_stays() {
    let root = tempfile::tempdir().unwrap();
    let store = ContentStore::new(root.path().to_owned());
    for text in ["oldest", "newer!", "fresh!"] {
        put(&store, text).await;
    }
    // As if two hours had gone by since; then one of them is asked for.
    let now = SystemTime::now() + 2 * FRESH;
    let used = |text: &str, at: SystemTime| {
        fs::File::open(store.path(&digest(text))).unwrap().set_modified(at).unwrap();
    };
    used("oldest", now - 2 * FRESH);
    used("newer!", now - 2 * FRESH + MINUTE);
    used("fresh!", now - MINUTE);
    store.prune_to(12, now).unwrap();
    assert_eq!(store.missing(["oldest", "newer!", "fresh!"].map(digest)), [digest("oldest")]);
    used("newer!", now - 2 * FRESH);
    used("fresh!", now - MINUTE);
    store.prune_to(0, now).unwrap();
    assert_eq!(store.missing(["newer!", "fresh!"].map(digest)), [digest("newer!")]);
}

#[test]
fn a_store_that_was_never_used_has_nothing_to_prune() {
    let root = tempfile::tempdir().unwrap();
    ContentStore::new(root.path().join("none")).prune().unwrap();
}
