//! Connections on which nothing happens.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Row;
use crate::bench::rivals::contender::Contender;
use crate::bench::rivals::rival::FILE_SERVERS;
use crate::bench::rivals::stand::Stand;
use crate::bench::rivals::table::{Column, Table};
use crate::bench::stream::Stream;

pub(super) const ROW: Row = Row {
    name: "idle",
    title: "Idle connections",
    about: "10,000, or a fifth of the descriptors that a process may have. Each has asked for a blob of 4 KiB and is \
            kept; by how much the resident memory of the server's processes has grown, without what the kernel holds \
            for the sockets",
    columns: &[Column { head: "KiB each", places: 2, ratio: None }],
    has_huge: false,
    measure,
};

fn measure(stand: &Stand) -> Result<Vec<Table>> {
    let count = if stand.is_smoke() { 100 } else { raised_descriptor_limit() / DESCRIPTORS_EACH };
    let count = u32::try_from(count).map_or(COUNT_MAX, |count| count.min(COUNT_MAX));
    let mut whose = stand.with(FILE_SERVERS);
    stand.leave_out_broken(ROW.name, &mut whose)?;
    let series = stand.compare(&whose, stand.round_count.min(ROUND_COUNT_MAX), |index, _| {
        // A server of its own each time: memory that was freed is not always given back.
        let contender = stand.wrapped_reader(ROW.name, whose[index], |mut command| {
            // All of them come from one address. Others do not look at it.
            command.env("AQUEDUCT_MAX_CONNECTIONS_PER_ADDRESS", "0");
            command
        })?;
        let grown = grown(stand, &contender, count)?;
        contender.stop()?;
        Ok(vec![grown / 1024.0 / f64::from(count)])
    })?;
    Ok(vec![Table { key: ROW.name.to_owned(), asked: format!("{count} connections"), series }])
}

/// By how many bytes.
fn grown(stand: &Stand, contender: &Contender, count: u32) -> Result<f64> {
    let target = contender.layout().target(&stand.library.small[0]);
    contender.connect()?.drain(&target)?;
    let before = contender.meter().resident()?;
    let sockets = open(contender.address(), &target, count)?;
    let after = contender.meter().resident()?;
    let closed_count = sockets.iter().filter(|socket| !is_open(socket)).count();
    ensure!(closed_count == 0, "{closed_count} of {count} connections were closed by the server");
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    Ok(after as f64 - before as f64)
}

/// By several at once, so that the last one is there long before a server gives up waiting for the first.
fn open(address: &str, target: &str, count: u32) -> Result<Vec<TcpStream>> {
    thread::scope(|scope| {
        let opening: Vec<_> = (0..OPENER_COUNT)
            .map(|opener| {
                scope.spawn(move || {
                    let mut sockets = Vec::new();
                    for number in (opener..count).step_by(OPENER_COUNT as usize) {
                        let mut stream = Stream::connect(address)?;
                        stream.drain(target).with_context(|| format!("connection {number}"))?;
                        sockets.push(stream.into_socket());
                    }
                    Ok(sockets)
                })
            })
            .collect();
        let mut all = Vec::new();
        for thread in opening {
            all.extend(thread.join().unwrap_or_else(|_| Err(anyhow!("a panic")))?);
        }
        Ok(all)
    })
}

fn is_open(socket: &TcpStream) -> bool {
    let peeked = socket.set_nonblocking(true).and_then(|()| socket.peek(&mut [0]));
    peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Of this process, and of those that it starts: they inherit it.
fn raised_descriptor_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let is_raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    (if is_raised { maximum } else { current }).unwrap_or(u64::MAX)
}

const COUNT_MAX: u32 = 10_000;

/// A server of ours keeps some back, and five eighths of the rest for files.
const DESCRIPTORS_EACH: u64 = 5;

/// It takes long, and varies little.
const ROUND_COUNT_MAX: usize = 3;

const OPENER_COUNT: u32 = 16;
