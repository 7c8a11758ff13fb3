//! A ticket that leads elsewhere: to a proxy that stands before whoever made it.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The same ticket with another port, by the format that docs/transfer.md says.
pub(super) fn led_to(ticket: &str, port: u16) -> Result<String> {
    let encoded = ticket.strip_prefix(PREFIX).with_context(|| format!("no ticket: {ticket}"))?;
    let mut bytes = decode(encoded).with_context(|| format!("no base 32: {ticket}"))?;
    let len = bytes.len().checked_sub(CHECK_LEN).filter(|&len| len > PORT_AT + 2);
    bytes.truncate(len.with_context(|| format!("too short: {ticket}"))?);
    bytes[PORT_AT..PORT_AT + 2].copy_from_slice(&port.to_be_bytes());
    let check = blake3(&bytes)?;
    bytes.extend(&check[..CHECK_LEN]);
    Ok(format!("{PREFIX}{}", encode(&bytes)))
}

fn blake3(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut child =
        Command::new("b3sum").arg("--raw").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().context("it was piped")?.write_all(bytes)?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success() && output.stdout.len() == 32, "b3sum: {}", output.status);
    Ok(output.stdout)
}

/// RFC 4648 section 6, in lower case and without padding.
fn encode(bytes: &[u8]) -> String {
    let (mut text, mut held, mut bit_count) = (String::new(), 0_u32, 0);
    for &byte in bytes {
        held = held << 8 | u32::from(byte);
        bit_count += 8;
        while bit_count >= 5 {
            bit_count -= 5;
            text.push(char::from(ALPHABET[(held >> bit_count) as usize & 31]));
        }
    }
    if bit_count > 0 {
        text.push(char::from(ALPHABET[(held << (5 - bit_count)) as usize & 31]));
    }
    text
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut bit_count) = (Vec::new(), 0_usize, 0);
    for letter in text.bytes() {
        held = held << 5 | ALPHABET.iter().position(|&known| known == letter)?;
        bit_count += 5;
        if bit_count >= 8 {
            bit_count -= 8;
            bytes.push(u8::try_from(held >> bit_count).ok()?);
            held &= (1 << bit_count) - 1;
        }
    }
    Some(bytes)
}

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

const PREFIX: &str = "aq1-";

/// Behind the secret.
const PORT_AT: usize = 16;

const CHECK_LEN: usize = 4;

#[cfg(test)]
mod tests;
