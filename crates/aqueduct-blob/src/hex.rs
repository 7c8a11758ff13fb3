//! Bytes in lower-case hex: one spelling of each.

/// Two digits for each byte, where they are made.
pub(crate) struct Text<const LEN: usize>([[u8; 2]; LEN]);

impl<const LEN: usize> Text<LEN> {
    pub(crate) fn of(bytes: &[u8; LEN]) -> Self {
        Self(bytes.map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]))
    }

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(self.0.as_flattened()).expect("digits are ASCII")
    }
}

/// The bytes that `text` spells, or why it spells none.
pub(crate) fn bytes<const LEN: usize>(text: &str) -> Result<[u8; LEN], HexError> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != LEN || !odd.is_empty() {
        return Err(HexError::Length);
    }
    // No branch on a digit: they are random, and what is guessed about them is wrong half of the time.
    let (mut bytes, mut all) = ([0; LEN], 0);
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        let (high, low) = (NIBBLES[usize::from(high)], NIBBLES[usize::from(low)]);
        all |= high | low;
        *byte = high << 4 | low & 15;
    }
    if all == NO_NIBBLE { Err(HexError::Digit) } else { Ok(bytes) }
}

pub(crate) enum HexError {
    Length,
    Digit,
}

/// What each byte is worth as a digit.
const NIBBLES: [u8; 256] = {
    let mut nibbles = [NO_NIBBLE; 256];
    let mut nibble = 0;
    while nibble < 16 {
        nibbles[DIGITS[nibble as usize] as usize] = nibble;
        nibble += 1;
    }
    nibbles
};

/// Of a byte that is no digit.
const NO_NIBBLE: u8 = u8::MAX;

const DIGITS: &[u8; 16] = b"0123456789abcdef";
