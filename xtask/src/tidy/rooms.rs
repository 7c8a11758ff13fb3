//! What a room (a crate) must not hold. `forbid(unsafe_code)` and `Cargo.toml` keep out most; this keeps out the rest.

use super::Finding;
use crate::code;
use crate::tree::Tree;

const SYS: &str = "crates/aqueduct-sys";

/// Words that a room's sources never say outside its tests.
struct Absence {
    /// How their paths begin.
    room: &'static str,
    words: &'static [&'static str],
    why: &'static str,
}

const ABSENCES: &[Absence] = &[
    Absence {
        room: "crates/aqueduct-blob",
        words: &[
            "fs",
            "net",
            "process",
            "File",
            "Path",
            "PathBuf",
            "OwnedFd",
            "BorrowedFd",
            "Instant",
            "SystemTime",
        ],
        why: "aqueduct-blob is pure: no I/O, no descriptor, no path, no clock",
    },
    Absence {
        room: "crates/aqueduct-flow",
        words: &["Path", "PathBuf", "Digest", "Algorithm", "Hasher"],
        why: "aqueduct-flow moves bytes between descriptors: it knows no path and no digest",
    },
    Absence {
        room: "crates/aqueduct-store",
        words: &["net", "TcpStream", "TcpListener", "UnixStream", "UnixListener", "StatusCode"],
        why: "aqueduct-store has no word for the network",
    },
    Absence {
        room: "crates/aqueduct-wire",
        words: &[
            "fs",
            "net",
            "process",
            "thread",
            "async",
            "File",
            "Path",
            "PathBuf",
            "OwnedFd",
            "BorrowedFd",
            "Instant",
            "SystemTime",
        ],
        why: "aqueduct-wire takes bytes and gives values: no I/O, no descriptor, no clock",
    },
    Absence {
        room: "crates/aqueduct-server/src/door",
        words: &[
            "TcpStream",
            "File",
            "OwnedFd",
            "BorrowedFd",
            "AsFd",
            "Store",
            "Staging",
            "Instant",
            "async",
        ],
        why: "a door translates: it sees no socket, no file, no store and no body",
    },
];

pub(super) fn unsafe_outside_sys(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.with_extension("rs").filter(|file| file.package_dir() != SYS) {
        let tokens = file.tokens();
        // A test or a bench is a crate of its own, which the attribute at its package's root does not reach.
        for line in code::lines_with(&tokens, "unsafe") {
            findings.push(Finding::new(&file.path, line, "unsafe code"));
        }
        let inside = &file.path[file.package_dir().len()..];
        let is_root = matches!(inside, "/src/lib.rs" | "/src/main.rs") || inside.starts_with("/src/bin/");
        if is_root && code::lines_with(&tokens, "#![forbid(unsafe_code)]").is_empty() {
            findings.push(Finding::new(&file.path, 1, "a crate root without #![forbid(unsafe_code)]"));
        }
    }
    findings
}

pub(super) fn present_though_absent(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for absence in ABSENCES {
        let sources =
            tree.with_extension("rs").filter(|file| file.path.starts_with(absence.room) && !file.is_test());
        for file in sources {
            for token in file.tokens().iter().filter(|token| absence.words.contains(&token.text)) {
                findings.push(Finding::new(
                    &file.path,
                    token.line,
                    format!("`{}`: {}", token.text, absence.why),
                ));
            }
        }
    }
    findings
}
