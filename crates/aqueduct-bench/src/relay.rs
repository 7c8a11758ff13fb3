//! Passing on from one TCP connection to another.

use std::fs::File;
use std::io;
use std::net::TcpStream;

use aqueduct_blob::Algorithm;
use aqueduct_flow::uninterrupted;
use aqueduct_sys::{read, tee, write};

use crate::arm::{Arm, Bound, Course, Group, WrongBytes};
use crate::meter::{Meter, Sample};
use crate::pair::{Feeder, Sink, WarmUp, pair};
use crate::pipe::{PIPE_LEN, Pipe};
use crate::source::digest;

pub(crate) fn arms() -> Vec<Arm> {
    vec![
        arm("copy", "read(2) and write(2), 256 KiB", Bound::Copying, Kept::Nothing, || Ok(copied())),
        arm("splice", "splice(2) into a pipe and out of it", Bound::Calls, Kept::Nothing, spliced),
        arm(
            "splice, tee into a file",
            "the same, and tee(2) to a second pipe that is spliced into a new file",
            Bound::Copying,
            Kept::File,
            teed,
        ),
    ]
}

/// Whether what is passed on is kept, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Nothing,
    File,
}

/// Passes on up to so many bytes, which are written to the file at the offset if they are kept, and says how many.
type Pass = dyn FnMut(&TcpStream, &TcpStream, &File, u64, usize) -> io::Result<usize>;

fn arm(
    name: &str,
    about: &'static str,
    bound: Bound,
    kept: Kept,
    prepare: impl Fn() -> io::Result<Box<Pass>> + 'static,
) -> Arm {
    Arm {
        group: Group::Relay,
        name: name.to_owned(),
        about,
        has_cold: false,
        bound,
        counts_calls: true,
        run: Box::new(move |course| relay(course, kept, prepare()?)),
    }
}

fn relay(course: &Course<'_>, kept: Kept, mut pass: Box<Pass>) -> io::Result<Sample> {
    let Course { source, size, operations, .. } = *course;
    let file = course.ground.file()?;
    let (near_source, far_source) = pair()?;
    let (near_target, far_target) = pair()?;
    let warm_up = WarmUp::of(course);
    let sink = Sink::start(far_target, course.is_checked, warm_up.total());
    let feeder = Feeder::start(far_source, source.file().clone(), warm_up, size, operations);
    let mut pass_all = |file: &File, total: u64| {
        let mut offset = 0;
        while offset < total {
            let len = usize::try_from(total - offset).map_or(TURN_LEN, |left| left.min(TURN_LEN));
            match pass(&near_source, &near_target, file, offset, len)? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                passed => offset += passed as u64,
            }
        }
        Ok(())
    };
    pass_all(&course.ground.file()?, warm_up.total())?;
    sink.catch_up(warm_up.total());
    let mut meter = Meter::default();
    let total = size * operations;
    let arrived = meter.run(|| {
        feeder.let_go();
        pass_all(&file, total)?;
        sink.finish(&near_target)
    })?;
    arrived.check(source.file(), size, operations, b"")?;
    if course.is_checked && kept == Kept::File {
        let expected = digest(Algorithm::Blake3, source.file(), size, operations, b"")?;
        if file.metadata()?.len() != total || digest(Algorithm::Blake3, &file, total, 1, b"")? != expected {
            return Err(WrongBytes.into());
        }
    }
    let far_cpu = feeder.finish()?.max(arrived.cpu);
    Ok(meter.sample(operations, size, far_cpu))
}

fn copied() -> Box<Pass> {
    let mut buffer = vec![0; COPY_LEN];
    Box::new(move |source, target, _, _, len| {
        let len = len.min(buffer.len());
        let filled = uninterrupted(|| read(source, &mut buffer[..len]))?;
        let mut bytes = &buffer[..filled];
        while !bytes.is_empty() {
            let written = uninterrupted(|| write(target, bytes))?;
            bytes = &bytes[written..];
        }
        Ok(filled)
    })
}

fn spliced() -> io::Result<Box<Pass>> {
    let pipe = Pipe::open()?;
    Ok(Box::new(move |source, target, _, _, len| {
        let filled = pipe.fill(source, None, len)?;
        pipe.drain(target, None, filled)?;
        Ok(filled)
    }))
}

fn teed() -> io::Result<Box<Pass>> {
    let (pipe, other) = (Pipe::open()?, Pipe::open()?);
    Ok(Box::new(move |source, target, file, offset, len| {
        let filled = pipe.fill(source, None, len)?;
        let mut done = 0;
        while done < filled {
            let doubled = uninterrupted(|| tee(&pipe.read_end, &other.write_end, filled - done))?;
            other.drain(file, Some(offset + done as u64), doubled)?;
            pipe.drain(target, None, doubled)?;
            done += doubled;
        }
        Ok(filled)
    }))
}

const TURN_LEN: usize = PIPE_LEN;

const COPY_LEN: usize = 256 << 10;
