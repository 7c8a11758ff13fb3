use std::cell::Cell;
use std::io;

use aqueduct_sys::{Errno, Error};

use super::*;
use crate::arm::Group;
use crate::meter::Spent;

/// Time stands still, so no round is left out.
fn run(bench: &Bench) -> Report {
    bench.run(&mut || Duration::ZERO, &mut |_| {}).unwrap()
}

fn tiny(wanted: &[&str]) -> Choice {
    let wanted = wanted.iter().map(|&word| word.to_owned()).collect();
    Choice { wanted, sizes: vec![5000, 70_001], is_quick: true, time: None }
}

fn names_in(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

fn arm(name: &str, run: impl Fn(&Course<'_>) -> io::Result<Sample> + 'static) -> Arm {
    Arm::of_test(Group::Send, name, run)
}

/// So much time on the wall an operation.
fn sample(course: &Course<'_>, micros: u64) -> Sample {
    Sample {
        operations: course.operations,
        bytes: course.operations * course.size,
        wall: Duration::from_micros(micros * course.operations),
        spent: Spent { cpu: Duration::from_millis(1), calls: 1, switches: 1 },
        ..Sample::default()
    }
}

/// What an arm moves is compared at the far end before it is measured: one that moved other bytes would be an error here.
#[test]
fn every_arm_moves_the_right_bytes_or_says_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let report = run(&Bench::new(dir.path(), &tiny(&[])).unwrap());
    for arm in arms() {
        let name = arm.full_name();
        let figure = report.figure(arm.group, &arm.name, Temperature::Hot, 5000);
        let skipped = report.skipped.iter().find(|skipped| skipped.arm == name && skipped.what.is_none());
        match (figure, skipped) {
            (Some(figure), None) => {
                assert!(figure.rate.median > 0.0 && figure.wall.median > 0.0, "{figure:?}");
                assert!(figure.cpu.median > 0.0 && figure.switches.min >= 0.0, "{figure:?}");
                assert_eq!(figure.calls.is_some(), arm.counts_calls);
                // What is relayed is one stream; all else takes a call an operation at least.
                let call_len = if arm.group == Group::Relay { 1_048_576.0 } else { 5000.0 };
                let least = as_f64(1 << 30) / call_len * 0.999;
                assert!(figure.calls.is_none_or(|calls| calls.min >= least), "{figure:?}");
            }
            (None, Some(skipped)) => {
                assert!(MAY_LACK.iter().any(|word| name.contains(word)), "{skipped:?}");
                assert!(!skipped.reason.is_empty());
            }
            both => panic!("{name}: {both:?}"),
        }
    }
    assert_eq!(report.round_count, 3);
    assert_eq!(names_in(dir.path()), 0, "no file ever had a name");
}

/// What a kernel, a filesystem or a container may do without.
const MAY_LACK: [&str; 6] = ["reflink", "io_uring", "sendfile, ", "zerocopy", "vmsplice", "populated"];

#[test]
fn sendfile_of_one_file_is_one_call() {
    let dir = tempfile::tempdir().unwrap();
    let report = run(&Bench::new(dir.path(), &tiny(&["send/sendfile"])).unwrap());
    let figure = report.figure(Group::Send, "sendfile", Temperature::Hot, 5000).unwrap();
    // The end of the stream and a poll are not among them.
    assert!((figure.calls.unwrap().median * 5000.0 / as_f64(1 << 30) - 1.0).abs() < 1e-6, "{figure:?}");
    let behind_head = report.figure(Group::Send, "sendfile, head", Temperature::Hot, 5000).unwrap();
    assert!(behind_head.calls.unwrap().median > figure.calls.unwrap().median * 1.9, "{behind_head:?}");
}

#[test]
fn an_arm_that_the_kernel_refuses_is_skipped_with_its_words() {
    let dir = tempfile::tempdir().unwrap();
    let refused = arm("refused", |_| Err(Error::new("ioctl(FICLONE)", Errno::OPNOTSUPP).into()));
    let works = arm("works", |course| Ok(sample(course, 1)));
    let report = run(&Bench::with_arms(vec![refused, works], dir.path(), &tiny(&[])).unwrap());
    let [skipped] = &report.skipped[..] else { panic!("{:?}", report.skipped) };
    assert_eq!((skipped.arm.as_str(), &skipped.what), ("send/refused", &None));
    assert_eq!(skipped.reason, "ioctl(FICLONE): Operation not supported (os error 95)");
    assert!(report.text().contains("send/refused: ioctl(FICLONE): Operation not supported"));
    assert_eq!(report.figures.len(), 2, "the other one is measured");
}

#[test]
fn an_arm_that_fails_at_one_size_has_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let small_only = arm("small", |course| match course.size {
        5000 => Ok(sample(course, 1)),
        _ if course.is_checked => Ok(sample(course, 1)),
        _ => Err(Error::new("pwrite", Errno::NOSPC).into()),
    });
    let report = run(&Bench::with_arms(vec![small_only], dir.path(), &tiny(&[])).unwrap());
    assert_eq!(report.figures.iter().map(|figure| figure.size).collect::<Vec<_>>(), [5000]);
    assert_eq!(report.skipped[0].what.as_deref(), Some("68.4 KiB hot"));
    assert!(report.skipped[0].reason.contains("No space left"));
}

#[test]
fn an_arm_that_moves_other_bytes_ends_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = arm("wrong", |_| Err(WrongBytes.into()));
    let bench = Bench::with_arms(vec![wrong], dir.path(), &tiny(&[])).unwrap();
    let error = bench.run(&mut || Duration::ZERO, &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "send/wrong moved other bytes than it was given");
}

#[test]
fn rounds_end_when_another_would_end_too_late() {
    let dir = tempfile::tempdir().unwrap();
    for (seconds, rounds) in [(0, 3), (1, 3), (3, 2), (5, 1), (7, 1)] {
        let now = std::rc::Rc::new(Cell::new(0));
        let ticking = now.clone();
        let slow = arm("slow", move |course| {
            if !course.is_checked {
                ticking.set(ticking.get() + seconds);
            }
            Ok(sample(course, 1))
        });
        let choice = Choice { sizes: vec![5000], time: Some(Duration::from_secs(8)), ..tiny(&[]) };
        let bench = Bench::with_arms(vec![slow], dir.path(), &choice).unwrap();
        let report = bench.run(&mut || Duration::from_secs(now.get()), &mut |_| {}).unwrap();
        assert_eq!(report.round_count, rounds, "{seconds} s a round");
        assert!(report.took <= Duration::from_secs(8));
    }
}

#[test]
fn what_would_take_too_long_is_left_out_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    // A second an operation, whatever the size: the first is begun, since nothing is known of it, and tells of the second.
    let slow = arm("slow", |course| Ok(sample(course, 1_000_000)));
    let choice = Choice { time: Some(Duration::from_secs(60)), ..tiny(&[]) };
    let report = run(&Bench::with_arms(vec![slow], dir.path(), &choice).unwrap());
    assert_eq!(report.figures.len(), 1);
    assert_eq!(report.skipped[0].reason, "it would probably take more than 30.0 s, its share of the time");
}

#[test]
fn what_costs_as_much_at_any_size_is_not_left_out_for_being_large() {
    let dir = tempfile::tempdir().unwrap();
    // Had a byte cost at the second size what it cost at the first, it would have been 7 seconds, of a share of 4.
    let steady = arm("steady", |course| Ok(sample(course, 2000)));
    let choice = Choice { time: Some(Duration::from_secs(8)), ..tiny(&[]) };
    let report = run(&Bench::with_arms(vec![steady], dir.path(), &choice).unwrap());
    assert_eq!(report.figures.len(), 2, "{:?}", report.skipped);
    assert!(report.figures.iter().all(|figure| figure.operations > 200));
}

#[test]
fn not_even_the_first_size_is_begun_when_it_would_end_too_late() {
    let dir = tempfile::tempdir().unwrap();
    let measured = std::rc::Rc::new(Cell::new(0));
    let counting = measured.clone();
    let one = arm("one", move |course| {
        counting.set(counting.get() + u64::from(!course.is_checked));
        Ok(sample(course, 1))
    });
    // A look at the clock takes a second, and so does writing what is worked on.
    let choice = Choice { sizes: vec![8 << 20], time: Some(Duration::from_secs(3)), ..tiny(&[]) };
    let bench = Bench::with_arms(vec![one], dir.path(), &choice).unwrap();
    let mut now = 0;
    let mut clock = || {
        now += 1;
        Duration::from_secs(now)
    };
    let report = bench.run(&mut clock, &mut |_| {}).unwrap();
    assert_eq!((report.figures.len(), measured.get()), (0, 0));
    assert_eq!(report.skipped[0].reason, NO_TIME);
}

#[test]
fn a_filesystem_in_memory_has_nothing_cold() {
    let report = run(&Bench::new(Path::new("/dev/shm"), &tiny(&["send/splice"])).unwrap());
    assert!(report.figures.iter().all(|figure| figure.temperature == Temperature::Hot));
    assert_eq!(report.skipped.len(), 2, "{:?}", report.skipped);
    assert!(report.skipped.iter().all(|skipped| skipped.reason.contains("in memory")));
}

#[test]
fn what_is_larger_than_the_room_is_not_begun() {
    let dir = tempfile::tempdir().unwrap();
    let choice = Choice { sizes: vec![1 << 50], ..tiny(&["send/sendfile"]) };
    let report = run(&Bench::new(dir.path(), &choice).unwrap());
    assert!(report.figures.is_empty());
    assert!(report.skipped.iter().all(|skipped| skipped.reason.contains("not enough free space")));
}

#[test]
fn a_directory_that_is_not_there_is_an_error_before_anything_is_measured() {
    let error = Bench::new(Path::new("/nonexistent"), &Choice::default()).unwrap_err();
    assert!(matches!(error, BenchError::Ground { .. }), "{error:?}");
    assert!(error.to_string().contains("/nonexistent"));
}
