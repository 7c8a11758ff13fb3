//! What one side prints and the other side types.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::Secret;
use crate::secret::SECRET_LEN;

/// Where somebody listens, and the secret that both sides prove: `aq1-` and letters and digits, which no shell changes.
///
/// ```text
/// 16 secret | 2 port | addresses: 4 and 4 bytes, 6 and 16 bytes, or 1, a length and a name | 4 of the BLAKE3 of all before
/// ```
///
/// in lower-case base 32 (RFC 4648 section 6, without padding). Read in either case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// To be tried in this order: at least one, at most eight.
    pub hosts: Vec<Host>,
    /// The port.
    pub port: u16,
    /// What is proven.
    pub secret: Secret,
}

/// A place to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address.
    Address(IpAddr),
    /// A name, to be looked up by whoever connects.
    Name(String),
}

/// Why a text is no ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It does not begin as one.
    #[error("a ticket begins with aq1-")]
    NotATicket,
    /// It has other characters, is too short or too long, or was mistyped.
    #[error("the ticket is damaged: copy all of it, from aq1- to its last letter")]
    Damaged,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::new();
        bytes.extend(self.secret.bytes());
        bytes.extend(self.port.to_be_bytes());
        for host in &self.hosts {
            match host {
                Host::Address(IpAddr::V4(address)) => {
                    bytes.push(V4);
                    bytes.extend(address.octets());
                }
                Host::Address(IpAddr::V6(address)) => {
                    bytes.push(V6);
                    bytes.extend(address.octets());
                }
                Host::Name(name) => {
                    bytes.push(NAME);
                    bytes.push(u8::try_from(name.len()).map_err(|_| fmt::Error)?);
                    bytes.extend(name.as_bytes());
                }
            }
        }
        bytes.extend(check(&bytes));
        write!(f, "{PREFIX}{}", base32(&bytes))
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        let text = text.trim();
        let (prefix, encoded) = text.split_at_checked(PREFIX.len()).ok_or(TicketError::NotATicket)?;
        if !prefix.eq_ignore_ascii_case(PREFIX) {
            return Err(TicketError::NotATicket);
        }
        if encoded.len() > TEXT_LEN_MAX {
            return Err(TicketError::Damaged);
        }
        let bytes = from_base32(encoded).ok_or(TicketError::Damaged)?;
        parse(&bytes).ok_or(TicketError::Damaged)
    }
}

fn parse(bytes: &[u8]) -> Option<Ticket> {
    let (bytes, found) = bytes.split_last_chunk::<CHECK_LEN>()?;
    (check(bytes) == *found).then_some(())?;
    let (secret, rest) = bytes.split_first_chunk::<SECRET_LEN>()?;
    let (port, mut rest) = rest.split_first_chunk::<2>()?;
    let mut hosts = Vec::new();
    while let Some((&kind, after)) = rest.split_first() {
        let (host, after) = match kind {
            V4 => {
                let (octets, after) = after.split_first_chunk::<4>()?;
                (Host::Address(Ipv4Addr::from(*octets).into()), after)
            }
            V6 => {
                let (octets, after) = after.split_first_chunk::<16>()?;
                (Host::Address(Ipv6Addr::from(*octets).into()), after)
            }
            NAME => {
                let (&len, after) = after.split_first()?;
                let (name, after) = after.split_at_checked(usize::from(len))?;
                let name = str::from_utf8(name).ok().filter(|name| is_host_name(name))?;
                (Host::Name(name.to_owned()), after)
            }
            _ => return None,
        };
        hosts.push(host);
        rest = after;
    }
    (1..=HOST_COUNT_MAX).contains(&hosts.len()).then_some(())?;
    Some(Ticket { hosts, port: u16::from_be_bytes(*port), secret: Secret::new(*secret) })
}

/// Whether it can be looked up, and shown.
pub(crate) fn is_host_name(name: &str) -> bool {
    (1..=253).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

fn check(bytes: &[u8]) -> [u8; CHECK_LEN] {
    *blake3::hash(bytes).as_bytes().first_chunk().expect("a hash is longer than a check")
}

pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    for block in bytes.chunks(5) {
        let mut padded = [0; 5];
        padded[..block.len()].copy_from_slice(block);
        let [a, b, c, d, e] = padded;
        let word = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
        let letters = (block.len() * 8).div_ceil(5);
        text.extend((0..letters).map(|i| {
            let value = usize::try_from(word >> (35 - 5 * i) & 31).expect("five bits fit");
            char::from(ALPHABET[value])
        }));
    }
    text
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    for block in text.as_bytes().chunks(8) {
        let mut word = 0_u64;
        for &letter in block {
            let letter = letter.to_ascii_lowercase();
            let value = ALPHABET.iter().position(|known| *known == letter)?;
            word = word << 5 | value as u64;
        }
        let bits = block.len() * 5;
        word <<= 40 - bits;
        let whole = bits / 8;
        // RFC 4648 sections 3.5 and 6: what is left over is zero, and no bytes have 1, 3 or 6 letters, or two texts would
        // mean the same.
        (word & ((1 << (40 - 8 * whole)) - 1) == 0 && !matches!(block.len(), 1 | 3 | 6)).then_some(())?;
        bytes.extend(&word.to_be_bytes()[3..3 + whole]);
    }
    Some(bytes)
}

const PREFIX: &str = "aq1-";
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const CHECK_LEN: usize = 4;
const V4: u8 = 4;
const V6: u8 = 6;
const NAME: u8 = 1;

/// What a machine has seldom more of than it has ways to be reached.
pub(crate) const HOST_COUNT_MAX: usize = 8;

/// What this program makes has at most some 2200 letters, and in truth some sixty.
const TEXT_LEN_MAX: usize = 4096;

#[cfg(test)]
mod tests;
