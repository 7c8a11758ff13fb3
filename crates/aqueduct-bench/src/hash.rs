//! Hashing a file.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::thread::available_parallelism;
use std::time::Duration;

use aqueduct_blob::{Algorithm, Digest, Hashed, parallel};
use aqueduct_flow::uninterrupted;
use aqueduct_sys::pread;

use crate::arm::{Arm, Bound, Course, Group, Temperature, WrongBytes};
use crate::meter::{Meter, Sample};
use crate::source::digest;

pub(crate) fn arms() -> Vec<Arm> {
    use Algorithm::{Blake3, Sha256};
    let sequential = "pread(2) of 256 KiB and the hash, by one thread";
    let shared = "segments on all cores, each proven by the checkpoints that a store keeps of a blob";
    let tree = "segments on all cores";
    vec![
        arm("sha256", sequential, Threads::One, Sha256, hash),
        arm("sha256, all cores", shared, Threads::All, Sha256, verify),
        arm("blake3", sequential, Threads::One, Blake3, hash),
        arm("blake3, all cores", tree, Threads::All, Blake3, hash),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Threads {
    One,
    All,
}

impl Threads {
    fn count(self) -> NonZeroUsize {
        match self {
            Self::One => NonZeroUsize::MIN,
            Self::All => available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// Finds the digest of the first bytes of a file, of which everything was known before.
type Find = fn(&File, &Hashed, NonZeroUsize) -> io::Result<Digest>;

fn arm(name: &str, about: &'static str, threads: Threads, algorithm: Algorithm, find: Find) -> Arm {
    let known = RefCell::default();
    Arm {
        group: Group::Hash,
        name: name.to_owned(),
        about,
        has_cold: true,
        bound: if threads == Threads::All { Bound::HashOnAllCores } else { Bound::Hash },
        counts_calls: threads == Threads::One,
        run: Box::new(move |course| {
            let known = learn(course, algorithm, &known)?;
            hash_each(course, &known, threads.count(), find)
        }),
    }
}

fn hash_each(course: &Course<'_>, known: &Hashed, threads: NonZeroUsize, find: Find) -> io::Result<Sample> {
    let Course { source, size, operations, .. } = *course;
    let file = source.file();
    let mut meter = Meter::default();
    for _ in 0..operations {
        if course.temperature == Temperature::Cold {
            source.cool()?;
        }
        let found = match u32::try_from(threads.get()) {
            Ok(1) | Err(_) => meter.run(|| find(file, known, threads))?,
            Ok(count) => meter.run_all(count, || find(file, known, threads))?,
        };
        if found != known.digest {
            return Err(WrongBytes.into());
        }
    }
    Ok(meter.sample(operations, size, Duration::ZERO))
}

/// By size, what hashing found before anything was measured.
type Known = RefCell<BTreeMap<u64, Rc<Hashed>>>;

fn learn(course: &Course<'_>, algorithm: Algorithm, known: &Known) -> io::Result<Rc<Hashed>> {
    let Course { source, size, .. } = *course;
    if let Some(hashed) = known.borrow().get(&size) {
        return Ok(Rc::clone(hashed));
    }
    let read = |offset, buffer: &mut [u8]| read_exact(source.file(), buffer, offset);
    let hashed = Rc::new(parallel::hash(algorithm, size, NonZeroUsize::MIN, read)?);
    if course.is_checked && hashed.digest != digest(algorithm, source.file(), size, 1, b"")? {
        return Err(WrongBytes.into());
    }
    known.borrow_mut().insert(size, Rc::clone(&hashed));
    Ok(hashed)
}

fn hash(file: &File, known: &Hashed, threads: NonZeroUsize) -> io::Result<Digest> {
    let read = |offset, buffer: &mut [u8]| read_exact(file, buffer, offset);
    Ok(parallel::hash(known.digest.algorithm(), known.size, threads, read)?.digest)
}

fn verify(file: &File, known: &Hashed, threads: NonZeroUsize) -> io::Result<Digest> {
    let read = |offset, buffer: &mut [u8]| read_exact(file, buffer, offset);
    let verdict = parallel::verify(&known.digest, known.size, Some(&known.checkpoints), threads, read)?;
    let is_right = verdict == parallel::Verdict::Intact { checkpoints: None };
    if is_right { Ok(known.digest) } else { Err(WrongBytes.into()) }
}

fn read_exact(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        let read = uninterrupted(|| pread(file, &mut buffer[filled..], offset + filled as u64))?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
    }
    Ok(())
}
