//! An input as a sequence of decisions.

/// An input, taken apart from its start.
#[derive(Clone, Copy, Debug)]
pub struct Feed<'b>(pub &'b [u8]);

impl<'b> Feed<'b> {
    /// The next byte; `None` at the end.
    pub fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    /// The next byte; 0 past the end.
    pub fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    /// A number below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    /// A decision.
    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// The next 8 bytes as a number; zeroes past the end.
    pub fn number(&mut self) -> u64 {
        u64::from_be_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// Up to `len` bytes.
    pub fn take(&mut self, len: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(self.0.len().min(len));
        self.0 = rest;
        taken
    }
}

/// The bytes in pieces of 1 to 8, or of 1 byte each if `seed` is 0.
pub fn pieces(seed: u8, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut state = usize::from(seed);
    let mut rest = bytes;
    std::iter::from_fn(move || {
        state = state * 5 % 251;
        let (piece, after) = rest.split_at(rest.len().min(1 + state % 8));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}
