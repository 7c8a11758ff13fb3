//! Parts of a blob, asked for and answered (RFC 9110 section 14).

use std::fmt;
use std::ops::Range;

use aqueduct_blob::ByteRange;

use super::grammar::decimal;
use super::limits::RANGE_COUNT_MAX;

/// What a `Range` field means for a blob whose size is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// The whole blob: nothing else is asked, or it is asked in a way that need not be obeyed.
    Whole,
    /// Nothing that the blob has.
    Unsatisfiable,
    /// One range, inside the blob and not empty.
    One(Range<u64>),
    /// At least two such ranges, in the order in which they were asked for.
    Many(Vec<Range<u64>>),
}

/// Reads the value of a `Range` field, of which `None` is that there is none.
///
/// The whole blob is the answer to what is malformed or in another unit than bytes (RFC 9110 section 14.2: "MUST
/// ignore"), to more than [`RANGE_COUNT_MAX`] ranges, and to ranges that are more bytes together than the blob has.
pub fn resolve_ranges(value: Option<&[u8]>, size: u64) -> Ranges {
    value.and_then(parse_ranges).map_or(Ranges::Whole, |asked| satisfy(&asked, size))
}

/// What `Content-Range` says of a part that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// Which bytes of the blob follow. Never empty.
    pub range: Range<u64>,
    /// The blob's size, if the sender knows it.
    pub size: Option<u64>,
}

impl ContentRange {
    /// Reads the value of a `Content-Range` field. `None` for another unit, for what is malformed, for a range that
    /// does not fit its own size, and for what [`unsatisfied`](Self::unsatisfied) says.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (unit, rest) = value.split_at_checked(UNIT.len())?;
        let text = str::from_utf8(rest).ok()?.strip_prefix(' ')?;
        let (range, size) = text.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (decimal(first.as_bytes())?, decimal(last.as_bytes())?);
        let size = if size == "*" { None } else { Some(decimal(size.as_bytes())?) };
        let range = first..last.checked_add(1)?;
        let is_valid = first <= last && size.is_none_or(|size| range.end <= size);
        (unit.eq_ignore_ascii_case(UNIT) && is_valid).then_some(Self { range, size })
    }

    /// What `Content-Range` says when no range could be satisfied: `bytes */10`.
    pub fn unsatisfied(size: u64) -> String {
        format!("bytes */{size}")
    }
}

impl fmt::Display for ContentRange {
    /// Writes `bytes 0-4/10`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(!self.range.is_empty(), "Content-Range has no word for an empty range");
        write!(f, "bytes {}-{}/", self.range.start, self.range.end - 1)?;
        match self.size {
            Some(size) => write!(f, "{size}"),
            None => f.write_str("*"),
        }
    }
}

/// `None` if the field has to be ignored.
fn parse_ranges(value: &[u8]) -> Option<Vec<ByteRange>> {
    let (unit, rest) = value.split_at_checked(UNIT.len())?;
    let list = str::from_utf8(rest).ok()?.strip_prefix('=')?;
    let members = || list.split(',').map(|member| member.trim_matches([' ', '\t']));
    if !unit.eq_ignore_ascii_case(UNIT) || members().count() > RANGE_COUNT_MAX {
        return None;
    }
    // RFC 9110 section 5.6.1.2: empty members of a list are skipped.
    let asked: Result<Vec<ByteRange>, _> =
        members().filter(|member| !member.is_empty()).map(str::parse).collect();
    asked.ok().filter(|asked| !asked.is_empty())
}

fn satisfy(asked: &[ByteRange], size: u64) -> Ranges {
    let mut ranges: Vec<Range<u64>> = asked.iter().filter_map(|range| range.resolve(size)).collect();
    let total_len = ranges.iter().try_fold(0_u64, |total, range| total.checked_add(range.end - range.start));
    // The last bytes of an empty blob are its empty whole, which no partial answer can say.
    if total_len.is_none_or(|len| len > size) || ranges.iter().any(Range::is_empty) {
        return Ranges::Whole;
    }
    match ranges.len() {
        0 => Ranges::Unsatisfiable,
        1 => Ranges::One(ranges.remove(0)),
        _ => Ranges::Many(ranges),
    }
}

const UNIT: &[u8] = b"bytes";

#[cfg(test)]
mod tests;
