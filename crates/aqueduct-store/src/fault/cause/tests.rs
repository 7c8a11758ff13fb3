use std::io;

use aqueduct_sys::{Errno, Error};

use super::Cause;
use crate::disk::Unopened;

const TABLE: [(Errno, Cause); 9] = [
    (Errno::NOSPC, Cause::NoSpace),
    (Errno::DQUOT, Cause::Quota),
    (Errno::MFILE, Cause::Descriptors),
    (Errno::NFILE, Cause::Descriptors),
    (Errno::NOMEM, Cause::Memory),
    (Errno::NOBUFS, Cause::Memory),
    (Errno::ROFS, Cause::ReadOnly),
    (Errno::IO, Cause::Io),
    (Errno::BADF, Cause::Io),
];

#[test]
fn an_errno_means_the_same_whoever_met_it() {
    for (errno, cause) in TABLE {
        let error = Error::new("openat", errno);
        assert_eq!(Cause::of(&errno.into()), cause, "from the standard library");
        assert_eq!(Cause::of(&error.into()), cause, "from a call of ours");
        assert_eq!(Cause::of(&Unopened(error).into()), cause, "from a directory that could not be opened");
    }
}

#[test]
fn an_error_without_a_number_is_known_by_its_kind() {
    assert_eq!(Cause::of(&io::ErrorKind::StorageFull.into()), Cause::NoSpace);
    assert_eq!(Cause::of(&io::ErrorKind::QuotaExceeded.into()), Cause::Quota);
    assert_eq!(Cause::of(&io::Error::other("whatever")), Cause::Io);
}
