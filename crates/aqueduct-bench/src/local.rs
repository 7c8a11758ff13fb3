//! Copying a file to a new one on the same filesystem.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::rc::Rc;

use aqueduct_blob::Algorithm;
use aqueduct_flow::{CopyLadder, Route, Step, uninterrupted};
use aqueduct_sys::{SpliceFlags, copy_file_range, pipe, reflink, set_pipe_len, splice};

use crate::arm::{Arm, Bound, Course, Group, Temperature, WrongBytes};
use crate::meter::{Meter, Sample};
use crate::source::{Source, digest};

pub(crate) fn arms() -> Vec<Arm> {
    let original = Rc::new(RefCell::new(None));
    let arm = |name: &str, about, bound, copy: fn(&File, &File, u64) -> io::Result<()>| {
        let original = Rc::clone(&original);
        Arm {
            group: Group::Local,
            name: name.to_owned(),
            about,
            has_cold: true,
            bound,
            counts_calls: true,
            run: Box::new(move |course| copy_each(course, &original, copy)),
        }
    };
    vec![
        arm("reflink", "FICLONE: the first rung of the product's ladder", Bound::Calls, |from, to, _| {
            by_ladder(Route::Reflink, from, to)
        }),
        arm("copy_file_range", "copy_file_range(2): the second rung", Bound::Copying, |from, to, _| {
            by_ladder(Route::CopyFileRange, from, to)
        }),
        arm("sendfile", "sendfile(2): the third rung", Bound::Copying, |from, to, _| {
            by_ladder(Route::Sendfile, from, to)
        }),
        arm("splice", "splice(2) by way of a pipe", Bound::Copying, by_splice),
        arm("copy", "pread(2) and pwrite(2), 256 KiB: the last rung", Bound::Copying, |from, to, _| {
            by_ladder(Route::Copy, from, to)
        }),
    ]
}

/// The file that was copied last: all arms copy the same, and one size follows another.
type Original = RefCell<Option<(u64, Rc<Source>)>>;

fn copy_each(
    course: &Course<'_>,
    original: &Original,
    copy: fn(&File, &File, u64) -> io::Result<()>,
) -> io::Result<Sample> {
    let Course { size, operations, .. } = *course;
    let source = of_size(course, original)?;
    let targets = (0..operations).map(|_| course.ground.file()).collect::<io::Result<Vec<_>>>()?;
    let mut meter = Meter::default();
    for target in &targets {
        if course.temperature == Temperature::Cold {
            source.cool()?;
        }
        meter.run(|| copy(source.file(), target, size))?;
    }
    if course.is_checked {
        let expected = digest(Algorithm::Blake3, source.file(), size, 1, b"")?;
        for target in &targets {
            if target.metadata()?.len() != size
                || digest(Algorithm::Blake3, target, size, 1, b"")? != expected
            {
                return Err(WrongBytes.into());
            }
        }
    }
    Ok(meter.sample(operations, size, std::time::Duration::ZERO))
}

/// What is copied is copied whole, so it is a file as long as that.
fn of_size(course: &Course<'_>, original: &Original) -> io::Result<Rc<Source>> {
    let mut original = original.borrow_mut();
    let source = match &*original {
        Some((size, source)) if *size == course.size => Rc::clone(source),
        _ => {
            // The old one makes room for the new one.
            *original = None;
            Rc::new(Source::of_size(course.ground, course.size)?)
        }
    };
    *original = Some((course.size, Rc::clone(&source)));
    source.warm(course.size)?;
    Ok(source)
}

fn by_ladder(rung: Route, source: &File, target: &File) -> io::Result<()> {
    let ladder = CopyLadder::from_rung(rung).expect("each of these arms is a rung");
    let mut copy = ladder.begin(source, target)?;
    while copy.step(TURN_LEN)? != Step::End {}
    match copy.carried().main_route() {
        Some(route) if route != rung => Err(refusal(rung, source, target)),
        _ => Ok(()),
    }
}

/// Why the ladder left a rung, which it keeps to itself.
fn refusal(rung: Route, source: &File, target: &File) -> io::Error {
    let emptied = target.set_len(0);
    let tried = emptied.and_then(|()| match rung {
        Route::Reflink => Ok(reflink(source, target)?),
        _ => Ok(copy_file_range(source, 0, target, 0, 1).map(drop)?),
    });
    let unknown = || io::Error::new(io::ErrorKind::Unsupported, "the kernel refused it for this file");
    tried.err().unwrap_or_else(unknown)
}

fn by_splice(source: &File, target: &File, size: u64) -> io::Result<()> {
    let (read_end, write_end) = pipe()?;
    // EPERM beyond the user's share: it works all the same, in smaller pieces.
    let _ = set_pipe_len(&write_end, TURN_LEN);
    let flags = SpliceFlags::empty();
    let mut offset = 0;
    while offset < size {
        let len = usize::try_from(size - offset).map_or(TURN_LEN, |left| left.min(TURN_LEN));
        let mut held = uninterrupted(|| splice(source, Some(offset), &write_end, None, len, flags))?;
        if held == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while held > 0 {
            let drained = uninterrupted(|| splice(&read_end, None, target, Some(offset), held, flags))?;
            held -= drained;
            offset += drained as u64;
        }
    }
    Ok(())
}

/// What a pipe holds, and what the product copies in a turn.
const TURN_LEN: usize = 1 << 20;
