use std::path::Path;

use super::Descriptors;

fn descriptors(targets: &[&str]) -> Descriptors {
    Descriptors(targets.iter().map(Into::into).collect())
}

#[test]
fn a_connection_that_was_closing_hides_none_that_is_left() {
    let before = descriptors(&["/store/lock", "socket:[1]", "socket:[2]"]);
    assert_eq!(descriptors(&["/store/lock", "socket:[1]"]).count_beyond(&before), 0);
    assert_eq!(descriptors(&["/store/lock", "socket:[1]", "socket:[3]"]).count_beyond(&before), 1);
}

#[test]
fn a_socket_that_is_open_once_more_is_one_more() {
    let before = descriptors(&["socket:[1]", "socket:[1]"]);
    assert_eq!(before.count_beyond(&before), 0);
    assert_eq!(descriptors(&["socket:[1]", "socket:[1]", "socket:[1]"]).count_beyond(&before), 1);
}

#[test]
fn a_connection_that_has_gone_hides_no_file() {
    let before = descriptors(&["/store/lock", "socket:[1]"]);
    assert_eq!(descriptors(&["/store/lock", "/store/#7 (deleted)"]).count_beyond(&before), 1);
}

#[test]
fn a_database_made_anew_is_no_more_than_the_one_before() {
    let before = descriptors(&["/store/index.redb", "anon_inode:[eventfd]"]);
    assert_eq!(descriptors(&["/store/#7 (deleted)", "anon_inode:[eventfd]"]).count_beyond(&before), 0);
    assert_eq!(
        descriptors(&["/store/#7 (deleted)", "/store/index.redb", "anon_inode:[eventfd]"])
            .count_beyond(&before),
        1
    );
}

#[test]
fn files_outside_a_directory_are_those_not_below_it() {
    let open =
        descriptors(&["/store/lock", "/store/blobs/sha256/ab/cd", "/store/blobs-of-another", "socket:[1]"]);
    assert_eq!(open.count_outside(Path::new("/store/blobs")), 3);
}
