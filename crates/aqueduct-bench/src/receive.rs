//! Receiving from a TCP connection into a new file, hashed on its way or not.

mod populated;
mod second_thread;

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsFd;

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_flow::{Intake, ReceiveRoute, Step, wait_for};

use crate::arm::{Arm, Bound, Course, Group, WrongBytes};
use crate::meter::{Meter, Sample};
use crate::pair::{Feeder, WarmUp, pair};
use crate::source::digest;

pub(crate) fn arms() -> Vec<Arm> {
    let mut arms = Vec::new();
    for (name, way, about) in WAYS {
        for hashing in Hashing::ALL {
            let name = match hashing {
                Hashing::Not => name.to_owned(),
                Hashing::InLine(algorithm) => format!("{name} + {algorithm}"),
                Hashing::InSecondThread(algorithm) => format!("{name} + {algorithm}, second thread"),
            };
            arms.push(Arm {
                group: Group::Receive,
                name,
                about,
                has_cold: false,
                bound: if hashing == Hashing::Not { Bound::Copying } else { Bound::Hash },
                counts_calls: true,
                run: Box::new(move |course| receive(course, way, hashing)),
            });
        }
    }
    arms
}

/// The ways among which a server chooses, hashing as it does by default.
pub(crate) fn bodies() -> Vec<Arm> {
    arms().into_iter().filter(|arm| [COPIED_BODY, SPLICED_BODY].contains(&arm.name.as_str())).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The product's.
    Route(ReceiveRoute),
    /// Into a mapping whose pages are there before the bytes are.
    Populated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hashing {
    Not,
    /// By the thread that receives.
    InLine(Algorithm),
    /// By another, which reads what was written behind the one that receives.
    InSecondThread(Algorithm),
}

impl Hashing {
    const ALL: [Self; 5] = [
        Self::Not,
        Self::InLine(Algorithm::Sha256),
        Self::InSecondThread(Algorithm::Sha256),
        Self::InLine(Algorithm::Blake3),
        Self::InSecondThread(Algorithm::Blake3),
    ];
}

/// Hears of each stretch that was received: where it begins, and the bytes.
type Heard<'a> = dyn FnMut(u64, &[u8]) -> io::Result<()> + 'a;

fn receive(course: &Course<'_>, way: Way, hashing: Hashing) -> io::Result<Sample> {
    let Course { source, size, operations, .. } = *course;
    let targets = (0..operations).map(|_| course.ground.file()).collect::<io::Result<Vec<_>>>()?;
    let (near, far) = pair()?;
    let warm_up = WarmUp::of(course);
    let feeder = Feeder::start(far, source.file().clone(), warm_up, size, operations);
    receive_one(way, &near, &course.ground.file()?, warm_up.total(), &mut |_, _| Ok(()))?;
    let mut meter = Meter::default();
    let digests = match hashing {
        Hashing::Not => {
            let receive = |target| receive_one(way, &near, target, size, &mut |_, _| Ok(()));
            meter.run(|| {
                feeder.let_go();
                targets.iter().try_for_each(receive)
            })?;
            Vec::new()
        }
        Hashing::InLine(algorithm) => {
            let receive = |target| {
                let mut hasher = Hasher::new(algorithm);
                let mut hash = |_: u64, bytes: &[u8]| {
                    hasher.update(bytes);
                    Ok(())
                };
                receive_one(way, &near, target, size, &mut hash)?;
                Ok(hasher.finish().digest)
            };
            meter.run(|| {
                feeder.let_go();
                targets.iter().map(receive).collect::<io::Result<Vec<_>>>()
            })?
        }
        Hashing::InSecondThread(algorithm) => {
            let hashed = meter.run(|| {
                feeder.let_go();
                second_thread::hash_behind(algorithm, &targets, |target, heard| {
                    receive_one(way, &near, target, size, heard)
                })
            })?;
            meter.add(hashed.spent);
            hashed.digests
        }
    };
    let far_cpu = feeder.finish()?;
    if course.is_checked {
        check(course, &targets, &digests)?;
    }
    Ok(meter.sample(operations, size, far_cpu))
}

fn check(course: &Course<'_>, targets: &[File], digests: &[Digest]) -> io::Result<()> {
    let Course { source, size, .. } = *course;
    let expected = digest(Algorithm::Blake3, source.file(), size, 1, b"")?;
    for target in targets {
        if target.metadata()?.len() != size || digest(Algorithm::Blake3, target, size, 1, b"")? != expected {
            return Err(WrongBytes.into());
        }
    }
    for found in digests {
        if *found != digest(found.algorithm(), source.file(), size, 1, b"")? {
            return Err(WrongBytes.into());
        }
    }
    Ok(())
}

fn receive_one(
    way: Way,
    socket: &TcpStream,
    target: &File,
    size: u64,
    heard: &mut Heard<'_>,
) -> io::Result<()> {
    let Way::Route(route) = way else { return populated::receive(socket, target, size, heard) };
    let mut intake = Intake::new(route);
    let mut offset = 0;
    while offset < size {
        let len_max = usize::try_from(size - offset).map_or(TURN_LEN, |left| left.min(TURN_LEN));
        let mut told = Ok(());
        let mut place = offset;
        let mut observe = |bytes: &[u8]| {
            if told.is_ok() {
                told = heard(place, bytes);
            }
            place += bytes.len() as u64;
        };
        let step = intake.step(socket.as_fd(), target, offset, len_max, &mut observe)?;
        told?;
        match step {
            Step::Moved(len) => offset += len as u64,
            Step::Blocked(side) => wait_for(side, socket, socket)?,
            Step::End => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
    if intake.route() != route {
        return Err(io::Error::new(io::ErrorKind::Unsupported, REFUSED));
    }
    intake.finish(target, size).map(drop)
}

const WAYS: [(&str, Way, &str); 4] = [
    ("copy", Way::Route(ReceiveRoute::Copy), "read(2) and pwrite(2), 256 KiB: the product's route copy"),
    ("splice", Way::Route(ReceiveRoute::Splice), "splice(2) by way of a pipe: the product's route splice"),
    ("mmap", Way::Route(ReceiveRoute::Mmap), "read(2) into a mapping: the product's route mmap"),
    ("mmap, populated", Way::Populated, "the same, with its pages made by madvise(2), 2 MiB ahead"),
];

pub(crate) const COPIED_BODY: &str = "copy + sha256";

pub(crate) const SPLICED_BODY: &str = "splice + sha256";

const REFUSED: &str = "the kernel refused it for this file, and the bytes were copied";

/// What a worker receives in one turn.
const TURN_LEN: usize = 1 << 20;
