//! getrlimit(2) and setrlimit(2).

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Result;
use crate::error::Named;

/// How many descriptors a process may have (`RLIMIT_NOFILE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptorLimit {
    /// What the kernel enforces; `None` is no limit.
    pub soft: Option<u64>,
    /// Up to where the process may raise that by itself; `None` is no limit.
    pub hard: Option<u64>,
}

/// How many descriptors this process may have.
#[must_use]
pub fn descriptor_limit() -> DescriptorLimit {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    DescriptorLimit { soft: current, hard: maximum }
}

/// Sets how many descriptors this process may have.
///
/// # Errors
///
/// EINVAL where the soft limit is above the hard one, EPERM to raise the hard one without `CAP_SYS_RESOURCE`. See
/// setrlimit(2).
pub fn set_descriptor_limit(limit: DescriptorLimit) -> Result<()> {
    setrlimit(Resource::Nofile, Rlimit { current: limit.soft, maximum: limit.hard }).named("setrlimit")
}

/// A kind of memory that a process may be allowed only so much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// What cannot be paged out (`RLIMIT_MEMLOCK`).
    Locked,
    /// Addresses, mappings of files included (`RLIMIT_AS`).
    Addresses,
}

/// How many bytes of it the kernel lets this process have; `None` is no limit. See getrlimit(2).
#[must_use]
pub fn memory_limit(memory: Memory) -> Option<u64> {
    let resource = match memory {
        Memory::Locked => Resource::Memlock,
        Memory::Addresses => Resource::As,
    };
    getrlimit(resource).current
}
