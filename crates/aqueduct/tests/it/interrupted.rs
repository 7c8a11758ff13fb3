//! `put` killed at many points.

use std::fs;
use std::process::{Child, Stdio};

use crate::fixture::{Site, files_below, noise, sha256sum};

const KILL_COUNT: u64 = 20;
const FILE_COUNT: usize = 40;
const FILE_SIZE: usize = 4 << 20;

#[test]
fn a_put_that_is_killed_leaves_whole_blobs_and_nothing_else() {
    let site = Site::new();
    let bytes = noise(FILE_SIZE + FILE_COUNT);
    fs::create_dir(site.path("in")).unwrap();
    for index in 0..FILE_COUNT {
        // Some have checkpoints.
        let repeat = if index % 8 == 0 { 2 } else { 1 };
        site.write(format!("in/{index}"), bytes[index..index + FILE_SIZE].repeat(repeat));
    }
    let mut was_cut = 0;
    for kill in 0..KILL_COUNT {
        // Every other one kills the making of the store as well.
        if kill % 2 == 0 && site.store().exists() {
            fs::remove_dir_all(site.store()).unwrap();
        }
        let mut put = site.command(&["put", "in", "-q"]).stdout(Stdio::null()).spawn().unwrap();
        // It reads back what it wrote, to hash it: that tells how far it is.
        wait_until_read(&mut put, kill * (FILE_COUNT * FILE_SIZE) as u64 / KILL_COUNT);
        put.kill().unwrap();
        was_cut += u64::from(put.wait().unwrap().code().is_none());
        if site.store().exists() {
            assert_whole(&site);
        }
        site.write("next", format!("next {kill}"));
        let next = site.put("next");
        site.run(&["get", &next]).ok();
        assert_whole(&site);
    }
    assert!(was_cut > KILL_COUNT / 2, "most puts were killed before their end, not {was_cut}");
    site.run(&["put", "in", "-q"]).ok();
    site.run(&["verify"]).ok();
}

/// Waits until the process has read `len` bytes, or has ended.
fn wait_until_read(child: &mut Child, len: u64) {
    let path = format!("/proc/{}/io", child.id());
    while child.try_wait().unwrap().is_none() {
        let io = fs::read_to_string(&path).unwrap_or_default();
        let read = io.lines().find_map(|line| line.strip_prefix("rchar: ")).and_then(|it| it.parse().ok());
        if read.is_some_and(|read: u64| read >= len) {
            return;
        }
        std::thread::yield_now();
    }
}

/// Every file is the store's own, or a blob with the right name, or the checkpoint list of one.
fn assert_whole(site: &Site) {
    let store = site.store();
    for path in files_below(&store) {
        let inside = path.strip_prefix(&store).unwrap().to_str().unwrap();
        if ["aqueduct-store", "lock", "index.redb", "meta.redb"].contains(&inside) {
            continue;
        }
        let (kind, rest) = inside.split_once('/').unwrap_or_else(|| panic!("a stray file: {inside}"));
        let digest = rest.replacen('/', ":", 1).replace('/', "");
        match kind {
            "blobs" => assert_eq!(sha256sum(&path), digest),
            "checkpoints" => assert!(site.blob(&digest).exists(), "a list without its blob: {inside}"),
            _ => panic!("a stray file: {inside}"),
        }
    }
}
