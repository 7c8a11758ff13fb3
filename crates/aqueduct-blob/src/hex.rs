//! Bytes in lower-case hex: one spelling of each.

/// Two digits for each byte.
pub(crate) fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text
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

const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
