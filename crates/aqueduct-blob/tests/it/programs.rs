//! The digest of a blob is what the programs that everyone has print for it.

use std::io::Write;
use std::process::{Command, Stdio};

use aqueduct_blob::{Algorithm, Hasher, SEGMENT_LEN};

/// What `program`, of the Debian package `package`, prints as the digest of its standard input.
fn printed_by(program: &str, package: &str, blob: &[u8]) -> String {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("this test needs {program} (Debian package {package}): {error}"));
    child.stdin.take().unwrap().write_all(blob).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} failed: {}", output.status);
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
}

fn agrees(algorithm: Algorithm, program: &str, package: &str) {
    for size in SIZES {
        let blob: Vec<u8> = (0..=250).cycle().take(usize::try_from(size).unwrap()).collect();
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&blob);
        assert_eq!(hasher.finish().digest.hex(), printed_by(program, package, &blob), "{size} bytes");
    }
}

#[test]
fn sha256sum_prints_the_same_digest() {
    agrees(Algorithm::Sha256, "sha256sum", "coreutils");
}

#[test]
fn b3sum_prints_the_same_digest() {
    agrees(Algorithm::Blake3, "b3sum", "b3sum");
}

/// Every size at which padding or segments change their shape.
const SIZES: [u64; 13] = [
    0,
    1,
    55,
    56,
    63,
    64,
    65,
    SEGMENT_LEN - 1,
    SEGMENT_LEN,
    SEGMENT_LEN + 1,
    2 * SEGMENT_LEN,
    2 * SEGMENT_LEN + 1,
    5 * SEGMENT_LEN + 7,
];
