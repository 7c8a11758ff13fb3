use std::cell::Cell;

use aqueduct_sys::{Errno, Error};

use super::uninterrupted;

#[test]
fn a_call_is_repeated_while_it_is_interrupted_and_no_longer() {
    let answers = Cell::new(vec![Ok(7), Err(Errno::INTR), Err(Errno::INTR)]);
    let call = || {
        let mut left = answers.take();
        let answer = left.pop().expect("called once too often");
        answers.set(left);
        answer.map_err(|errno| Error::new("read", errno))
    };
    assert_eq!(uninterrupted(call), Ok(7));
}

#[test]
fn any_other_error_is_the_answer() {
    let mut count = 0;
    let failed: Result<(), _> = uninterrupted(|| {
        count += 1;
        Err(Error::new("read", Errno::AGAIN))
    });
    assert_eq!(failed, Err(Error::new("read", Errno::AGAIN)));
    assert_eq!(count, 1);
}
