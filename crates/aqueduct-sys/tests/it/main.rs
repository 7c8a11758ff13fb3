//! Each call against the real kernel.

// A test fails by panicking.
#![allow(clippy::unwrap_used)]
// The calls are what is tested: to prepare and to check, any way will do.
#![allow(clippy::disallowed_methods)]

mod asked;
mod files;
mod inherited;
mod lent;
mod local_sockets;
mod mapping;
mod names;
mod random;
mod ring;
mod streams;
mod trees;

/// A file that nobody compiles is a test that nobody runs.
#[test]
fn every_file_here_is_part_of_the_suite() {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");
    let main = include_str!("main.rs");
    for entry in std::fs::read_dir(here).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.strip_suffix(".rs").unwrap();
        assert!(module == "main" || main.contains(&format!("\nmod {module};")), "{name} is not in main.rs");
    }
}

/// An unnamed file with this content, on a disk.
fn unnamed(content: &[u8]) -> std::fs::File {
    let dir = std::fs::File::open(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file: std::fs::File = aqueduct_sys::open_unnamed(dir, 0o600).unwrap().into();
    assert_eq!(aqueduct_sys::pwrite(&file, content, 0).unwrap(), content.len());
    file
}
