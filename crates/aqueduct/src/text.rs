//! How values are written for people and for scripts.

use std::error::Error;
use std::fmt::Write as _;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use indicatif::HumanBytes;
use serde_json::{Value, json};

/// One line of `put`, as bytes: a path need not be UTF-8.
///
/// A path that could be taken for the end of its line is escaped as sha256sum(1) does it, with a backslash before the
/// whole line: `\\`, `\n`, `\r`. Other control characters, which sha256sum leaves alone and a terminal would obey, are
/// `\xHH`. A tab is itself.
pub(crate) fn digest_line(digest: &str, path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    let mut line = Vec::with_capacity(digest.len() + bytes.len() + 3);
    if bytes.iter().any(|&byte| needs_escape(byte)) {
        line.push(b'\\');
    }
    line.extend_from_slice(digest.as_bytes());
    line.extend_from_slice(b"  ");
    for &byte in bytes {
        match byte {
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            _ if needs_escape(byte) => line.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
            _ => line.push(byte),
        }
    }
    line
}

fn needs_escape(byte: u8) -> bool {
    byte == b'\\' || (byte != b'\t' && byte.is_ascii_control())
}

/// An error with its causes.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// A path for a message: no control character in it reaches the terminal.
pub(crate) fn shown(path: &Path) -> String {
    let mut shown = String::new();
    for character in path.to_string_lossy().chars() {
        if character.is_control() {
            let _ = write!(shown, "{}", character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// A path as members of a JSON object.
pub(crate) fn path_members(object: &mut Value, path: &Path) {
    object["path"] = json!(path.to_string_lossy());
    if path.to_str().is_none() {
        object["path_bytes"] = json!(path.as_os_str().as_bytes());
    }
}

/// Where a blob whose file has `size` bytes is damaged. As people count bytes: the last one of a range is in.
pub(crate) fn damage(ranges: &[Range<u64>], size: u64) -> String {
    let list: Vec<_> = (ranges.iter().filter(|range| !range.is_empty()))
        .map(|range| format!("{}-{}", range.start, range.end - 1))
        .collect();
    match size {
        0 => "damaged: nothing is left of it".to_owned(),
        _ => format!("damaged in bytes {} of {size}", list.join(", ")),
    }
}

pub(crate) fn size(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

/// `3.2 GiB in 4.1 s, 799.22 MiB/s`
pub(crate) fn pace(bytes: u64, took: Duration) -> String {
    format!("{}, {}/s", within(bytes, took), size(rate(bytes, took.as_secs_f64())))
}

/// `3.2 GiB in 4.1 s`
pub(crate) fn within(bytes: u64, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    let time = if seconds < 1.0 { format!("{} ms", took.as_millis()) } else { format!("{seconds:.1} s") };
    format!("{} in {time}", size(bytes))
}

/// `1.12 GiB/s (9.6 Gbit/s)`: in the units of files, and in those of cables.
pub(crate) fn speed(bytes_per_second: u64) -> String {
    format!("{}/s ({})", size(bytes_per_second), bits(bytes_per_second))
}

/// As cables are sold: in thousands, and in bits.
#[expect(clippy::cast_precision_loss, reason = "it is rounded to a digit")]
fn bits(bytes_per_second: u64) -> String {
    let bits = bytes_per_second.saturating_mul(8);
    let units = [(1_000_000_000, "Gbit/s"), (1_000_000, "Mbit/s"), (1_000, "kbit/s")];
    match units.iter().find(|(unit, _)| bits >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bits as f64 / *unit as f64),
        None => format!("{bits} bit/s"),
    }
}

/// A time that is waited for: `13 s`, `4 min 10 s`, `2 h 5 min`.
pub(crate) fn wait(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A word for a shell: in quotes where it would take it for anything else.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is read by people, and is neither negative nor exact"
)]
pub(crate) fn rate(bytes: u64, seconds: f64) -> u64 {
    if seconds > 0.0 { (bytes as f64 / seconds) as u64 } else { 0 }
}

/// A count of things: `1 file`, `2 files`, `2 entries`.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    match (count, thing.strip_suffix('y')) {
        (1, _) => format!("1 {thing}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {thing}s"),
    }
}

/// What follows the first of a count of things: nothing, or ` and 2 others`.
pub(crate) fn and_others(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        _ => format!(" and {}", counted(count - 1, "other")),
    }
}

/// Seconds since 1970 as `2026-01-31T12:00:00Z`.
pub(crate) fn date(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years are counted from the first of March, so that the leap day is the last of its year; an era is 400 of them.
    let day = days + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests;
