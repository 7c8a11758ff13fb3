//! The store, open while a command works on it, and closed after.

use std::fmt::Display;
use std::io::{self, BufRead};
use std::iter;
use std::num::NonZeroUsize;
use std::path::Path;
use std::str::FromStr;
use std::thread;

use aqueduct_store::{Absent, Options, Store, SyncPolicy};

use crate::fault::Fault;
use crate::flags::Named;
use crate::voice::Voice;

/// How a command wants the store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) absent: Absent,
    pub(crate) sync: SyncPolicy,
}

impl Opening {
    /// A store that is there.
    pub(crate) const EXISTING: Self = Self { absent: Absent::Refuse, sync: SyncPolicy::Full };
}

/// Opens the store, lets `work` use it, and closes it whatever came of that.
pub(crate) fn with_store<T>(
    directory: &Path,
    opening: Opening,
    voice: &Voice,
    work: impl FnOnce(&Store) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let options = Options { sync: opening.sync, ..Options::default() };
    let store = Store::open(directory, opening.absent, options)?;
    let worked = work(&store);
    let closed = store.close().map_err(Fault::Close);
    match (worked, closed) {
        (Ok(done), closed) => closed.map(|()| done),
        (Err(fault), Ok(())) => Err(fault),
        (Err(fault), Err(close)) => {
            voice.complain(&close);
            Err(fault)
        }
    }
}

/// How many threads to use where the command line does not say.
pub(crate) fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// What was named, that on standard input read as it is asked for.
pub(crate) fn named<T>(named: &[Named<T>]) -> impl Iterator<Item = Result<T, Fault>> + '_
where
    T: Clone + FromStr<Err: Display>,
{
    named.iter().flat_map(|named| -> Box<dyn Iterator<Item = Result<T, Fault>>> {
        match named {
            Named::This(this) => Box::new(iter::once(Ok(this.clone()))),
            Named::Stdin => Box::new(stdin()),
        }
    })
}

/// The first word of each line that has one, so that what `put` printed can be asked for again.
fn stdin<T: FromStr<Err: Display>>() -> impl Iterator<Item = Result<T, Fault>> {
    io::stdin().lock().split(b'\n').enumerate().filter_map(|(index, line)| {
        let line = match line {
            Ok(line) => line,
            Err(source) => return Some(Err(Fault::Source { path: "standard input".to_owned(), source })),
        };
        let line = String::from_utf8_lossy(&line);
        let word = line.split_whitespace().next()?;
        // What put escapes begins with a backslash.
        let parsed = word.trim_start_matches('\\').parse();
        let wrong = |error| Fault::Usage(format!("standard input, line {}: {error}", index + 1));
        Some(parsed.map_err(|error: T::Err| wrong(error)))
    })
}
