//! What becomes of files between the walk and the reading.

use super::*;

fn one(path: &Path) -> SourceFile {
    entries(walk(path, &PLAIN)).pop().unwrap().1.unwrap()
}

fn is_changed(file: &SourceFile) {
    let mut buffer = b"kept".to_vec();
    assert_eq!(file.open().unwrap_err().kind(), ErrorKind::Changed);
    assert_eq!(file.read_small(&mut buffer).unwrap_err().kind(), ErrorKind::Changed);
    assert_eq!(buffer, b"kept");
}

#[test]
fn a_file_that_grows_shrinks_or_goes_has_changed() {
    let (_dir, top) = tree();
    let path = top.join("b/x");
    let file = one(&path);
    fs::write(&path, b"longer").unwrap();
    is_changed(&file);
    let file = one(&path);
    fs::write(&path, b"l").unwrap();
    is_changed(&file);
    let file = one(&path);
    fs::remove_file(&path).unwrap();
    is_changed(&file);
}

#[test]
fn a_file_of_the_same_size_and_another_time_has_changed() {
    let (_dir, top) = tree();
    let path = top.join("b/x");
    let file = one(&path);
    let opened = file.open().unwrap();
    assert!(opened.is_unchanged().unwrap());
    let time = std::time::UNIX_EPOCH;
    File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    assert!(!opened.is_unchanged().unwrap());
    is_changed(&file);
    assert_ne!(one(&path).identity(), file.identity());
    assert_eq!(one(&path).identity(), one(&path).identity());
}

#[test]
fn what_is_planted_in_the_place_of_a_file_is_never_read() {
    let (dir, top) = tree();
    let path = top.join("b/x");
    fs::write(dir.path().join("secret"), b"ss").unwrap();

    let file = one(&path);
    fs::remove_file(&path).unwrap();
    symlink("../../secret", &path).unwrap();
    is_changed(&file);
    fs::remove_file(&path).unwrap();

    // Opening it would wait for a writer.
    fs::write(&path, b"xx").unwrap();
    let file = one(&path);
    fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    is_changed(&file);
    fs::remove_file(&path).unwrap();

    fs::write(&path, b"xx").unwrap();
    let file = one(&path);
    fs::remove_file(&path).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    is_changed(&file);
}

#[test]
fn a_directory_that_is_replaced_by_a_link_leads_nowhere() {
    let (dir, top) = tree();
    fs::create_dir(dir.path().join("other")).unwrap();
    fs::write(dir.path().join("other/x"), b"ss").unwrap();
    let file = one(&top.join("b/x"));
    let found = entries(walk(&top, &PLAIN));
    let (_, in_walk) = found.into_iter().find(|(entry, _)| entry.name == b"x").unwrap();
    fs::rename(top.join("b"), top.join("moved")).unwrap();
    symlink("../other", top.join("b")).unwrap();
    // Both hold the directory itself, wherever it is now.
    for file in [&file, in_walk.as_ref().unwrap()] {
        let mut buffer = Vec::new();
        file.read_small(&mut buffer).unwrap();
        assert_eq!(buffer, b"xx");
    }
    // Others came after it, and it was closed.
    for place in 0..200 {
        fs::create_dir(top.join(format!("z{place}"))).unwrap();
    }
    let found = entries(walk(&top, &PLAIN));
    let (_, file) = found.iter().find(|(entry, _)| entry.name == b"x").unwrap();
    fs::rename(top.join("moved"), top.join("moved again")).unwrap();
    symlink("../other", top.join("moved")).unwrap();
    is_changed(file.as_ref().unwrap());
}
