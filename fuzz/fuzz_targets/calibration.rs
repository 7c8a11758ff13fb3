//! The file of a calibration: what is taken for one is written the same again, byte for byte.

#![no_main]

use std::fs;
use std::sync::LazyLock;

use aqueduct_fuzz::Place;
use aqueduct_server::{CalibrationError, CalibrationFile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    fs::write(CalibrationFile::path(PLACE.path()), bytes).expect("the file can be written");
    match CalibrationFile::load(PLACE.path()) {
        Ok(calibration) => {
            let calibration = calibration.expect("the file is there");
            assert_eq!(calibration.to_string().as_bytes(), bytes);
        }
        Err(CalibrationError::NewerFormat { found, .. }) => {
            let text = String::from_utf8_lossy(bytes);
            let second = text.lines().nth(1).and_then(|line| line.strip_prefix("format "));
            assert_eq!(second.and_then(|number| number.parse().ok()), Some(found));
        }
        Err(CalibrationError::Damaged { .. }) => {}
        Err(error) => panic!("{error}"),
    }
});

static PLACE: LazyLock<Place> = LazyLock::new(|| Place::make("calibration"));
