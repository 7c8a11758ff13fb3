//! Connections on which nothing happens.

use std::io::ErrorKind;
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Row;
use crate::bench::rivals::contender::Contender;
use crate::bench::rivals::rival::FILE_SERVERS;
use crate::bench::rivals::stand::Stand;
use crate::bench::rivals::table::{Column, Table};

pub(super) const ROW: Row = Row {
    name: "idle",
    title: "10,000 idle connections",
    about: "each has asked for a blob of 4 KiB and is kept; by how much the resident memory of the server's processes \
            has grown, without what the kernel holds for the sockets",
    columns: &[Column { head: "KiB each", places: 2, ratio: None }],
    has_huge: false,
    measure,
};

fn measure(stand: &Stand) -> Result<Vec<Table>> {
    let count: u32 = if stand.is_smoke() { 100 } else { 10_000 };
    raise_descriptor_limit(u64::from(count) + DESCRIPTORS_BESIDE)?;
    let mut whose = stand.with(FILE_SERVERS);
    stand.leave_out_broken(ROW.name, &mut whose)?;
    let series = stand.compare(&whose, stand.round_count.min(ROUND_COUNT_MAX), |index, _| {
        // A server of its own each time: memory that was freed is not always given back.
        let contender = stand.reader(ROW.name, whose[index])?;
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
    let sockets = (0..count)
        .map(|number| {
            let mut stream = contender.connect()?;
            stream.drain(&target).with_context(|| format!("connection {number}"))?;
            Ok(stream.into_socket())
        })
        .collect::<Result<Vec<_>>>()?;
    let after = contender.meter().resident()?;
    let closed_count = sockets.iter().filter(|socket| !is_open(socket)).count();
    ensure!(closed_count == 0, "{closed_count} of {count} connections were closed by the server");
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    Ok(after as f64 - before as f64)
}

fn is_open(socket: &TcpStream) -> bool {
    let peeked = socket.set_nonblocking(true).and_then(|()| socket.peek(&mut [0]));
    peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Of this process, and of those that it starts: they inherit it.
fn raise_descriptor_limit(wanted: u64) -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        ensure!(maximum.is_none_or(|maximum| maximum >= wanted), "`ulimit -Hn` is less than {wanted}");
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })?;
    }
    Ok(())
}

/// It takes long, and varies little.
const ROUND_COUNT_MAX: usize = 3;

/// For the files and pipes of a server, and whatever it keeps open for a while.
const DESCRIPTORS_BESIDE: u64 = 2_000;
