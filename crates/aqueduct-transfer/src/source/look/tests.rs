// The files here are fixtures.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use tempfile::TempDir;

use super::*;

fn tree() -> TempDir {
    let directory = TempDir::new().unwrap();
    let top = directory.path().join("top");
    fs::create_dir_all(top.join("a/b")).unwrap();
    fs::write(top.join("a/b/deep"), "deep").unwrap();
    fs::write(top.join("file"), "content").unwrap();
    fs::write(directory.path().join("outside"), "secret").unwrap();
    symlink("../outside", top.join("link")).unwrap();
    symlink("a", top.join("way")).unwrap();
    symlink("top", directory.path().join("named")).unwrap();
    directory
}

fn look(directory: &TempDir, name: &str, exclude: &[&str]) -> Look {
    let exclude: Vec<_> = exclude.iter().map(|&it| it.to_owned()).collect();
    Look::new(&[directory.path().join(name)], &exclude).unwrap()
}

/// What is at a path: its size, or the names in it.
fn at(look: &Look, path: &str) -> Option<String> {
    let names: Vec<_> = path.split('/').map(|name| name.as_bytes().to_vec()).collect();
    Some(match look.at(&names).unwrap()? {
        Seen::File { opened, stat, .. } => {
            assert_eq!(opened.size(), stat.size);
            opened.size().to_string()
        }
        Seen::Directory(items) => {
            let names: Vec<_> = items.iter().map(|item| String::from_utf8_lossy(&item.name)).collect();
            names.join(" ")
        }
    })
}

#[test]
fn a_path_leads_to_what_is_there_at_that_moment() {
    let directory = tree();
    let look = look(&directory, "top", &[]);
    assert_eq!(at(&look, "top/file").as_deref(), Some("7"));
    assert_eq!(at(&look, "top").as_deref(), Some("a file link way"));
    assert_eq!(at(&look, "top/a/b/deep").as_deref(), Some("4"));
    fs::write(directory.path().join("top/a/later"), "x").unwrap();
    assert_eq!(at(&look, "top/a").as_deref(), Some("b later"));
    assert_eq!(at(&look, "top/nothing"), None);
    assert_eq!(at(&look, "other"), None);
    let Some(Seen::Directory(items)) = look.at(&[]).unwrap() else { unreachable!("all that was named") };
    assert_eq!((items.len(), &items[0].name[..]), (1, &b"top"[..]));
}

#[test]
fn no_link_is_followed_but_one_that_was_named() {
    let directory = tree();
    let through = look(&directory, "named", &[]);
    assert_eq!(through.names().collect::<Vec<_>>(), [b"named"]);
    assert_eq!(at(&through, "named/file").as_deref(), Some("7"));
    for path in ["named/link", "named/way", "named/way/b", "named/way/b/deep"] {
        assert_eq!(at(&through, path), None, "{path}");
    }
    // Somebody puts one in the place of a directory.
    let top = look(&directory, "top", &[]);
    fs::rename(directory.path().join("top/a"), directory.path().join("gone")).unwrap();
    symlink("../gone", directory.path().join("top/a")).unwrap();
    assert_eq!(at(&top, "top/a/b/deep"), None);
}

#[test]
fn what_is_left_out_is_not_there_and_nothing_in_it() {
    let directory = tree();
    assert_eq!(at(&look(&directory, "top", &["b"]), "top/a").as_deref(), Some(""));
    assert_eq!(at(&look(&directory, "top", &["b"]), "top/a/b/deep"), None);
    assert_eq!(at(&look(&directory, "top", &["a/b/*"]), "top/a/b").as_deref(), Some(""));
    assert_eq!(at(&look(&directory, "top", &["file/"]), "top/file").as_deref(), Some("7"), "no directory");
}

#[test]
fn what_is_neither_file_nor_directory_is_not_opened() {
    let directory = tree();
    let fifo = directory.path().join("top/fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let look = look(&directory, "top", &[]);
    assert_eq!(at(&look, "top/fifo"), None, "and nobody waits for its other end");
    assert_eq!(at(&look, "top/fifo/x"), None);
}

#[test]
fn a_single_file_is_found_by_its_name_alone() {
    let directory = tree();
    let look = look(&directory, "top/file", &["file"]);
    assert_eq!(at(&look, "file").as_deref(), Some("7"), "what was named is never left out");
    assert_eq!(at(&look, "file/x"), None);
}
