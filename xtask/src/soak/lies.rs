//! Frames of the native protocol that say what is not so, by docs/protocol.md.

use std::io::Write;
use std::net::Shutdown;

use anyhow::Result;

use super::rude::{Rude, read_all};

pub(super) fn tell_one(rude: &mut Rude) -> Result<()> {
    let put = |task: u8, size: &[u8]| {
        let mut put = vec![0x08, 1, 0x18];
        put.extend_from_slice(size);
        [&[0x08, task, 0x1a, u8::try_from(put.len()).unwrap_or(u8::MAX)][..], &put].concat()
    };
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let mut garbage = vec![0; 40];
    rude.dice.fill(&mut garbage);
    let lies: [Vec<u8>; 12] = [
        preamble(65_537, 0, 0),
        preamble(10, 1 << 40, 0),
        [preamble(4, 0, 1), b"abcd".to_vec()].concat(),
        garbage.clone(),
        frame(&garbage, 0),
        // More than there is room for anywhere, and much more than comes.
        [frame(&put(1, &huge), 10), vec![7; 10]].concat(),
        [frame(&put(1, &[100]), 4 << 20), vec![7; 1000]].concat(),
        [frame(&put(1, &[100]), 200), vec![7; 200]].concat(),
        // Of a task that never began, or began before.
        [frame(&[0x08, 99, 0x22, 0], 3), vec![7; 3]].concat(),
        [frame(&put(2, &[1]), 1), vec![7; 1], frame(&put(1, &[1]), 1), vec![7; 1]].concat(),
        frame(&HELLO, 0),
        frame(&[0x08, 1, 0x4a, 0], 0).repeat(2000),
    ];
    let lie = &lies[usize::try_from(rude.dice.number() % lies.len() as u64)?];
    let mut stream = rude.connect()?;
    let _ = stream.write_all(&[GREETING.to_vec(), frame(&HELLO, 0), lie.clone()].concat());
    let _ = stream.shutdown(Shutdown::Write);
    read_all(&mut stream);
    Ok(())
}

fn frame(header: &[u8], payload_len: u64) -> Vec<u8> {
    let len = u32::try_from(header.len()).unwrap_or(u32::MAX);
    [preamble(len, payload_len, crc32(header)), header.to_vec()].concat()
}

fn preamble(header_len: u32, payload_len: u64, check: u32) -> Vec<u8> {
    let mut bytes =
        [&header_len.to_be_bytes()[..], &payload_len.to_be_bytes(), &check.to_be_bytes()].concat();
    bytes.extend_from_slice(&crc32(&bytes).to_be_bytes());
    bytes
}

/// CRC-32/ISO-HDLC, a bit at a time.
fn crc32(bytes: &[u8]) -> u32 {
    let mut state = u32::MAX;
    for byte in bytes {
        state ^= u32::from(*byte);
        for _ in 0..8 {
            state = if state & 1 == 1 { state >> 1 ^ 0xedb8_8320 } else { state >> 1 };
        }
    }
    !state
}

const GREETING: &[u8] = b"\x89AQDUCT\x01";

/// A request of task 0 that has an empty Hello.
const HELLO: [u8; 2] = [0x12, 0];

#[cfg(test)]
mod tests;
