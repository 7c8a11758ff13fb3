//! The durable mark: which blobs may have been harmed by an unclean stop, and have to be hashed before they are believed.
//!
//! Under `--sync full` a file is synced before it gets its name, so a name that is there leads to the right bytes. Under
//! `--sync none` it is not: after a power cut ext4 can bring such a name back with its size and the wrong bytes. Those
//! blobs are called *loose* until a sync of the whole filesystem has covered them. The mark is the moment of the last such
//! sync: every loose blob was named since.
//!
//! The moment is compared with the change time (`st_ctime`) of a blob's file. The kernel sets it when the file is given
//! its name, writes it to the medium together with the name, and lets nobody set it back. So the test needs no list of
//! blobs, no verb of its own, and no trust in what an administrator did to the files meanwhile: copying, `chown` or hard
//! links only ever make a blob look younger, which costs a hash and never a wrong byte. What it rests on is that no loose
//! blob looks older than the mark; where the clock went back, the mark goes back first ([`State::admits`]).
//!
//! A kill is treated as a power cut. On the same boot nothing was lost but for writes that failed behind everybody's back,
//! and to hash a few seconds' worth of blobs costs less than to argue about boots, mounts and containers.

/// What the store knows of its own durability. It is kept in `meta.redb`; a session works on a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// Names given since this second may lead to bytes that are not durable; `None`: no name does.
    pub(crate) mark: Option<i64>,
    /// Names given since this second may lead to wrong bytes: there was an unclean stop, and they were not hashed since.
    pub(crate) suspects_since: Option<i64>,
    /// A session has the store open for changes, or did not live to say that it has not.
    pub(crate) is_open: bool,
    /// The index may not match the tree.
    pub(crate) index_stale: bool,
}

impl State {
    /// The state of a store without a blob.
    pub(crate) fn fresh() -> Self {
        Self { mark: None, suspects_since: None, is_open: false, index_stale: false }
    }

    /// The state of a store of which nothing is known: every blob is suspect.
    pub(crate) fn unknown() -> Self {
        Self { suspects_since: Some(i64::MIN), index_stale: true, ..Self::fresh() }
    }

    /// What the last recorded state means to a process that opens the store now, and has synced whatever it found there.
    pub(crate) fn recovered(self) -> Self {
        if !self.is_open {
            return self;
        }
        Self { index_stale: true, ..self.settled(None).clean().suspecting(self.mark) }
    }

    /// The state in which a session makes its first change. A loose one may name blobs from `loose_from` on.
    pub(crate) fn begun(self, loose_from: Option<i64>) -> Self {
        let mark = self.mark.into_iter().chain(loose_from).min();
        Self { is_open: true, mark, ..self }
    }

    /// The state once everything is synced that was named before `loose_from`, where loose names go on being given.
    pub(crate) fn settled(self, loose_from: Option<i64>) -> Self {
        Self { mark: loose_from, ..self }
    }

    /// The state after a stop at which nothing was left to do.
    pub(crate) fn clean(self) -> Self {
        Self { is_open: false, ..self }
    }

    /// The state in which names given from `since` on are suspect too.
    pub(crate) fn suspecting(self, since: Option<i64>) -> Self {
        let suspects_since = self.suspects_since.into_iter().chain(since).min();
        Self { suspects_since, ..self }
    }

    /// Whether a blob named at `changed` has to be hashed before it is believed.
    pub(crate) fn suspects(&self, changed: i64) -> bool {
        self.suspects_since.is_some_and(|since| changed >= since)
    }

    /// Whether a blob may be named at `now` without being synced first: a power cut must leave it on this side of the
    /// mark.
    pub(crate) fn admits(&self, now: i64) -> bool {
        self.mark.is_some_and(|mark| now >= mark)
    }
}

#[cfg(test)]
mod tests;
