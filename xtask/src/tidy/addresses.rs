//! Addresses that hold on one machine, or that somebody else must keep alive.

use super::Finding;
use crate::tree::Tree;

/// Folders that differ from one machine to the next. An example writes `~/` or a relative path.
const MACHINE_FOLDERS: &[&str] = &["home", "root", "work"];

/// Where a link may lead. A mirror or a build machine is none of these.
const HOSTS: &[&str] = &[
    "localhost",
    "example.com",
    "doc.rust-lang.org",
    "docs.rs",
    "github.com",
    "keepachangelog.com",
    "man7.org",
    "opensource.org",
    "prometheus.io",
    "rust-lang.org",
    "semver.org",
    "www.apache.org",
    "www.kernel.org",
    "www.rfc-editor.org",
    "www.sqlite.org",
    // The name of SVG, which is no address.
    "www.w3.org",
];

/// What stands for a name in usage. So does a single letter, in the tests of what reads an address.
const PLACEHOLDERS: &[&str] = &["ADDRESS", "HOST", "host", "user"];

/// Names that nobody can have: RFC 2606, section 2.
const RESERVED: &[&str] = &[".example", ".invalid", ".test"];

/// Addresses of documentation (RFC 5737), of this machine, and of all its networks.
const NUMBERS: &[&str] = &["127.", "192.0.2.", "198.51.100.", "203.0.113.", "0.0.0.0"];

pub(super) fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            for folder in MACHINE_FOLDERS.iter().filter(|folder| names_path(line, &format!("/{folder}/"))) {
                findings.push(Finding::new(&file.path, index + 1, format!("a path below /{folder}")));
            }
        }
    }
    findings
}

pub(super) fn unknown_hosts(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            for host in hosts(line).filter(|host| !is_known(host)) {
                let message = format!("`{host}` is not among the hosts of xtask/src/tidy/addresses.rs");
                findings.push(Finding::new(&file.path, index + 1, message));
            }
        }
    }
    findings
}

/// Whether `line` holds `path` from the file system's root, and not as the middle of a longer path.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before
            .is_some_and(|it| it.is_alphanumeric() || matches!(it, '.' | '_' | '-' | '~' | '}' | ')' | '*'))
    })
}

/// Whether the address needs nobody to keep it alive, or is on the list.
fn is_known(host: &str) -> bool {
    HOSTS.contains(&host)
        || host.len() == 1
        || PLACEHOLDERS.contains(&host)
        || RESERVED.iter().any(|top| host.ends_with(top))
        || NUMBERS.iter().any(|prefix| host.starts_with(prefix))
}

/// The hosts of the web addresses in `line`. One that is filled in at run time ("http://{address}") is none.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    let after_scheme = ["http://", "https://"].into_iter().flat_map(|scheme| line.split(scheme).skip(1));
    let host = |rest: &'_ str| rest.find(|it: char| !(it.is_alphanumeric() || matches!(it, '.' | '-')));
    after_scheme.map(move |rest| &rest[..host(rest).unwrap_or(rest.len())]).filter(|host| !host.is_empty())
}
