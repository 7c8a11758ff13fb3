use std::io;
use std::time::Duration;

use super::*;
use crate::arm::Course;
use crate::meter::{Sample, Spent};

/// Both ways cost what is given, by size, in microseconds an operation.
fn arm(group: Group, name: &str, micros: impl Fn(u64) -> u64 + 'static) -> Arm {
    let run = move |course: &Course<'_>| -> io::Result<Sample> {
        let spent = Duration::from_micros(micros(course.size) * course.operations);
        Ok(Sample {
            operations: course.operations,
            bytes: course.operations * course.size,
            wall: spent,
            spent: Spent { cpu: spent, calls: 1, switches: 1 },
            ..Sample::default()
        })
    };
    Arm::of_test(group, name, run)
}

/// A call costs so much, and a KiB so much.
fn line(call: u64, kib: u64) -> impl Fn(u64) -> u64 {
    move |size| call + kib * (size >> 10)
}

fn run(arms: [Vec<Arm>; 2]) -> Calibration {
    let dir = tempfile::tempdir().unwrap();
    calibrate_with(arms, dir.path(), TIME, &mut || Duration::ZERO, &mut |_| {}).unwrap()
}

#[test]
fn thresholds_are_where_the_lines_cross() {
    let calibration = run([
        vec![
            arm(Group::Send, KEPT_HEAD, line(10, 5)),
            // Crosses at 30 KiB, and at 100 KiB.
            arm(Group::Send, SENDFILE_HEAD, line(100, 2)),
            arm(Group::Send, COPY_HEAD, line(10, 3)),
        ],
        vec![arm(Group::Receive, COPIED_BODY, line(10, 3)), arm(Group::Receive, SPLICED_BODY, line(200, 1))],
    ]);
    let expected =
        Thresholds { memory_size_max: 32 << 10, copy_len_max: 64 << 10, receive_copy_len_max: 64 << 10 };
    // At 32 KiB they are within a tenth of each other, which speaks against nothing.
    assert_eq!(calibration.thresholds(), expected, "{}", calibration.text());
    assert!(
        calibration.text().contains("--copy-max 64 KiB: where the default is "),
        "{}",
        calibration.text()
    );
    let json = calibration.json();
    assert_eq!(json["thresholds"]["memory-max"], 32 << 10);
    assert_eq!(json["findings"][1]["cpu_seconds_per_gib"][0]["size"], 4096);
    assert!(!calibration.is_empty());
}

#[test]
fn what_is_not_there_leaves_the_defaults() {
    let refused = Arm {
        run: Box::new(|_| Err(io::ErrorKind::Unsupported.into())),
        ..arm(Group::Send, SENDFILE_HEAD, line(1, 1))
    };
    let calibration = run([vec![arm(Group::Send, KEPT_HEAD, line(1, 1)), refused], Vec::new()]);
    assert_eq!(calibration.thresholds(), Thresholds::default());
    assert!(calibration.is_empty());
    assert!(calibration.text().contains("the default, since nothing was measured"), "{}", calibration.text());
    assert!(calibration.text().contains("Not measured: send/sendfile, head: "), "{}", calibration.text());
}

/// The real ways, whose bytes are compared at the far end, for a moment: what does not fit the time is left out.
#[test]
fn the_ways_that_are_compared_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let arms = [send::answers(), receive::bodies()];
    let names: Vec<_> = arms.iter().flatten().map(Arm::full_name).collect();
    let expected = [
        "send/memory, head",
        "send/copy, head",
        "send/sendfile, head",
        "receive/copy + sha256",
        "receive/splice + sha256",
    ];
    assert_eq!(names, expected);
    for arms in arms {
        let choice = Choice { sizes: vec![5000, 70_001], is_quick: true, ..Choice::default() };
        let report = Bench::with_arms(arms, dir.path(), &choice).unwrap();
        let report = report.run(&mut || Duration::ZERO, &mut |_| {}).unwrap();
        assert!(report.skipped.is_empty(), "{:?}", report.skipped);
        assert!(report.figures.iter().all(|figure| figure.temperature == Temperature::Hot));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
