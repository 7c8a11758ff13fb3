//! What several grammars share.

/// `tchar` of RFC 9110 section 5.6.2.
pub(super) const fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
        || byte.is_ascii_alphanumeric()
}

/// Reads digits. `None` for anything else (`parse` alone would take a sign), for nothing, and past the largest `u64`.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

/// httparse takes LF alone for the end of a line, as RFC 9112 section 2.2 lets it. Two readers that differ in this
/// see two different heads.
pub(super) fn has_bare_line_feed(head: &[u8]) -> bool {
    // Not `any`, which stops early and so cannot look at many bytes at once.
    let pairs = head.iter().zip(head.get(1..).unwrap_or_default());
    pairs.fold(head.starts_with(b"\n"), |found, (&left, &right)| found | (left != b'\r' && right == b'\n'))
}
