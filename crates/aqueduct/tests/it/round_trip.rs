//! Real files in and out, with coreutils as the judge.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

use crate::fixture::{Site, files_below, noise, sha256sum};

/// Some hundred real files, small and large.
fn libraries() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut below = vec![PathBuf::from("/usr/lib")];
    while let Some(dir) = below.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for entry in entries.flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                below.push(entry.path());
            } else if kind.is_file() && entry.metadata().unwrap().len() < 16 << 20 {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    let step = found.len().div_ceil(400);
    found.into_iter().step_by(step).collect()
}

#[test]
fn real_files_come_out_as_they_went_in() {
    let site = Site::new();
    let sources = libraries();
    assert!(sources.len() > 200, "this machine has libraries");
    let names: Vec<_> = sources.iter().map(|path| path.to_str().unwrap()).collect();
    let ran = site.run(&[&["put"], &names[..]].concat()).ok();
    let lines: Vec<_> = ran.text().lines().collect();
    assert_eq!(lines.len(), sources.len());
    let sums = Command::new("sha256sum").args(&sources).output().unwrap();
    let sums = String::from_utf8(sums.stdout).unwrap();
    let expected: Vec<_> = sums.lines().map(|line| format!("sha256:{line}")).collect();
    assert_eq!(lines, expected, "sha256sum(1) agrees with every name, in the order given");

    let listed = site.run(&["ls"]).ok();
    let mut digests: Vec<_> = lines.iter().map(|line| &line[..71]).collect();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(listed.text().lines().collect::<Vec<_>>(), digests);

    fs::create_dir(site.path("out")).unwrap();
    site.run(&[&["get", "-q", "-o", "out"], &digests[..]].concat()).ok();
    for (line, source) in lines.iter().zip(&sources) {
        let out = site.path("out").join(line[..71].replace(':', "-"));
        let same = Command::new("cmp").arg(source).arg(out).status().unwrap();
        assert!(same.success(), "{line}");
    }
    site.run(&["verify"]).ok().says("all intact");
    let again = site.run(&[&["put"], &names[..]].concat()).ok().says("0 new");
    assert_eq!(again.stdout, ran.stdout);
}

#[test]
fn a_directory_is_walked_in_order_and_what_is_no_file_is_counted() {
    let site = Site::new();
    fs::create_dir_all(site.path("d/b")).unwrap();
    for name in ["d/z", "d/a", "d/b/c", "d/b/a"] {
        site.write(name, name);
    }
    std::os::unix::fs::symlink("a", site.path("d/link")).unwrap();
    std::os::unix::fs::symlink("d", site.path("named")).unwrap();
    let ran = site.run(&["put", "d"]).ok().says("1 skipped");
    let names: Vec<_> = ran.text().lines().map(|line| &line[73..]).collect();
    assert_eq!(names, ["d/a", "d/b/a", "d/b/c", "d/z"]);
    let named = site.run(&["put", "named", "d/link"]).ok();
    assert_eq!(named.text().lines().count(), 5, "links named on the command line are followed");
}

#[test]
fn a_store_is_not_stored_in_itself() {
    let site = Site::new();
    site.write("a", "abc");
    site.put("a");
    let ran = site.run(&["put", "."]).ok().says("1 skipped");
    assert_eq!(ran.text().lines().count(), 1);
}

#[test]
fn an_empty_file_is_a_blob() {
    let site = Site::new();
    site.write("empty", "");
    for algorithm in ["sha256", "blake3"] {
        let ran = site.run(&["put", "empty", "--digest", algorithm]).ok();
        let digest = ran.text().split(' ').next().unwrap().to_owned();
        site.run(&["get", &digest, "-o", algorithm]).ok();
        assert_eq!(fs::read(site.path(algorithm)).unwrap(), b"");
        assert_eq!(site.run(&["get", &digest]).ok().stdout, b"");
        assert_eq!(site.run(&["get", &format!("{digest}/-5")]).ok().stdout, b"");
    }
    site.run(&["verify"]).ok().says("2 blobs");
}

#[test]
fn the_holes_of_a_file_stay_holes() {
    let site = Site::new();
    let sparse = site.write("sparse", "at the start");
    File::options().write(true).open(sparse).unwrap().set_len(1 << 30).unwrap();
    let digest = site.put("sparse");
    assert_eq!(digest, sha256sum(&site.path("sparse")));
    let stored = fs::metadata(site.blob(&digest)).unwrap();
    assert_eq!(stored.len(), 1 << 30);
    assert!(stored.blocks() < 1000, "the blob takes {} blocks", stored.blocks());
    site.run(&["get", &digest, "-o", "out"]).ok().says("holes");
    assert!(fs::metadata(site.path("out")).unwrap().blocks() < 1000);
    assert_eq!(digest, sha256sum(&site.path("out")));
}

#[test]
fn blake3_names_what_b3sum_would() {
    let site = Site::new();
    site.write("a", "abc");
    site.write("large", noise(9 << 20));
    let ran = site.run(&["put", "a", "large", "--digest", "blake3", "--sync", "none"]).ok();
    let abc = "blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85  a";
    assert_eq!(ran.text().lines().next(), Some(abc));
    let digest = &ran.text().lines().nth(1).unwrap()[..71];
    site.run(&["get", digest, "-o", "out"]).ok();
    assert_eq!(fs::read(site.path("out")).unwrap(), noise(9 << 20));
    site.run(&["verify"]).ok();
}

#[test]
fn a_list_can_be_had_in_pages_and_as_json() {
    let site = Site::new();
    for index in 0..10 {
        site.write(format!("{index}"), format!("{index}"));
    }
    let names: Vec<_> = (0..10).map(|index| index.to_string()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    site.run(&[&["put", "--sync", "none"], &names[..]].concat()).ok();
    let all = site.run(&["ls"]).ok().says("10 blobs, 10 B");
    let all: Vec<_> = all.text().lines().map(ToOwned::to_owned).collect();
    let page = site.run(&["ls", "--after", &all[2], "--limit", "3"]).ok().says("the store has 10 blobs");
    assert_eq!(page.text().lines().collect::<Vec<_>>(), all[3..6]);
    let json = site.run(&["ls", "--json", "--limit", "1"]).ok();
    let object: serde_json::Value = serde_json::from_str(json.text()).unwrap();
    assert_eq!((object["digest"].as_str().unwrap(), &object["size"]), (all[0].as_str(), &1.into()));
    assert_eq!(site.run(&["ls", "-l", "--limit", "1"]).ok().text().split_whitespace().nth(1), Some("1"));
}

#[test]
fn nothing_but_blobs_and_the_stores_own_files_is_left_in_a_store() {
    let site = Site::new();
    site.write("a", "abc");
    let digest = site.put("a");
    let store = site.store();
    let names: Vec<_> = files_below(&store);
    let expected = ["aqueduct-store", "index.redb", "lock", "meta.redb"].map(|name| store.join(name));
    let expected: Vec<_> =
        [expected[0].clone(), site.blob(&digest)].into_iter().chain(expected[1..].iter().cloned()).collect();
    assert_eq!(names, expected);
    assert_eq!(fs::metadata(site.blob(&digest)).unwrap().mode() & 0o777, 0o444);
}
