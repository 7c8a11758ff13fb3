//! Copying a file to a new one on the same filesystem.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::rc::Rc;

use aqueduct_blob::Algorithm;
use aqueduct_flow::{CopyLadder, Route, Step};
use aqueduct_sys::{copy_file_range, reflink};

use crate::arm::{Arm, Bound, Course, Group, Temperature, WrongBytes};
use crate::meter::{Meter, Sample};
use crate::pipe::{PIPE_LEN, Pipe};
use crate::source::{Source, digest};

pub(crate) fn arms() -> Vec<Arm> {
    let original = Rc::new(RefCell::new(None));
    let arm = |name: &str, about, bound, prepare: Prepare| {
        let original = Rc::clone(&original);
        Arm {
            group: Group::Local,
            name: name.to_owned(),
            about,
            has_cold: true,
            bound,
            counts_calls: true,
            run: Box::new(move |course| copy_each(course, &original, prepare()?)),
        }
    };
    vec![
        arm("reflink", "FICLONE: the first rung of the product's ladder", Bound::Calls, || {
            Ok(by_ladder(Route::Reflink))
        }),
        arm("copy_file_range", "copy_file_range(2): the second rung", Bound::Copying, || {
            Ok(by_ladder(Route::CopyFileRange))
        }),
        arm("sendfile", "sendfile(2): the third rung", Bound::Copying, || Ok(by_ladder(Route::Sendfile))),
        arm("splice", "splice(2) by way of a pipe", Bound::Copying, || Ok(by_splice(Pipe::open()?))),
        arm("copy", "pread(2) and pwrite(2), 256 KiB: the last rung", Bound::Copying, || {
            Ok(by_ladder(Route::Copy))
        }),
    ]
}

/// Copies so many bytes, which are all, of a file to an empty one.
type Copy = dyn FnMut(&File, &File, u64) -> io::Result<()>;

/// Makes what a whole sample uses.
type Prepare = fn() -> io::Result<Box<Copy>>;

/// The file that was copied last: all arms copy the same, and one size follows another.
type Original = RefCell<Option<(u64, Rc<Source>)>>;

fn copy_each(course: &Course<'_>, original: &Original, mut copy: Box<Copy>) -> io::Result<Sample> {
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

fn by_ladder(rung: Route) -> Box<Copy> {
    let ladder = CopyLadder::from_rung(rung).expect("each of these arms is a rung");
    Box::new(move |source, target, _| {
        let mut copy = ladder.begin(source, target)?;
        while copy.step(TURN_LEN)? != Step::End {}
        match copy.carried().main_route() {
            Some(route) if route != rung => Err(refusal(rung, source, target)),
            _ => Ok(()),
        }
    })
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

fn by_splice(pipe: Pipe) -> Box<Copy> {
    Box::new(move |source, target, size| {
        let mut offset = 0;
        while offset < size {
            let len = usize::try_from(size - offset).map_or(TURN_LEN, |left| left.min(TURN_LEN));
            let filled = pipe.fill(source, Some(offset), len)?;
            if filled == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            pipe.drain(target, Some(offset), filled)?;
            offset += filled as u64;
        }
        Ok(())
    })
}

/// What a pipe holds, and what the product copies in a turn.
const TURN_LEN: usize = PIPE_LEN;
