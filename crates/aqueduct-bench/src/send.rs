//! Sending a file to a TCP connection.

mod congestion;
mod copied;
mod lent;
mod queued;
mod ringed;

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_flow::SendRoute;

use crate::arm::{Arm, Bound, Course, Group, Temperature};
use crate::meter::{Meter, Sample};
use crate::pair::{Sink, WarmUp, pair};

pub(crate) fn arms() -> Vec<Arm> {
    let copied = |len| move |_: &TcpStream| Ok(copied::Copied::boxed(len));
    let queued = |route, head_len| move |_: &TcpStream| Ok(queued::Queued::boxed(route, head_len));
    let mut arms = vec![
        arm(COPY_4, "pread(2) and write(2), as the measurement of 2008 did it", copied(4 << 10)),
        arm(COPY_64, "pread(2) and write(2)", copied(64 << 10)),
        arm(COPY_256, "pread(2) and send(2): the product's route copy", queued(SendRoute::Copy, 0)),
        arm(COPY_HEAD, "the same; a head leaves in the same sendmsg(2)", queued(SendRoute::Copy, HEAD_LEN)),
        arm("mmap", "send(2) from a mapping: the product's route mmap", queued(SendRoute::Mmap, 0)),
        arm(SENDFILE, "sendfile(2): the product's route sendfile", queued(SendRoute::Sendfile, 0)),
        arm(
            SENDFILE_HEAD,
            "the same, after a head sent with MSG_MORE",
            queued(SendRoute::Sendfile, HEAD_LEN),
        ),
        arm("splice", "splice(2) by way of a pipe: the product's route splice", queued(SendRoute::Splice, 0)),
        arm("vmsplice", "a mapping to a pipe by vmsplice(2), and on by splice(2)", lent::vmspliced),
        arm(
            "zerocopy",
            "send(2) of a mapping with MSG_ZEROCOPY, which over loopback copies after all",
            lent::zerocopy,
        ),
        arm(
            "io_uring send_zc",
            "IORING_OP_SEND_ZC of a mapping (Linux 6.2), which over loopback copies after all",
            ringed::ringed,
        ),
    ];
    arms.extend(congestion::available().into_iter().map(|name| {
        let title = format!("sendfile, {name}");
        arm(title, "sendfile(2) under this congestion control", move |socket: &TcpStream| {
            congestion::sendfile_under(&name, socket)
        })
    }));
    arms
}

/// The ways among which a server chooses for an answer, of which the first is for what is small.
pub(crate) fn answers() -> Vec<Arm> {
    let kept =
        arm(KEPT_HEAD, "a head and bytes that are in memory leave in one sendmsg(2)", |_: &TcpStream| {
            Ok(queued::Kept::boxed(HEAD_LEN))
        });
    let of_files = arms().into_iter().filter(|arm| [COPY_HEAD, SENDFILE_HEAD].contains(&arm.name.as_str()));
    [kept].into_iter().chain(of_files).map(|arm| Arm { has_cold: false, ..arm }).collect()
}

/// A way of sending.
pub(crate) trait Way {
    /// Sends the first `size` bytes of `file`. The socket is blocking.
    fn send(&mut self, file: &Arc<File>, size: u64, socket: &TcpStream) -> io::Result<()>;

    /// Waits for whatever is owed before the end of the stream.
    fn finish(&mut self, _socket: &TcpStream) -> io::Result<()> {
        Ok(())
    }

    /// How many bytes go before each file.
    fn head_len(&self) -> usize {
        0
    }
}

fn arm(
    name: impl Into<String>,
    about: &'static str,
    prepare: impl Fn(&TcpStream) -> io::Result<Box<dyn Way>> + 'static,
) -> Arm {
    let run = move |course: &Course<'_>| send(course, &prepare);
    let name = name.into();
    let is_copied = ["copy", "mmap", "zerocopy", "io_uring"].iter().any(|word| name.starts_with(word));
    Arm {
        group: Group::Send,
        bound: if is_copied { Bound::Copying } else { Bound::Calls },
        name,
        about,
        has_cold: true,
        counts_calls: true,
        run: Box::new(run),
    }
}

fn send(course: &Course<'_>, prepare: &dyn Fn(&TcpStream) -> io::Result<Box<dyn Way>>) -> io::Result<Sample> {
    let Course { source, size, operations, .. } = *course;
    let mut meter = Meter::default();
    let far_cpu = if course.temperature == Temperature::Cold {
        let mut far_cpu = Duration::ZERO;
        for _ in 0..operations {
            source.cool()?;
            // What goes by reference stays in memory until it has arrived and its connection is gone.
            far_cpu += send_over_one(course, prepare, 1, &mut meter)?;
        }
        far_cpu
    } else {
        send_over_one(course, prepare, operations, &mut meter)?
    };
    Ok(meter.sample(operations, size, far_cpu))
}

/// Sends so often over a new connection, and says what processor time the far end took.
fn send_over_one(
    course: &Course<'_>,
    prepare: &dyn Fn(&TcpStream) -> io::Result<Box<dyn Way>>,
    count: u64,
    meter: &mut Meter,
) -> io::Result<Duration> {
    let Course { source, size, .. } = *course;
    let file = source.file();
    let (near, far) = pair()?;
    let mut way = prepare(&near)?;
    let head_len = way.head_len();
    let warm_up = WarmUp::of(course);
    let before = warm_up.total() + warm_up.count * head_len as u64;
    let sink = Sink::start(far, course.is_checked, before);
    (0..warm_up.count).try_for_each(|_| way.send(file, warm_up.len, &near))?;
    sink.catch_up(before);
    let arrived = meter.run(|| {
        (0..count).try_for_each(|_| way.send(file, size, &near))?;
        way.finish(&near)?;
        sink.finish(&near)
    })?;
    arrived.check(file, size, count, &vec![b'h'; head_len])?;
    Ok(arrived.cpu)
}

/// The arms that the table of 2008 is about.
pub(crate) const COPY_4: &str = "copy 4 KiB";
pub(crate) const COPY_64: &str = "copy 64 KiB";
pub(crate) const COPY_256: &str = "copy 256 KiB";
pub(crate) const SENDFILE: &str = "sendfile";

/// The ways of an answer over HTTP.
pub(crate) const KEPT_HEAD: &str = "memory, head";
pub(crate) const COPY_HEAD: &str = "copy, head";
pub(crate) const SENDFILE_HEAD: &str = "sendfile, head";

/// As long as the head of a usual answer over HTTP.
const HEAD_LEN: usize = 256;
