use super::*;
use crate::lanes::tests::every_width;

fn line(count: u64, threads: usize, lanes: Lanes) -> Line {
    Line::new(count, NonZeroUsize::new(threads).unwrap(), lanes)
}

fn taken(line: &Line) -> Vec<Range<u64>> {
    std::iter::from_fn(|| Some(line.take()).filter(|taken| !taken.is_empty())).collect()
}

#[test]
fn each_segment_is_given_out_once_and_in_order() {
    for lanes in every_width() {
        for threads in [1, 2, 3, 64] {
            for count in 1..=80 {
                let given: Vec<u64> = taken(&line(count, threads, lanes)).into_iter().flatten().collect();
                assert_eq!(given, (0..count).collect::<Vec<_>>(), "{threads} threads, {lanes:?}");
            }
        }
    }
}

#[test]
fn the_last_segment_goes_alone() {
    for lanes in every_width() {
        for count in 1..=80 {
            assert_eq!(taken(&line(count, 1, lanes)).last(), Some(&(count - 1..count)), "{lanes:?}");
        }
    }
}

#[test]
fn as_many_as_there_are_lanes_are_given_out_at_once_while_many_are_left() {
    for lanes in every_width() {
        let at_once = lanes.count() as u64;
        for threads in [1, 2, 5] {
            assert_eq!(line(1000, threads, lanes).take(), 0..at_once, "{threads} threads, {lanes:?}");
        }
    }
}

#[test]
fn few_are_given_out_one_by_one_so_that_every_thread_has_some() {
    for lanes in every_width() {
        for threads in [1, 2, 5] {
            let few = (lanes.worth() * threads) as u64;
            assert!(taken(&line(few, threads, lanes)).iter().all(|taken| taken.end - taken.start == 1));
            let first = line(few + 1, threads, lanes).take();
            assert_eq!(first, 0..few.min(lanes.count() as u64), "{threads} threads, {lanes:?}");
        }
    }
}

#[test]
fn nothing_more_is_taken_from_an_empty_line() {
    let line = line(1, 1, Lanes::ONE);
    assert_eq!(line.take(), 0..1);
    assert!(line.take().is_empty());
    assert!(line.take().is_empty());
}
