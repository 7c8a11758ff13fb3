//! Trees that are made to hurt.

use rustix::fs::{CWD, FileType, Mode, makedev, mkdirat, mknodat, openat};

use super::*;

/// Names of what is left out, with why.
fn left(walk: Walk) -> Vec<(String, String)> {
    walk.filter_map(|found| match found {
        Found::Entry { .. } => None,
        Found::Left { path, why } => {
            Some((path.file_name().unwrap().to_str().unwrap().to_owned(), why.to_string()))
        }
    })
    .collect()
}

#[test]
fn devices_fifos_and_sockets_are_left_out_of_trees_and_refused_by_name() {
    let (_dir, top) = tree();
    let node = |name: &str, kind, device| mknodat(CWD, top.join(name), kind, Mode::RWXU, device);
    // Only root makes devices.
    let mut expected = Vec::new();
    for (name, kind, device) in
        [("d1", FileType::CharacterDevice, makedev(1, 3)), ("d2", FileType::BlockDevice, makedev(7, 0))]
    {
        expected.extend(node(name, kind, device).is_ok().then_some((name, "a device")));
    }
    node("d3", FileType::Fifo, 0).unwrap();
    expected.extend([("d3", "a fifo"), ("d4", "a socket")]);
    let _socket = std::os::unix::net::UnixListener::bind(top.join("d4")).unwrap();
    let left = left(walk(&top, &PLAIN));
    let why = |what| format!("it is {what}: only files, directories and links are sent");
    assert_eq!(left, Vec::from_iter(expected.iter().map(|(name, what)| ((*name).to_owned(), why(what)))));
    for (name, _) in expected {
        let error = Walk::new(&[top.join(name)], &PLAIN, &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source);
    }
    let path = top.join("d3");
    let error = Walk::new(&[path], &PLAIN, &[]).unwrap_err().to_string();
    assert!(error.contains("d3 is a fifo") && error.contains("aqueduct send - <"), "{error}");
}

#[test]
fn links_are_followed_where_they_are_not_kept_and_circles_end() {
    let (dir, top) = tree();
    let followed = Preserve { symlinks: false, ..PLAIN };
    fs::write(dir.path().join("outside"), b"out").unwrap();
    fs::remove_file(top.join("b/link")).unwrap();
    symlink("..", top.join("b/circle")).unwrap();
    symlink("../../outside", top.join("b/file")).unwrap();
    symlink("b", top.join("directory")).unwrap();
    symlink("loop", top.join("loop")).unwrap();
    symlink("nowhere", top.join("lost")).unwrap();
    let mut found = Vec::new();
    let (mut left, mut whys) = (Vec::new(), Vec::new());
    for it in walk(&top, &followed) {
        match it {
            Found::Entry { entry, file } => found.push((entry, file)),
            Found::Left { path, why } => {
                left.push(path.strip_prefix(&top).unwrap().to_str().unwrap().to_owned());
                whys.push(why.to_string());
            }
        }
    }
    assert_eq!(left, ["b/circle", "directory/circle", "loop", "lost"]);
    assert_eq!(whys[0], "it is a link to a directory that it is in, and would have no end");
    assert_eq!(whys[3], "it is a link that leads nowhere");
    let exclude = ["lo*", "circle/"].map(str::to_owned);
    assert!(self::left(Walk::new(std::slice::from_ref(&top), &followed, &exclude).unwrap()).is_empty());
    assert!(paths(&found).contains(&"/t/directory/file".to_owned()));
    let (_, file) = found.iter().find(|(entry, _)| entry.name == b"file").unwrap();
    let file = file.as_ref().unwrap();
    let mut bytes = Vec::new();
    file.read_small(&mut bytes).unwrap();
    assert_eq!(bytes, b"out");
    fs::remove_file(top.join("b/file")).unwrap();
    symlink("/dev/null", top.join("b/file")).unwrap();
    assert_eq!(file.open().unwrap_err().kind(), ErrorKind::Changed);
}

#[test]
fn a_directory_deeper_than_a_path_may_be_is_walked_and_read() {
    let (_dir, top) = tree();
    let name = "d".repeat(100);
    let mut at = openat(CWD, &top, rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..300 {
        mkdirat(&at, &*name, Mode::RWXU).unwrap();
        at = openat(&at, &*name, rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
        let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
        let file = openat(&at, "e", flags, Mode::RWXU).unwrap();
        rustix::io::write(&file, b"deep").unwrap();
    }
    let found = entries(walk(&top, &PLAIN));
    let mut bytes = Vec::new();
    let deep: Vec<_> = found.iter().filter(|(entry, _)| entry.name == b"e").collect();
    // From the top, when all directories there are closed, and from below.
    for (_, file) in deep.iter().rev().chain(&deep) {
        file.as_ref().unwrap().read_small(&mut bytes).unwrap();
    }
    assert_eq!(bytes.len(), 2 * 300 * 4);
    // tempfile removes by name, too.
}

#[test]
fn what_is_deeper_than_anybody_goes_is_left_out_and_no_stack_is_too_small() {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let mut at = openat(CWD, dir.path(), rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..4200 {
        mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = openat(&at, "d", rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let mut walk = walk(dir.path(), &PLAIN);
    assert_eq!(walk.by_ref().filter(|found| matches!(found, Found::Entry { .. })).count(), 4096);
    let left = left(super::walk(dir.path(), &PLAIN));
    assert_eq!(left, [("d".to_owned(), "it is deeper than 4096 directories".to_owned())]);
    // One level after the other, since tempfile would open all of them at once.
    let (top, next) = (dir.path().join("d"), dir.path().join("next"));
    while top.join("d").exists() {
        fs::rename(top.join("d"), &next).unwrap();
        fs::remove_dir(&top).unwrap();
        fs::rename(&next, &top).unwrap();
    }
}

#[test]
fn a_file_whose_size_is_a_guess_is_refused() {
    let file = entries(walk(Path::new("/proc/self/status"), &PLAIN)).pop().unwrap().1.unwrap();
    let mut bytes = Vec::new();
    let error = file.read_small(&mut bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    assert!(error.to_string().contains("as files of /proc have"), "{error}");
    assert!(bytes.is_empty());
}

#[test]
fn ten_thousand_files_that_wait_need_no_descriptors() {
    let dir = tempdir().unwrap();
    for directory in 0..500 {
        let path = dir.path().join(format!("{directory:03}"));
        fs::create_dir(&path).unwrap();
        for file in 0..20 {
            File::create(path.join(format!("{file:02}"))).unwrap();
        }
    }
    let found = entries(walk(dir.path(), &PLAIN));
    let descriptors = found.iter().filter_map(|(_, file)| file.as_ref()).count();
    assert_eq!((found.len(), descriptors), (10_501, 10_000));
    let real = dir.path().canonicalize().unwrap();
    let open = fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter(|it| fs::read_link(it.as_ref().unwrap().path()).is_ok_and(|path| path.starts_with(&real)));
    assert!(open.count() <= 128);
    let mut bytes = Vec::new();
    let calls = aqueduct_sys::calls_made();
    for (_, file) in found.iter().rev() {
        if let Some(file) = file {
            file.read_small(&mut bytes).unwrap();
        }
    }
    // A file is opened, read and looked at; a directory is found again, and looked at.
    let calls = aqueduct_sys::calls_made() - calls;
    assert!(calls <= 3 * 10_000 + 2 * 2 * 501, "{calls}");

    // Each closes directories that the others are about to use.
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let found = &found;
            scope.spawn(move || {
                for (_, file) in found.iter().skip(thread).step_by(7) {
                    if let Some(file) = file {
                        file.read_small(&mut Vec::new()).unwrap();
                    }
                }
            });
        }
    });
}

/// Root may read everything, so where this runs as root, it looks as somebody else.
#[test]
fn what_may_not_be_read_is_said_and_the_rest_comes() {
    let name = "source::tests::rudeness::what_may_not_be_read_is_said_and_the_rest_comes";
    if let Some(top) = std::env::var_os(TREE) {
        return look_at_what_may_not_be_read(Path::new(&top));
    }
    let (dir, top) = tree();
    fs::create_dir(top.join("listed by nobody")).unwrap();
    fs::write(top.join("listed by nobody/but known"), b"known").unwrap();
    let modes = [("", 0o755), ("t", 0o755), ("t/a", 0o200), ("t/b", 0o000), ("t/listed by nobody", 0o311)];
    for (path, mode) in modes {
        fs::set_permissions(dir.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut again = std::process::Command::new("/proc/self/exe");
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        std::os::unix::process::CommandExt::uid(&mut again, NOBODY);
    }
    let again = again.args(["--exact", name]).env(TREE, &top).output().unwrap();
    for path in ["t/b", "t/listed by nobody"] {
        fs::set_permissions(dir.path().join(path), fs::Permissions::from_mode(0o700)).unwrap();
    }
    assert!(again.status.success(), "{again:?}");
}

fn look_at_what_may_not_be_read(top: &Path) {
    let why = "cannot be read: Permission denied (os error 13)".to_owned();
    let expected = [("b".to_owned(), why.clone()), ("listed by nobody".to_owned(), why)];
    assert_eq!(left(walk(top, &PLAIN)), expected);
    let read = walk(top, &PLAIN).filter_map(|found| match found {
        Found::Entry { file, .. } => {
            file.map(|file| file.read_small(&mut Vec::new()).map_err(|error| error.kind()))
        }
        Found::Left { .. } => None,
    });
    assert_eq!(read.collect::<Vec<_>>(), [Err(ErrorKind::Source), Ok(()), Ok(())]);
    for name in ["a", "b", "b/x"] {
        assert_eq!(
            Walk::new(&[top.join(name)], &PLAIN, &[]).unwrap_err().kind(),
            ErrorKind::Source,
            "{name}"
        );
    }
    let known = entries(walk(&top.join("listed by nobody/but known"), &PLAIN));
    let mut bytes = Vec::new();
    known[0].1.as_ref().unwrap().read_small(&mut bytes).unwrap();
    assert_eq!(bytes, b"known");
}

const TREE: &str = "AQUEDUCT_TEST_TREE";

/// Linux gives this number to whoever has none.
const NOBODY: u32 = 65534;
