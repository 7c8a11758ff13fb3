//! What the figures were measured on.

use std::fmt;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::available_parallelism;

use rustix::fs::fstatfs;

use crate::source::Ground;

/// A machine, and a directory on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// `Linux 6.18.1 x86_64`.
    pub kernel: String,
    /// As the processor calls itself; empty where it does not.
    pub processor: String,
    /// How many cores this process may use.
    pub core_count: NonZeroUsize,
    /// Memory in bytes.
    pub memory: u64,
    /// The directory that was asked for.
    pub dir: String,
    /// The filesystem of it, by name, or by its number in statfs(2).
    pub filesystem: String,
    /// The congestion control that connections have if they do not ask.
    pub congestion_control: String,
}

impl Machine {
    pub(crate) fn of(ground: &Ground, dir: &Path) -> io::Result<Self> {
        let named = rustix::system::uname();
        let part = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let control = fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap_or_default();
        Ok(Self {
            kernel: format!("{} {} {}", part(named.sysname()), part(named.release()), part(named.machine())),
            processor: model.map(|(_, name)| name.to_owned()).unwrap_or_default(),
            core_count: available_parallelism().unwrap_or(NonZeroUsize::MIN),
            memory: memory("MemTotal"),
            dir: dir.display().to_string(),
            filesystem: filesystem(fstatfs(ground.dir())?.f_type.unsigned_abs()),
            congestion_control: control.trim().to_owned(),
        })
    }
}

/// `Linux 6.18.1 x86_64, 2 cores, Intel(R) Xeon(R) Processor`.
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} cores", self.kernel, self.core_count)?;
        if self.processor.is_empty() { Ok(()) } else { write!(f, ", {}", self.processor) }
    }
}

/// The largest file to work on: there may be three as large, in memory and on the disk, and a quarter of either is left
/// alone.
pub(crate) fn room(ground: &Ground) -> io::Result<u64> {
    Ok(aqueduct_sys::room(ground.dir())?.available.min(memory("MemAvailable")) / 4)
}

/// A line of /proc/meminfo, in bytes; what is not told is no limit.
fn memory(name: &str) -> u64 {
    let lines = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map_or(u64::MAX, |kib| kib << 10)
}

/// See statfs(2).
fn filesystem(magic: u64) -> String {
    let known = match magic {
        0xef53 => "ext4",
        0x5846_5342 => "xfs",
        0x9123_683e => "btrfs",
        0x0102_1994 => "tmpfs",
        0x794c_7630 => "overlayfs",
        0x6969 => "nfs",
        0x2fc1_2fc1 => "zfs",
        0xf2f5_2010 => "f2fs",
        0xca45_1a4e => "bcachefs",
        0x6573_5546 => "fuse",
        _ => return format!("filesystem {magic:#x}"),
    };
    known.to_owned()
}
