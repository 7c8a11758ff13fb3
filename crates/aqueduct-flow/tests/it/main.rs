//! The movers against the real kernel.

// A test fails by panicking.
#![allow(clippy::unwrap_used)]
// The movers are what is tested: to prepare and to check, any way will do.
#![allow(clippy::disallowed_methods)]

mod child;
mod descriptors;
mod disk_full;
mod fixture;
mod intake;
mod intake_faults;
mod interrupted;
mod local;
mod medium;
mod reflink;
mod send;
mod send_faults;
mod small_pipes;

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
