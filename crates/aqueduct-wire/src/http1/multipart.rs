//! An answer with several ranges (RFC 9110 section 14.6).

use std::ops::Range;

use super::ContentRange;

/// The body of an answer with several ranges, without their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    /// Ranges in the order in which they are sent, each with what comes before its bytes.
    pub parts: Vec<(Vec<u8>, Range<u64>)>,
    /// What comes after the last.
    pub end: Vec<u8>,
    /// How long all of it is, with the bytes of the ranges.
    pub len: u64,
}

impl Multipart {
    /// Frames `ranges` of what has `size` bytes and the type `content_type`. No bytes that are sent may hold `boundary`.
    ///
    /// # Panics
    ///
    /// If a range is empty.
    pub fn new(ranges: &[Range<u64>], size: u64, content_type: &str, boundary: &str) -> Self {
        let mut len = 0;
        let mut separator = "";
        let parts = ranges
            .iter()
            .map(|range| {
                let content_range = ContentRange { range: range.clone(), size: Some(size) };
                let head = format!(
                    "{separator}--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {content_range}\r\n\r\n"
                );
                separator = "\r\n";
                len += head.len() as u64 + (range.end - range.start);
                (head.into_bytes(), range.clone())
            })
            .collect();
        let end = format!("\r\n--{boundary}--\r\n").into_bytes();
        Self { parts, len: len + end.len() as u64, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_has_a_head_and_the_length_is_that_of_all() {
        let Multipart { parts, end, len } = Multipart::new(&[0..2, 98..100], 100, "text/plain", "x");
        let mut body = String::new();
        for (head, range) in parts {
            body.push_str(str::from_utf8(&head).unwrap());
            body.extend(range.map(|_| '.'));
        }
        body.push_str(str::from_utf8(&end).unwrap());
        let expected = "--x\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/100\r\n\r\n..\r\n\
                        --x\r\nContent-Type: text/plain\r\nContent-Range: bytes 98-99/100\r\n\r\n..\r\n--x--\r\n";
        assert_eq!((body.as_str(), body.len() as u64), (expected, len));
    }
}
