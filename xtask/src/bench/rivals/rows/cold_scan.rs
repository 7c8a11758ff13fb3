//! What others notice when somebody reads what is not in memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::Row;
use crate::bench::figures::gib;
use crate::bench::rivals::contender::Contender;
use crate::bench::rivals::library;
use crate::bench::rivals::memory_group::MemoryGroup;
use crate::bench::rivals::rival::{NGINX, NGINX_THREADS};
use crate::bench::rivals::stand::Stand;
use crate::bench::rivals::table::{Column, Table};
use crate::bench::stream::Stream;
use crate::filler::Filler;

pub(super) const ROW: Row = Row {
    name: "cold-scan",
    title: "Hot GETs while a cold scan runs",
    about: "the server may use 256 MiB with its page cache (a memory control group). Four connections ask for one of \
            1,000 blobs of 4 KiB every 2 ms; meanwhile two read a blob of 4 GiB. A request that could not leave in \
            time counts from when it should have left",
    columns: &[
        Column { head: "p99 / p99 alone", places: 2, ratio: None },
        Column { head: "p99 alone, ms", places: 3, ratio: None },
        Column { head: "p99, ms", places: 3, ratio: None },
        Column { head: "scanned, GiB", places: 2, ratio: None },
    ],
    has_huge: true,
    measure,
};

fn measure(stand: &Stand) -> Result<Vec<Table>> {
    let group = match MemoryGroup::make(LIMIT) {
        Ok(group) => group,
        Err(error) => {
            println!("\n{} is skipped: {error:#}", ROW.name);
            return Ok(Vec::new());
        }
    };
    let whose = stand.with(&[&NGINX, &NGINX_THREADS]);
    let series = stand.compare(&whose, stand.round_count.min(ROUND_COUNT_MAX), |index, _| {
        let who = whose[index];
        library::cool(stand.library.root(who))?;
        let contender = stand.wrapped_reader(ROW.name, who, |command| group.wrap(&command))?;
        let figures = scan(stand, &contender)?;
        contender.stop()?;
        Ok(figures)
    })?;
    Ok(vec![Table { key: ROW.name.to_owned(), asked: "256 MiB".to_owned(), series }])
}

fn scan(stand: &Stand, contender: &Contender) -> Result<Vec<f64>> {
    let hot = &stand.library.small[..stand.library.small.len().min(HOT_COUNT)];
    let hot: Vec<String> = hot.iter().map(|blob| contender.layout().target(blob)).collect();
    let address = contender.address();
    let mut stream = contender.connect()?;
    for target in &hot {
        stream.drain(target)?;
    }
    let span = Duration::from_secs(if stand.is_smoke() { 1 } else { 3 });
    let alone = p99(ask(address, &hot, span)?);
    let huge = stand.library.huge.as_ref().context("the row asked for it")?;
    let is_over = AtomicBool::new(false);
    let target = &contender.layout().target(huge);
    let (asked, scanned) = thread::scope(|scope| {
        let is_over = &is_over;
        let scanning: Vec<_> = (0..SCAN_COUNT)
            .map(|place| scope.spawn(move || read(address, target, huge.size, place, is_over)))
            .collect();
        let asked = ask(address, &hot, span);
        is_over.store(true, Ordering::Relaxed);
        let lens =
            scanning.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("a panic"))));
        anyhow::Ok((asked?, lens.sum::<Result<u64>>()?))
    })?;
    let beside = p99(asked);
    Ok(vec![beside / alone, alone * 1e3, beside * 1e3, gib(scanned)])
}

/// Reads the blob, one piece after the other and from its own place on, until it is over. Answers how much that was.
fn read(address: &str, target: &str, size: u64, place: u64, is_over: &AtomicBool) -> Result<u64> {
    let mut stream = Stream::connect(address)?;
    let piece_count = size / PIECE_LEN;
    let mut len = 0;
    for piece in (place * piece_count / SCAN_COUNT..).map(|piece| piece % piece_count) {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        stream.drain_range(target, piece * PIECE_LEN..(piece + 1) * PIECE_LEN)?;
        len += PIECE_LEN;
    }
    Ok(len)
}

/// How many seconds each answer took.
fn ask(address: &str, targets: &[String], span: Duration) -> Result<Vec<f64>> {
    thread::scope(|scope| {
        let asking: Vec<_> = (1..=ASKER_COUNT)
            .map(|seed| scope.spawn(move || ask_one(address, targets, seed, span)))
            .collect();
        let mut all = Vec::new();
        for thread in asking {
            all.extend(thread.join().unwrap_or_else(|_| Err(anyhow!("a panic")))?);
        }
        Ok(all)
    })
}

fn ask_one(address: &str, targets: &[String], seed: u64, span: Duration) -> Result<Vec<f64>> {
    let mut stream = Stream::connect(address)?;
    let mut places = Filler::new(seed);
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    let period = Timespec { tv_sec: 0, tv_nsec: i64::from(PERIOD.subsec_nanos()) };
    let setting = Itimerspec { it_interval: period, it_value: period };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &setting)?;
    let began = Instant::now();
    let mut taken = Vec::new();
    while began.elapsed() < span {
        let mut ticks = [0; 8];
        rustix::io::read(&timer, &mut ticks)?;
        let woke = Instant::now();
        // One tick, unless an answer took longer than a period.
        for late in (0..u32::try_from(u64::from_ne_bytes(ticks))?).rev() {
            let place = places.number() % targets.len() as u64;
            stream.drain(&targets[usize::try_from(place)?])?;
            taken.push((woke.elapsed() + PERIOD * late).as_secs_f64());
        }
    }
    Ok(taken)
}

/// Of a hundred, all but one are at most this.
fn p99(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let index = (seconds.len() * 99).div_ceil(100).saturating_sub(1);
    seconds.get(index).copied().expect("something was asked for")
}

const LIMIT: u64 = 256 << 20;

/// It takes long.
const ROUND_COUNT_MAX: usize = 3;

const HOT_COUNT: usize = 1_000;

const ASKER_COUNT: u64 = 4;

const PERIOD: Duration = Duration::from_millis(2);

const SCAN_COUNT: u64 = 2;

/// As long as nobody waits for the end of a scan.
const PIECE_LEN: u64 = 4 << 20;

#[cfg(test)]
mod tests;
