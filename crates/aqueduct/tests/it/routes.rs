//! Which way the bytes went, as the program says it and as the filesystem shows it.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use crate::child;
use crate::fixture::{Site, disk, noise};

#[test]
fn on_one_filesystem_without_shared_blocks_the_kernel_copies() {
    if !child::is_child() && !rustix::process::geteuid().is_root() {
        return excuse("copy_file_range on ext4");
    }
    if !child::is_child() {
        return child::run("routes::on_one_filesystem_without_shared_blocks_the_kernel_copies");
    }
    let site = Site::in_dir(&loop_mount(&["mkfs.ext4", "-q", "-F"]));
    assert_carried_by(&site, "copy_file_range");
}

#[test]
fn on_one_filesystem_with_shared_blocks_nothing_is_copied() {
    if !child::is_child() && !rustix::process::geteuid().is_root() {
        return excuse("reflink on xfs");
    }
    if !child::is_child() {
        return child::run("routes::on_one_filesystem_with_shared_blocks_nothing_is_copied");
    }
    let site = Site::in_dir(&loop_mount(&["mkfs.xfs", "-q", "-m", "reflink=1"]));
    let digest = assert_carried_by(&site, "reflink");
    for path in [site.blob(&digest), site.path("out")] {
        let shown = Command::new("filefrag").arg("-v").arg(&path).output().unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.contains("shared"), "{shown}");
    }
}

/// Puts and gets a file of 64 MiB, and gives its digest.
fn assert_carried_by(site: &Site, route: &str) -> String {
    site.write("a", noise(64 << 20));
    let whole = format!("carried by {route} 64.00 MiB\n");
    let ran = site.run(&["put", "a", "-v"]).ok().says(&whole).says(&format!("a: new, {route} 64.00 MiB"));
    let digest = ran.text()[..71].to_owned();
    site.run(&["get", &digest, "-o", "out"]).ok().says(&whole);
    let same = Command::new("cmp").arg(site.path("a")).arg(site.path("out")).status().unwrap();
    assert!(same.success());
    digest
}

/// Makes a filesystem in a file, and mounts it for this process alone.
fn loop_mount(make: &[&str]) -> std::path::PathBuf {
    let image = disk().join(format!("image-{}", std::process::id()));
    // mkfs.xfs refuses less than 300 MiB; the file is sparse.
    File::create(&image).unwrap().set_len(512 << 20).unwrap();
    let made = Command::new(make[0]).args(&make[1..]).arg(&image).output();
    let made = made.unwrap_or_else(|error| panic!("{} is installed: {error}", make[0]));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mounted = child::mount(&["-o", "loop", image.to_str().unwrap()]);
    // The mount keeps it.
    std::fs::remove_file(&image).unwrap();
    mounted
}

/// Past the capture of the test harness: this must be seen.
fn excuse(what: &str) {
    let excuse = format!("{what} NOT TESTED: to mount a filesystem in a file takes root\n");
    io::stderr().write_all(excuse.as_bytes()).unwrap();
}

/// Between filesystems nothing can be shared or copied by copy_file_range(2).
#[test]
fn between_filesystems_the_kernel_still_does_the_copying() {
    let site = Site::new();
    site.write("a", noise(1 << 20));
    let memory = Site::in_dir(Path::new("/dev/shm"));
    let ran = memory.run(&["put", site.path("a").to_str().unwrap()]).ok();
    ran.says("carried by sendfile 1.00 MiB");
}
