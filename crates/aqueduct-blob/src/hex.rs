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
    let mut bytes = [0; LEN];
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(high)? << 4 | nibble(low)?;
    }
    Ok(bytes)
}

pub(crate) enum HexError {
    Length,
    Digit,
}

const fn nibble(digit: u8) -> Result<u8, HexError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(HexError::Digit),
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";
