#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::*;

fn line(path: &[u8]) -> Vec<u8> {
    digest_line("sha256:00", Path::new(OsStr::from_bytes(path)))
}

#[test]
fn an_ordinary_path_is_printed_as_it_is() {
    assert_eq!(line("a b\t\u{e9}".as_bytes()), "sha256:00  a b\t\u{e9}".as_bytes());
    assert_eq!(line(b"\xff"), b"sha256:00  \xff");
}

#[test]
fn a_path_cannot_end_its_line_or_speak_to_a_terminal() {
    assert_eq!(line(b"a\nb"), br"\sha256:00  a\nb");
    assert_eq!(line(b"a\rb\\c"), br"\sha256:00  a\rb\\c");
    assert_eq!(line(b"\x1b[2J\x7f"), br"\sha256:00  \x1b[2J\x7f");
    assert_eq!(shown(Path::new("a\n\u{1b}b")), r"a\n\u{1b}b");
}

/// date(1) is the other opinion: `date -u -d @951782400 +%FT%TZ`.
#[test]
fn dates_are_those_of_the_calendar() {
    for (seconds, expected) in [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (951_868_799, "2000-02-29T23:59:59Z"),
        (951_868_800, "2000-03-01T00:00:00Z"),
        (1_709_251_199, "2024-02-29T23:59:59Z"),
        (1_735_689_599, "2024-12-31T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
    ] {
        assert_eq!(date(seconds), expected);
    }
}

#[test]
fn ranges_are_shown_with_their_last_byte() {
    assert_eq!(
        damage(&[0..1, 4_194_304..8_388_608], 8_388_609),
        "damaged in bytes 0-0, 4194304-8388607 of 8388609"
    );
    let nothing = 0..0;
    assert_eq!(damage(&[nothing], 0), "damaged: nothing is left of it");
    assert_eq!((counted(1, "file"), counted(2, "file")), ("1 file".to_owned(), "2 files".to_owned()));
}

#[test]
fn a_speed_is_in_the_units_of_files_and_of_cables() {
    assert_eq!(speed(0), "0 B/s (0 bit/s)");
    assert_eq!(speed(1 << 30), "1.00 GiB/s (8.6 Gbit/s)");
    assert_eq!(speed(125_000), "122.07 KiB/s (1.0 Mbit/s)");
    assert_eq!(wait(Duration::from_secs(59)), "59 s");
    assert_eq!(wait(Duration::from_secs(250)), "4 min 10 s");
    assert_eq!(wait(Duration::from_secs(7500)), "2 h 5 min");
}

#[test]
fn a_word_is_quoted_where_a_shell_would_take_it_for_more() {
    for (word, quoted) in [
        ("model.bin", "model.bin"),
        ("http://192.0.2.5:7300/a/b%20c", "http://192.0.2.5:7300/a/b%20c"),
        ("", "''"),
        ("a b", "'a b'"),
        ("it's", r"'it'\''s'"),
        ("$HOME;reboot", "'$HOME;reboot'"),
        ("~", "'~'"),
    ] {
        assert_eq!(shell_word(word), quoted);
    }
}
