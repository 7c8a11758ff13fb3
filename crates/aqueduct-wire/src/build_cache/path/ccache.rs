//! The keys of ccache in its layouts (its `httpstorage.cpp`).

/// Hex digits of a key, which is 20 bytes of BLAKE3.
pub(super) const KEY_LEN: usize = 40;

/// The key that `text` spells, as hex digits.
///
/// ccache 4.14 writes them so itself. Up to 4.8 two bytes are in hex, and the other 18 in base32 with the alphabet of RFC 4648
/// section 7, lower-case and not padded; 4.7.5 was seen to send both for one key, as the layout wants it.
pub(super) fn parse_key(text: &str) -> Option<String> {
    if super::is_hex(text, KEY_LEN) {
        return Some(text.to_owned());
    }
    let (begin, rest) = text.split_at_checked(OLD_HEX_LEN)?;
    if !super::is_hex(begin, OLD_HEX_LEN) || rest.len() != OLD_BASE32_LEN {
        return None;
    }
    let mut key = begin.to_owned();
    let (mut bits, mut bit_count) = (0, 0);
    for digit in rest.chars() {
        if digit.is_ascii_uppercase() {
            return None;
        }
        bits = bits << 5 | digit.to_digit(32)?;
        bit_count += 5;
        while bit_count >= 4 {
            bit_count -= 4;
            key.extend(char::from_digit(bits >> bit_count, 16));
            bits &= (1 << bit_count) - 1;
        }
    }
    // What is left of the last digit means nothing, and of two spellings only one is made.
    (bits == 0).then_some(key)
}

const OLD_HEX_LEN: usize = 4;

/// 145 bits for 144.
const OLD_BASE32_LEN: usize = 29;
