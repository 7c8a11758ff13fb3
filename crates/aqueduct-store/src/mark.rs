//! The durable mark: which blobs survive a power cut whatever happens, and which have to be hashed again first.
//!
//! Under `--sync full` a file is synced before it gets its name, so a name that is there leads to the right bytes. Under
//! `--sync none` it is not: after a power cut ext4 can bring such a name back with its size and the wrong bytes. Those
//! blobs are called *loose* until a sync of the whole filesystem has covered them, and the mark is the moment of the last
//! such sync.
//!
//! The moment is compared with the change time (`st_ctime`) of a blob's file. The kernel sets it when the file is given
//! its name, writes it to the medium together with the name, and lets nobody set it back. So the test needs no list of
//! blobs, no verb of its own, and no trust in what an administrator did to the files meanwhile: copying, `chown` or hard
//! links only ever make a blob look younger, which costs a hash and never a wrong byte. The one thing it rests on is that no
//! loose blob is younger than the mark it was published under; where the clock went back, the store syncs first instead.

use crate::disk::Incarnation;

/// What the store knows of its own durability. It is kept in `meta.redb`; a session works on a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// Names given before this second are durable, and so are their bytes, unless [`State::suspect`] says otherwise.
    pub(crate) mark: i64,
    /// Names given since the mark may lead to bytes that are not durable.
    pub(crate) loose: bool,
    /// Names given since this second may lead to wrong bytes: there was a power cut, and they have not been hashed since.
    pub(crate) suspects_since: Option<i64>,
    /// The session that has the store open for changes, by the page cache it works on; `None` after a clean stop.
    pub(crate) session: Option<Incarnation>,
    /// The index may not match the tree.
    pub(crate) index_stale: bool,
}

impl State {
    /// The state of a store without a blob.
    pub(crate) fn fresh(now: i64) -> Self {
        Self { mark: now, loose: false, suspects_since: None, session: None, index_stale: false }
    }

    /// The state of a store of which nothing is known: every blob is suspect.
    pub(crate) fn unknown(now: i64) -> Self {
        Self { suspects_since: Some(i64::MIN), index_stale: true, ..Self::fresh(now) }
    }

    /// What the last recorded state means to a process that opens the store now.
    pub(crate) fn reopened(mut self, now: i64, current: &Incarnation) -> Self {
        let Some(last) = self.session.take() else { return self };
        self.index_stale = true;
        if last != *current {
            // The page cache is gone: what is there now was read from the medium, so its name is durable. Its bytes are
            // right where they were synced before it was named, and suspect where they were not.
            if self.loose {
                let since = self.suspects_since.unwrap_or(i64::MAX).min(self.mark);
                self.suspects_since = Some(since);
            }
            self.loose = false;
            self.mark = now;
        }
        self
    }

    /// The state once everything that was named before `now` has been synced.
    pub(crate) fn settled(mut self, now: i64) -> Self {
        self.mark = now;
        self.loose = false;
        self
    }

    /// Whether a blob named at `changed` has to be hashed before it is believed.
    pub(crate) fn suspect(&self, changed: i64) -> bool {
        self.suspects_since.is_some_and(|since| changed >= since)
    }

    /// Whether a blob named at `changed`, which is not suspect, is known to survive a power cut.
    pub(crate) fn durable(&self, changed: i64) -> bool {
        changed < self.mark
    }

    /// Whether a blob may be named at `now` without being synced first: a power cut must leave it on the suspect side of
    /// the mark.
    pub(crate) fn may_be_loose(&self, now: i64) -> bool {
        self.loose && now >= self.mark
    }
}

#[cfg(test)]
mod tests;
