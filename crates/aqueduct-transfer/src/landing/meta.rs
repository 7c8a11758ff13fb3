//! What is kept of an entry beside its bytes.

use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aqueduct_sys::{
    Result, Timestamp, set_mode, set_mtime, set_mtime_in, set_owner, set_owner_in, set_xattr,
};
use aqueduct_wire::transfer::{Meta, Time};

use crate::Preserve;

/// How entries get their modes, times, owners and attributes.
#[derive(Debug)]
pub(super) struct Keeper {
    preserve: Preserve,
    umask: u32,
    notes: Mutex<Notes>,
}

/// What a person should know, and no error.
#[derive(Debug, Default)]
struct Notes {
    first: Vec<String>,
    count: usize,
}

impl Keeper {
    pub(super) fn new(preserve: Preserve) -> Self {
        Self { preserve, umask: umask(), notes: Mutex::default() }
    }

    /// With which mode a file is made whose bytes are written in one go.
    pub(super) fn mode_at_first(&self, meta: &Meta) -> u32 {
        let mode = self.mode(meta) & 0o777;
        // Whoever may not write to a file may not give it attributes.
        if self.preserve.xattrs && !meta.xattrs.is_empty() { mode | 0o600 } else { mode }
    }

    /// Gives `file` what is kept of it. It was made with the mode `at_first`, which the umask has narrowed.
    ///
    /// The owner comes first, because a change of it takes bits of the mode and some attributes away; times come last, because
    /// everything else may change them.
    pub(super) fn keep(
        &self,
        file: impl AsFd,
        meta: &Meta,
        at_first: u32,
        path: impl Fn() -> PathBuf,
    ) -> Result<()> {
        let owner = meta.owner.filter(|_| self.preserve.owner);
        if let Some((user, group)) = owner
            && let Err(error) = set_owner(&file, user, group)
        {
            self.note(format!("{:?} does not belong to {user}:{group}: {error}", path()));
        }
        if self.preserve.xattrs {
            for (name, value) in &meta.xattrs {
                self.keep_xattr(&file, name, value, &path);
            }
        }
        let mode = self.mode(meta);
        if owner.is_some() || mode != at_first & !self.umask {
            set_mode(&file, mode)?;
        }
        if self.preserve.mtime { set_mtime(&file, timestamp(meta.mtime)) } else { Ok(()) }
    }

    /// The same for the symbolic link `name` in `dir`, which has no mode.
    pub(super) fn keep_link(
        &self,
        dir: impl AsFd,
        name: &Path,
        meta: &Meta,
        path: impl Fn() -> PathBuf,
    ) -> Result<()> {
        if let Some((user, group)) = meta.owner.filter(|_| self.preserve.owner)
            && let Err(error) = set_owner_in(&dir, name, user, group)
        {
            self.note(format!("{:?} does not belong to {user}:{group}: {error}", path()));
        }
        if self.preserve.mtime { set_mtime_in(dir, name, timestamp(meta.mtime)) } else { Ok(()) }
    }

    fn keep_xattr(&self, file: impl AsFd, name: &[u8], value: &[u8], path: impl Fn() -> PathBuf) {
        // Capabilities are as much as set-user-ID, and labels decide what others may do.
        let is_harmless = name.starts_with(b"user.") || name.starts_with(b"system.posix_acl_");
        let name_shown = super::tree::shown(name);
        if !is_harmless && !self.preserve.owner {
            self.note(format!("{:?} is without {name_shown:?}: it is kept with the owner alone", path()));
        } else if let Err(error) = set_xattr(file, name, value) {
            self.note(format!("{:?} is without {name_shown:?}: {error}", path()));
        }
    }

    /// The mode in the end.
    fn mode(&self, meta: &Meta) -> u32 {
        let mode = u32::from(meta.mode);
        match (self.preserve.mode, self.preserve.owner) {
            (true, true) => mode & 0o7777,
            // A program that runs as somebody runs as whoever receives it then.
            (true, false) => mode & 0o1777,
            (false, _) => mode & 0o777 & !self.umask,
        }
    }

    /// Keeps a note for the end.
    pub(super) fn note(&self, note: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.count += 1;
        if notes.first.len() < NOTE_COUNT_MAX {
            notes.first.push(note);
        }
    }

    /// All notes; if there are too many, the first of them and how many there are.
    pub(super) fn notes(&self) -> Vec<String> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shown = notes.first.clone();
        let more = notes.count - shown.len();
        if more > 0 {
            shown.push(format!("and {more} more notes like these"));
        }
        shown
    }
}

fn timestamp(time: Time) -> Timestamp {
    Timestamp { seconds: time.seconds, nanoseconds: time.nanoseconds }
}

/// The umask of this process, which umask(2) tells only to whoever changes it, for all threads.
fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    found.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok()).unwrap_or(USUAL_UMASK)
}

/// Where /proc is not mounted.
const USUAL_UMASK: u32 = 0o022;

/// A person reads no more.
const NOTE_COUNT_MAX: usize = 20;
