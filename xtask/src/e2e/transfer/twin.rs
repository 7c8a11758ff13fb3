//! A tree with everything in it that a tree may have, and whether another one is the same.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use rustix::fs::{XattrFlags, lgetxattr, llistxattr, lsetxattr};

use crate::filler::Filler;

/// What is compared beside names, bytes and kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Modes, symbolic links, and the seconds of times.
    OfTar,
    /// With the nanoseconds of times, and holes.
    Usual,
    /// With hard links and extended attributes.
    All,
}

/// Makes the tree.
pub(super) fn plant(root: &Path) -> Result<()> {
    let mut filler = Filler::new(78);
    for dir in ["empty", "deep/er/and/deeper", "modes", "names", "links", "many"] {
        fs::create_dir_all(root.join(dir))?;
    }
    for (name, size) in [
        ("empty-file", 0),
        ("one", 1),
        ("segment", 4 << 20),
        ("two-segments", 8 << 20),
        ("odd", (9 << 20) + 3),
    ] {
        filler.write_file(&root.join(name), size)?;
    }
    filler.write_file(&root.join("deep/er/and/deeper/file"), 12_345)?;
    for number in 0..2000 {
        filler.write_file(&root.join(format!("many/{number:04}")), number % 5000)?;
    }
    let names: [&[u8]; 7] = [
        b"with space",
        b"with\nline break",
        b"\xff\xfe no UTF-8",
        b"-dash",
        b"quote'\"$(exit 1)`",
        "\u{e9}\u{1f980}".as_bytes(),
        &[b'x'; 255],
    ];
    for name in names {
        filler.write_file(&root.join("names").join(OsStr::from_bytes(name)), 77)?;
    }
    for mode in [0o400, 0o600, 0o644, 0o755, 0o777] {
        let path = root.join(format!("modes/{mode:o}"));
        filler.write_file(&path, 10)?;
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
    }
    symlink("../one", root.join("links/to-file"))?;
    symlink("nowhere", root.join("links/dangling"))?;
    symlink("../empty", root.join("links/to-dir"))?;
    symlink("/etc/passwd", root.join("links/absolute"))?;
    hard_link(&root.join("one"), &root.join("links/hard"))?;
    lsetxattr(root.join("one"), XATTR, b"a value", XattrFlags::empty())?;
    write_sparse(&root.join("sparse"))?;
    fs::set_permissions(root.join("empty"), Permissions::from_mode(0o711))?;
    set_times(root)
}

/// Insists that both are the same.
pub(super) fn compare(left: &Path, right: &Path, depth: Depth) -> Result<()> {
    let (ours, theirs) = (walk(left, depth)?, walk(right, depth)?);
    for (path, entry) in &ours {
        let other = theirs.get(path).with_context(|| format!("{} is missing", path.display()))?;
        ensure!(entry == other, "{}: {other:?}, and not {entry:?}", path.display());
        if entry.kind == Kind::File {
            let [left, right] = [left, right].map(|root| fs::read(root.join(path)));
            ensure!(left? == right?, "{}: other bytes", path.display());
        }
    }
    let more: Vec<_> = theirs.keys().filter(|path| !ours.contains_key(*path)).collect();
    ensure!(more.is_empty(), "too many: {more:?}");
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    kind: Kind,
    mode: u32,
    size: u64,
    /// Seconds and nanoseconds; of a symbolic link nobody asks.
    mtime: Option<(i64, i64)>,
    /// Where a symbolic link leads.
    target: Option<PathBuf>,
    /// Whether it has a hole.
    is_sparse: bool,
    /// The first of the names of the same file.
    first_name: Option<PathBuf>,
    xattr: Option<Vec<u8>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    File,
    Directory,
    Symlink,
}

/// By paths from the root, which is the empty one.
fn walk(root: &Path, depth: Depth) -> Result<BTreeMap<PathBuf, Entry>> {
    let mut paths = vec![PathBuf::new()];
    let mut next = 0;
    while let Some(path) = paths.get(next) {
        let full = root.join(path);
        if full.symlink_metadata().with_context(|| full.display().to_string())?.is_dir() {
            let mut names = fs::read_dir(&full)?
                .map(|entry| Ok(path.join(entry?.file_name())))
                .collect::<Result<Vec<_>>>()?;
            names.sort();
            paths.extend(names);
        }
        next += 1;
    }
    let mut first_names = HashMap::new();
    let mut entries = BTreeMap::new();
    for path in paths {
        let entry = look(&root.join(&path), &path, depth, &mut first_names)?;
        entries.insert(path, entry);
    }
    Ok(entries)
}

fn look(
    full: &Path,
    path: &Path,
    depth: Depth,
    first_names: &mut HashMap<(u64, u64), PathBuf>,
) -> Result<Entry> {
    let meta = full.symlink_metadata()?;
    let kind = match () {
        () if meta.is_dir() => Kind::Directory,
        () if meta.is_symlink() => Kind::Symlink,
        () => Kind::File,
    };
    let is_file = kind == Kind::File;
    let first = first_names.entry((meta.dev(), meta.ino())).or_insert_with(|| path.to_owned());
    let mtime = (meta.mtime(), if depth == Depth::OfTar { 0 } else { meta.mtime_nsec() });
    let has_xattrs = depth == Depth::All && is_file && llistxattr(full, &mut [0; 0][..]).unwrap_or(0) > 0;
    Ok(Entry {
        mode: meta.mode() & 0o7777,
        size: if is_file { meta.len() } else { 0 },
        mtime: (kind != Kind::Symlink).then_some(mtime),
        target: meta.is_symlink().then(|| fs::read_link(full)).transpose()?,
        is_sparse: depth != Depth::OfTar && is_file && meta.blocks() * 512 + (1 << 20) < meta.len(),
        first_name: (depth == Depth::All && is_file).then(|| first.clone()),
        xattr: if has_xattrs { xattr(full) } else { None },
        kind,
    })
}

fn xattr(path: &Path) -> Option<Vec<u8>> {
    let mut value = vec![0; 256];
    let len = lgetxattr(path, XATTR, &mut value[..]).ok()?;
    value.truncate(len);
    Some(value)
}

/// Bytes at both ends, and none between.
fn write_sparse(path: &Path) -> Result<()> {
    use std::os::unix::fs::FileExt;
    let file = File::create(path)?;
    file.write_all_at(b"its begin", 0)?;
    file.write_all_at(b"its end", (24 << 20) - 7)?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a second name for a file of a test's own")]
fn hard_link(original: &Path, link: &Path) -> Result<()> {
    Ok(fs::hard_link(original, link)?)
}

/// Gives every file and directory a time of its own, the deepest first.
fn set_times(root: &Path) -> Result<()> {
    let entries = walk(root, Depth::Usual)?;
    for (number, (path, entry)) in entries.iter().enumerate().rev() {
        if entry.kind != Kind::Symlink {
            let time = UNIX_EPOCH + Duration::new(1_000_000_000 + number as u64, 123_456_789);
            File::open(root.join(path))?.set_modified(time)?;
        }
    }
    Ok(())
}

const XATTR: &str = "user.aqueduct-trial";
