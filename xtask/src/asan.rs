//! `cargo xtask asan`: the tests of what calls the kernel, built so that each access to memory is checked.
//!
//! Calls of the kernel are checked as well, as far as they come through the C library: that they are given no memory that
//! was freed, or past its end. AddressSanitizer is in every compiler, behind a flag for which a stable one has to be told
//! that it may be used; see the chapter "sanitizer" of the unstable book. Everything is built anew, in a directory of its own.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::fuzz::host_triple;
use crate::metadata;

/// Runs them all, stopping at the first that fails.
pub(crate) fn run(root: &Path) -> Result<()> {
    let target_dir = metadata::target_dir(root)?.join("asan");
    let triple = host_triple()?;
    for words in TESTS {
        println!("\n== cargo test {}", words.join(" "));
        let status = Command::new(crate::ci::cargo())
            .args(["test", "--locked", "--lib", "--tests"])
            // Naming even this machine's own target keeps the flag away from build scripts and macros.
            .args(["--target", &triple, "--target-dir"])
            .arg(&target_dir)
            .args(words)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", "-Zsanitizer=address")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("ASAN_OPTIONS", OPTIONS)
            .current_dir(root)
            .stdin(Stdio::null())
            .status()
            .context("cargo test")?;
        ensure!(status.success(), "a test failed, or an access was wrong; what is above says which");
    }
    println!("\nno access to memory was wrong");
    Ok(())
}

/// The unsafe code and what moves bytes with it, but for a test that counts mappings, of which the sanitizer makes its own; and
/// who maps files, but for the sweep of the store, which calls the same thousands of times.
const TESTS: [&[&str]; 2] = [
    &["-p", "aqueduct-sys", "-p", "aqueduct-flow", "--", "--skip", "leaks_a_descriptor_or_a_mapping"],
    &["-p", "aqueduct-store", "--", "--skip", "crash::"],
];

/// Reading what a function has left behind is an error, too. Leaks are not looked for: a ring that is dropped leaks what the
/// kernel may still read, which is tested.
const OPTIONS: &str = "detect_stack_use_after_return=1:detect_leaks=0";
