#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "to prepare, any way will do")]

use std::fs;

use super::*;

const FOUND: CalibrationFile =
    CalibrationFile(Thresholds { memory_size_max: 32_768, copy_len_max: 16_384, receive_copy_len_max: 0 });

const TEXT: &str = "aqueduct calibration\nformat 1\nmemory-max 32768\ncopy-max 16384\nreceive-copy-max 0\n";

fn load(bytes: &[u8]) -> Result<Option<CalibrationFile>, CalibrationError> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(CalibrationFile::path(dir.path()), bytes).unwrap();
    CalibrationFile::load(dir.path())
}

#[test]
fn what_is_written_is_read_back() {
    assert_eq!(FOUND.to_string(), TEXT);
    assert_eq!(load(TEXT.as_bytes()).unwrap(), Some(FOUND));
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(CalibrationFile::load(dir.path()).unwrap(), None, "there need not be one");
}

#[test]
fn what_is_damaged_is_named_with_what_to_do() {
    let cut = (0..TEXT.len()).map(|len| TEXT[..len].to_owned());
    let changed =
        ["copy-max 16384 ", "copy-max -1", "copy-max +1", "copy-max 016384", "copy-max 99999999999999999999"]
            .map(|line| TEXT.replace("copy-max 16384", line));
    let more = [format!("{TEXT}\n"), format!("{TEXT}x"), TEXT.replace('\n', "\r\n"), "x".repeat(5000)];
    for text in cut.chain(changed).chain(more) {
        let error = load(text.as_bytes()).unwrap_err();
        assert!(matches!(error, CalibrationError::Damaged { .. }), "{text:?}: {error}");
        assert!(error.to_string().contains("/calibration is damaged; delete it"), "{error}");
    }
    assert!(matches!(load(b"\xff\xfe").unwrap_err(), CalibrationError::Damaged { .. }));
}

#[test]
fn a_newer_one_is_named_as_such_whatever_it_says() {
    for text in ["aqueduct calibration\nformat 2\n", "aqueduct calibration\nformat 2\nanything: goes\n"] {
        let error = load(text.as_bytes()).unwrap_err();
        assert!(matches!(error, CalibrationError::NewerFormat { found: 2, .. }), "{error}");
        assert!(error.to_string().contains("is of format 2, and this program knows format 1"), "{error}");
    }
}

#[test]
fn what_is_no_file_is_no_calibration() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(CalibrationFile::path(dir.path())).unwrap();
    let error = CalibrationFile::load(dir.path()).unwrap_err();
    assert!(matches!(error, CalibrationError::Damaged { .. }), "{error}");
}
