use std::path::{Path, PathBuf};

use super::{Found, choose, is_library};

fn found(path: &str, size: u64) -> Found {
    Found { path: PathBuf::from(path), size }
}

#[test]
fn libraries_are_known_by_their_names() {
    for library in ["libc.so", "libc.so.6", "libc.a", "libstd.rlib"] {
        assert!(is_library(Path::new(library)), "{library}");
    }
    for other in ["so", "also", "a.socket", "x.so/readme"] {
        assert!(!is_library(Path::new(other)), "{other}");
    }
}

#[test]
fn libraries_are_chosen_first_and_the_limits_hold() {
    let all = || vec![found("b", 1), found("c.so", 5), found("d", 1), found("e.so", 100)];
    assert_eq!(choose(all(), 2, 1000), [Path::new("c.so"), Path::new("e.so")]);
    assert_eq!(choose(all(), 9, 7), [Path::new("c.so"), Path::new("b"), Path::new("d")]);
}
