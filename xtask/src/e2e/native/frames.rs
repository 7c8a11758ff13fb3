//! Where the frames of a connection are, by docs/protocol.md: enough to know heads from payloads, and no more.

/// What a byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A greeting, a preamble or a header.
    Head,
    Payload,
}

/// Reads along with one direction of a connection.
#[derive(Debug)]
pub(super) struct Frames {
    at: Place,
    /// Bytes to come of what it is in.
    left: u64,
    /// Of the preamble that it is in.
    preamble: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Greeting,
    Preamble,
    Header { payload_len: u64 },
    Payload,
}

impl Frames {
    pub(super) fn new() -> Self {
        Self { at: Place::Greeting, left: GREETING_LEN, preamble: Vec::new() }
    }

    /// Goes on over bytes that belong to one part, and answers to which, and how many they are. There must be some.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> (Part, usize) {
        while self.left == 0 {
            self.turn();
        }
        let len = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.left -= len as u64;
        if let Place::Preamble = self.at {
            self.preamble.extend_from_slice(&bytes[..len]);
        }
        (if let Place::Payload = self.at { Part::Payload } else { Part::Head }, len)
    }

    /// To what comes next.
    fn turn(&mut self) {
        (self.at, self.left) = match self.at {
            Place::Greeting | Place::Payload => (Place::Preamble, PREAMBLE_LEN),
            Place::Preamble => {
                let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                let (header_len, payload_len) = (number(&self.preamble[..4]), number(&self.preamble[4..12]));
                self.preamble.clear();
                (Place::Header { payload_len }, header_len)
            }
            Place::Header { payload_len } => (Place::Payload, payload_len),
        };
    }
}

const GREETING_LEN: u64 = 8;

const PREAMBLE_LEN: u64 = 20;

#[cfg(test)]
mod tests;
