//! Those who hear of names that were taken away, and of blobs in doubt: whoever keeps one open has to forget it then.

use std::fmt;
use std::sync::RwLock;

use aqueduct_blob::Digest;

use crate::poison::{alone, share};
use crate::store::Store;

type Told = Box<dyn Fn(&Digest) + Send + Sync>;

#[derive(Default)]
pub(crate) struct Watchers(RwLock<Vec<Told>>);

impl Store {
    /// Has `told` hear of every blob whose name is taken away from now on, after it was: because it is removed, or damaged.
    /// It may hear of one that is there all the same, where taking its name away failed. Whoever takes the name away calls
    /// it, and waits for it.
    pub fn watch(&self, told: impl Fn(&Digest) + Send + Sync + 'static) {
        alone(&self.inner.watchers.0).push(Box::new(told));
    }

    /// Has `told` hear of every blob that is [doubted](Self::doubt) from now on, by whom it may be, before the doubt can end: more
    /// than once, and of many that are right. Whoever doubts calls it, and waits for it, while names may stand still.
    pub fn watch_doubts(&self, told: impl Fn(&Digest) + Send + Sync + 'static) {
        alone(&self.inner.doubt_watchers.0).push(Box::new(told));
    }
}

impl Watchers {
    pub(crate) fn tell(&self, digest: &Digest) {
        for told in &*share(&self.0) {
            told(digest);
        }
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchers").finish_non_exhaustive()
    }
}
