#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn a_blob_lies_in_the_shard_of_its_first_byte() {
    let digest = Digest::new(Algorithm::Sha256, [0xab; 32]);
    let path = blob(&digest);
    assert_eq!(path, Path::new(&format!("blobs/sha256/ab/{}", "ab".repeat(31))));
    assert_eq!(shard(BLOBS, Algorithm::Sha256, 0xab), path.parent().unwrap());
    let name = path.file_name().unwrap().to_str().unwrap();
    assert_eq!(digest_at(Algorithm::Sha256, 0xab, name), Some(digest));
}

#[test]
fn a_foreign_name_in_a_shard_is_no_digest() {
    for name in ["", "README", "..", "../../../etc/passwd", &"AB".repeat(31), &"ab".repeat(32)] {
        assert_eq!(digest_at(Algorithm::Sha256, 0xab, name), None, "{name}");
    }
}

#[test]
fn every_directory_comes_after_the_one_that_holds_it_and_every_holder_is_synced() {
    let mut seen = vec![PathBuf::from(ROOT)];
    let holders: Vec<PathBuf> = parents().collect();
    for directory in directories() {
        let holder = parent(&directory).to_owned();
        assert!(seen.contains(&holder), "{} before its parent", directory.display());
        assert!(holders.contains(&holder), "{} is never synced", holder.display());
        seen.push(directory);
    }
    let per_tree = Algorithm::ALL.len() * usize::from(SHARD_COUNT + 1);
    assert_eq!(seen.len(), 1 + 4 + 2 * per_tree);
}

#[test]
fn a_marker_comes_back_as_it_was_written() {
    let marker = Marker::new(ID.to_owned());
    assert_eq!(Marker::parse(&marker.to_string()), Some(marker));
}

#[test]
fn any_cut_or_changed_marker_is_damage() {
    let text = Marker::new(ID.to_owned()).to_string();
    for len in 0..text.len() {
        let cut = Marker::parse(&text[..len]);
        assert!(cut.is_none_or(|marker| marker.format != FORMAT), "cut at {len}");
    }
    assert_eq!(Marker::parse(&text.replace("id 0", "id x")), None);
    assert_eq!(Marker::parse(&format!("{text}more\n")), None);
    assert_eq!(Marker::parse("#!/bin/sh\n"), None);
}

#[test]
fn a_newer_marker_is_newer_and_not_damaged() {
    let newer = Marker::parse("aqueduct store\nformat 7\nwhatever comes then\n").unwrap();
    assert_eq!(newer.format, 7);
}

#[test]
fn every_shard_is_found_where_it_is_listed() {
    for (index, (algorithm, first)) in shards().enumerate() {
        let digest = Digest::new(algorithm, [first; 32]);
        assert_eq!(shard_index(&digest), index);
    }
}
