use aqueduct_sys::Errno;

use super::*;

const WORKS: Served = Served { sendfile: Sending::ByReference, splice: Tried::Works, nowait: Tried::Works };

const REFUSED: Tried = Tried::Refused(Errno::OPNOTSUPP);

fn line(served: Served) -> String {
    Chosen::new(SendRoute::Sendfile, ReceiveRoute::Splice, served).to_string()
}

#[test]
fn what_works_is_kept_and_said_with_what_the_kernel_makes_of_it() {
    assert_eq!(line(WORKS), "routes: send sendfile (by reference), receive splice");
    let copies = Served { sendfile: Sending::ByCopy, ..WORKS };
    assert_eq!(line(copies), "routes: send sendfile (by copy), receive splice");
}

#[test]
fn what_is_refused_is_left_and_the_reason_said() {
    let refused = Served { sendfile: Sending::Refused(Errno::INVAL), splice: REFUSED, nowait: REFUSED };
    let line = line(refused);
    for part in ["send copy (sendfile: Invalid", "receive copy (splice: ", "by way of a worker"] {
        assert!(line.contains(part), "{part:?} is not in {line:?}");
    }
}

#[test]
fn a_filesystem_that_nothing_is_known_of_keeps_the_wish() {
    let unknown = Served {
        sendfile: Sending::Untried(Errno::TIMEDOUT),
        splice: Tried::Untried(Errno::MFILE),
        nowait: Tried::Untried(Errno::AGAIN),
    };
    for (send, receive) in
        [(SendRoute::Sendfile, ReceiveRoute::Splice), (SendRoute::Splice, ReceiveRoute::Mmap)]
    {
        let chosen = Chosen::new(send, receive, unknown);
        assert_eq!((chosen.send, chosen.receive), (send, receive));
    }
    let line = line(unknown);
    for part in ["send sendfile (not tried: ", "receive splice (splice: not tried: Too many"] {
        assert!(line.contains(part), "{part:?} is not in {line:?}");
    }
    assert!(!line.contains("by way of a worker"), "{line}");
    let mut options = Options::default();
    choose(&mut options, Err(io::ErrorKind::StorageFull.into()));
    assert_eq!((options.send_route, options.receive_route), (SendRoute::Sendfile, ReceiveRoute::Splice));
}

#[test]
fn no_blob_is_let_into_memory_that_would_leave_no_room_for_others() {
    for (asked, held) in [(0, 0), (64 << 10, 64 << 10), (1 << 20, 1 << 20), (u64::MAX, 1 << 20)] {
        let mut options = Options::default();
        options.thresholds.memory_size_max = asked;
        choose(&mut options, Ok(WORKS));
        let others = Thresholds::default();
        assert_eq!(options.thresholds, Thresholds { memory_size_max: held, ..others });
    }
}

#[test]
fn only_what_needs_a_call_is_left_where_the_call_is_refused() {
    let refused = Served { sendfile: Sending::Refused(Errno::INVAL), splice: REFUSED, ..WORKS };
    for (wish, kept) in
        SendRoute::ALL.into_iter().zip([SendRoute::Copy, SendRoute::Copy, SendRoute::Copy, SendRoute::Mmap])
    {
        assert_eq!(Chosen::new(wish, ReceiveRoute::Mmap, refused).send, kept, "{wish}");
    }
    assert_eq!(Chosen::new(SendRoute::Copy, ReceiveRoute::Mmap, refused).receive, ReceiveRoute::Mmap);
}
