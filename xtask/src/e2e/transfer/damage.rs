//! A bit that is flipped on its way costs time, and never a wrong byte.

use anyhow::{Context, Result};

use super::end::Place;
use super::ticket;
use crate::e2e::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::proxy::{Direction, Proxy};

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("a transfer, and flipped bits");
    for (algorithm, verify) in [("blake3", "full"), ("sha256", "full"), ("blake3", "wire")] {
        let mut points = Filler::new(SEED);
        let (mut again, mut more) = (0, 0);
        for number in 0..FLIP_COUNT {
            let at = HEADS_LEN + points.number() % (SIZE - HEADS_LEN);
            let bit = u32::try_from(points.number() % 8)?;
            let cost = flipped(ground, ["--digest", algorithm, "--verify", verify], at, bit)
                .with_context(|| format!("{algorithm}, {verify}, flip {number}: bit {bit} of byte {at}"))?;
            again += cost.connection_count - 1;
            more += cost.more;
        }
        report.ok(&format!(
            "{algorithm}, --verify {verify}: {FLIP_COUNT} times a bit of {SIZE} bytes was flipped (seed {SEED}): it arrives \
             right, after {again} reconnects and {} KiB more in all",
            more >> 10
        ));
    }
    Ok(())
}

struct Cost {
    connection_count: u32,
    /// Bytes beyond those of the file.
    more: u64,
}

fn flipped(ground: &Ground<'_>, flags: [&str; 4], at: u64, bit: u32) -> Result<Cost> {
    let place = Place::make(ground.program, ground.dir, "damaged")?;
    let (source, target) = (place.dir.join("source"), place.dir.join("target"));
    Filler::new(SEED).write_file(&source, SIZE)?;
    let receiver = place.start(place.listening_recv(&target), "receiver")?;
    let listening = receiver.listening()?;
    let proxy = Proxy::start(listening.address()?, flip_once(at, bit))?;
    let mut send = place.send();
    send.args(flags).args(["-j", "1", "--timeout", "5"]).arg(&source);
    send.arg(ticket::led_to(listening.ticket()?, proxy.address().port())?);
    place.start(send, "sender")?.finish()?.well().context("sender")?;
    receiver.finish()?.well().context("receiver")?;
    agreement::same_bytes(&source, &target)?;
    let passed = proxy.passed();
    let more = passed.to_server.checked_sub(SIZE).context("fewer bytes than the file has")?;
    Ok(Cost { connection_count: passed.connection_count, more })
}

/// Flips one bit of what the sender says, on the first of its connections.
fn flip_once(at: u64, bit: u32) -> impl Fn(Direction) -> crate::proxy::Alter + Send + 'static {
    let is_first = std::sync::atomic::AtomicBool::new(true);
    move |direction| {
        let is_it =
            direction == Direction::ToServer && is_first.swap(false, std::sync::atomic::Ordering::SeqCst);
        let mut passed = 0;
        Box::new(move |bytes: &mut [u8]| {
            let place = usize::try_from(at.wrapping_sub(passed)).ok().filter(|_| is_it && at >= passed);
            if let Some(byte) = place.and_then(|place| bytes.get_mut(place)) {
                *byte ^= 1 << bit;
            }
            passed += bytes.len() as u64;
        })
    }
}

const SEED: u64 = 74;

const SIZE: u64 = (24 << 20) + 5;

/// Behind the proof of the secret: who cannot prove it is turned away, whoever flipped a bit of the proof.
const HEADS_LEN: u64 = 4 << 10;

const FLIP_COUNT: u32 = 20;
