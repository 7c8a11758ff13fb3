//! Everything that is looked at, in the order in which it is shown.

use super::place::Place;
use super::verdict::Verdict;
use super::{
    congestion, descriptors, filesystem, io_uring, kernel, ktls, landlock, memory, pipes, processor, routes,
    space, speed, store, verity,
};

/// Something to look at.
pub(super) struct Probe {
    pub(super) group: &'static str,
    /// For people and for scripts.
    pub(super) name: &'static str,
    pub(super) look: fn(&Place) -> Verdict,
}

/// Those of a group stand together.
pub(super) const PROBES: [Probe; 27] = [
    Probe { group: KERNEL, name: "kernel", look: kernel::look },
    Probe { group: KERNEL, name: "io_uring", look: io_uring::look },
    Probe { group: KERNEL, name: "Landlock", look: landlock::look },
    Probe { group: FILESYSTEM, name: "store", look: store::look },
    Probe { group: FILESYSTEM, name: "filesystem", look: filesystem::look },
    Probe { group: FILESYSTEM, name: "O_TMPFILE", look: store::look_unnamed },
    Probe { group: FILESYSTEM, name: "sendfile", look: routes::look_sendfile },
    Probe { group: FILESYSTEM, name: "splice", look: routes::look_splice },
    Probe { group: FILESYSTEM, name: "reflink", look: routes::look_reflink },
    Probe { group: FILESYSTEM, name: "copy_file_range", look: routes::look_copy_file_range },
    Probe { group: FILESYSTEM, name: "RWF_NOWAIT", look: routes::look_nowait },
    Probe { group: FILESYSTEM, name: "cachestat", look: routes::look_cachestat },
    Probe { group: FILESYSTEM, name: "RWF_DONTCACHE", look: routes::look_dontcache },
    Probe { group: FILESYSTEM, name: "fs-verity", look: verity::look },
    Probe { group: LIMITS, name: "pipes", look: pipes::look },
    Probe { group: LIMITS, name: "descriptors", look: descriptors::look },
    Probe { group: LIMITS, name: "memory", look: memory::look },
    Probe { group: LIMITS, name: "locked memory", look: memory::look_locked },
    Probe { group: LIMITS, name: "address space", look: memory::look_addresses },
    Probe { group: NETWORK, name: "congestion control", look: congestion::look },
    Probe { group: NETWORK, name: "kTLS", look: ktls::look },
    Probe { group: HASHING, name: "SHA extensions", look: processor::look_sha },
    Probe { group: HASHING, name: "AVX-512", look: processor::look_avx512 },
    Probe { group: HASHING, name: "SHA-256", look: speed::look_sha256 },
    Probe { group: HASHING, name: "BLAKE3", look: speed::look_blake3 },
    Probe { group: SPACE, name: "bytes", look: space::look_bytes },
    Probe { group: SPACE, name: "inodes", look: space::look_inodes },
];

const KERNEL: &str = "kernel";
const FILESYSTEM: &str = "filesystem";
const LIMITS: &str = "limits";
const NETWORK: &str = "network";
const HASHING: &str = "hashing";
const SPACE: &str = "space";
