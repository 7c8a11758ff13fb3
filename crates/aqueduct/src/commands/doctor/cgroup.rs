//! What the control groups of this process allow: cgroups(7). Both versions may be mounted, and memory is in one.

use std::fs;
use std::path::{Path, PathBuf};

use super::mounts::{self, Mount};

/// The tightest limit on memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    /// In bytes.
    pub(super) len: u64,
    pub(super) version: u8,
}

/// The tightest limit of the groups that this process is in; `None` where none is set, or none can be seen.
pub(super) fn memory_limit() -> Option<Limit> {
    let memberships = fs::read_to_string("/proc/self/cgroup").ok()?;
    let tightest = |hierarchy: &Hierarchy| {
        let group = membership(&memberships, hierarchy.controller)?;
        let mounted = mounts::all().into_iter().find(|mount| hierarchy.is_mounted_as(mount))?;
        let groups = directories(&mounted, group);
        let len = groups.iter().filter_map(|group| read(&group.join(hierarchy.file))).min()?;
        Some(Limit { len, version: hierarchy.version })
    };
    HIERARCHIES.iter().filter_map(tightest).min_by_key(|limit| limit.len)
}

/// The path of the group in the hierarchy of `controller`: lines are `ID:CONTROLLERS:PATH`, and version 2 names none.
pub(super) fn membership<'a>(memberships: &'a str, controller: &str) -> Option<&'a str> {
    memberships.lines().find_map(|line| {
        let (_, line) = line.split_once(':')?;
        let (controllers, path) = line.split_once(':')?;
        controllers.split(',').any(|one| one == controller).then_some(path)
    })
}

/// The directories of a group and of those above it, as far as they are mounted.
pub(super) fn directories(mount: &Mount, group: &str) -> Vec<PathBuf> {
    // A container sees its own group as the root of the mount, whatever the group's path is outside.
    let below = Path::new(group).strip_prefix(&mount.root).unwrap_or(Path::new(""));
    below.ancestors().map(|below| mount.point.join(below)).collect()
}

/// "max" in version 2, and the largest multiple of a page in version 1, are no limit.
pub(super) fn parse(limit: &str) -> Option<u64> {
    limit.trim().parse().ok().filter(|&len: &u64| len < NO_LIMIT)
}

fn read(file: &Path) -> Option<u64> {
    parse(&fs::read_to_string(file).ok()?)
}

struct Hierarchy {
    version: u8,
    /// As /proc/self/cgroup names it.
    controller: &'static str,
    file: &'static str,
}

impl Hierarchy {
    fn is_mounted_as(&self, mount: &Mount) -> bool {
        match self.version {
            1 => mount.kind == "cgroup" && mount.options.split(',').any(|option| option == self.controller),
            _ => mount.kind == "cgroup2",
        }
    }
}

const HIERARCHIES: [Hierarchy; 3] = [
    Hierarchy { version: 2, controller: "", file: "memory.max" },
    // Above it nobody is killed, and everybody is slowed down (Documentation/admin-guide/cgroup-v2.rst).
    Hierarchy { version: 2, controller: "", file: "memory.high" },
    Hierarchy { version: 1, controller: "memory", file: "memory.limit_in_bytes" },
];

/// More than any machine has.
const NO_LIMIT: u64 = 1 << 60;
