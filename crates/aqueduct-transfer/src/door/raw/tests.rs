use std::num::NonZeroU64;
use std::sync::atomic::Ordering;
use std::thread;

use aqueduct_flow::Throttle;

use super::super::tests::{Terms, tcp_pair};
use super::*;

fn bytes(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn content(file: &File) -> Vec<u8> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn a_file_arrives_whole_at_a_peer_that_ends_its_side_first_or_last_or_never() {
    for len in [0, 1, 100_000, 9 << 20] {
        let sent = bytes(len);
        for ends_first in [true, false] {
            let (ours, theirs) = tcp_pair();
            let terms = Terms::patient();
            let heard = thread::scope(|scope| {
                let reader = scope.spawn(|| {
                    if ends_first {
                        theirs.shutdown(Shutdown::Write).unwrap();
                    }
                    let mut heard = Vec::new();
                    (&theirs).read_to_end(&mut heard).unwrap();
                    heard
                });
                let source = RawSource::File(Arc::new(file_of(&sent)), len as u64);
                let told = send_raw(&ours, source, terms.manner()).unwrap();
                assert_eq!((told.size, terms.gauge.verified()), (len as u64, len as u64));
                reader.join().unwrap()
            });
            assert!(heard == sent, "{len} bytes");
        }
    }
}

#[test]
fn what_a_peer_says_meanwhile_blocks_nobody() {
    let (ours, theirs) = tcp_pair();
    let terms = Terms::patient();
    let sent = bytes(8 << 20);
    thread::scope(|scope| {
        scope.spawn(|| {
            // It does not read a byte before it has said more than both sides' buffers hold.
            (&theirs).write_all(&vec![b'x'; 20 << 20]).unwrap();
            let mut heard = Vec::new();
            (&theirs).read_to_end(&mut heard).unwrap();
            assert!(heard == sent);
        });
        let source = RawSource::File(Arc::new(file_of(&sent)), sent.len() as u64);
        send_raw(&ours, source, terms.manner()).unwrap();
    });
}

#[test]
fn a_reader_is_sent_to_its_end_and_may_have_nothing_for_a_while() {
    struct Halting(Vec<Result<&'static [u8], io::ErrorKind>>);
    impl Read for Halting {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let given = self.0.pop().unwrap_or(Ok(b""))?;
            buffer[..given.len()].copy_from_slice(given);
            Ok(given.len())
        }
    }
    let (ours, theirs) = tcp_pair();
    let terms = Terms::patient();
    let mut reader = Halting(vec![Ok(b"three"), Err(io::ErrorKind::WouldBlock), Ok(b"two "), Ok(b"one ")]);
    let told = send_raw(&ours, RawSource::Reader(&mut reader), terms.manner()).unwrap();
    assert_eq!(told.size, 13);
    let mut heard = String::new();
    (&theirs).read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "one two three");
}

#[test]
fn a_peer_that_resets_or_takes_nothing_is_a_lost_connection() {
    let sent = Arc::new(file_of(&bytes(32 << 20)));
    let (ours, theirs) = tcp_pair();
    // What it was sent and did not read makes its end a reset.
    let resetting = thread::spawn(move || (&theirs).read_exact(&mut [0; 100]).unwrap());
    let error = send_raw(&ours, RawSource::File(Arc::clone(&sent), 32 << 20), Terms::patient().manner());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Network);
    resetting.join().unwrap();

    let (ours, _theirs) = tcp_pair();
    let hasty = Terms::of(Duration::from_millis(50));
    let error = send_raw(&ours, RawSource::File(sent, 32 << 20), hasty.manner()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
}

#[test]
fn a_peer_that_reads_slowly_and_whose_kernel_answers_is_waited_for() {
    let (ours, theirs) = tcp_pair();
    let idle = Duration::from_millis(500);
    let terms = Terms::of(idle);
    let len: usize = 32 << 20;
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let (_silent, silence) = std::sync::mpsc::channel::<()>();
            let _ = silence.recv_timeout(idle * 3);
            (&theirs).read_to_end(&mut Vec::new()).unwrap()
        });
        let source = RawSource::File(Arc::new(file_of(&bytes(len))), len as u64);
        send_raw(&ours, source, terms.manner()).unwrap();
        assert_eq!(reader.join().unwrap(), len);
    });
}

#[test]
fn a_file_that_became_shorter_has_changed() {
    let (ours, theirs) = tcp_pair();
    let reader = thread::spawn(move || (&theirs).read_to_end(&mut Vec::new()));
    let source = RawSource::File(Arc::new(file_of(&bytes(1000))), 1001);
    let error = send_raw(&ours, source, Terms::patient().manner()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);
    drop(ours);
    let _ = reader.join().unwrap();
}

#[test]
fn whoever_asks_for_an_end_waits_for_nobody() {
    let (ours, _theirs) = tcp_pair();
    let terms = Terms::patient();
    terms.stop.store(true, Ordering::Relaxed);
    let source = RawSource::File(Arc::new(file_of(&bytes(32 << 20))), 32 << 20);
    assert_eq!(send_raw(&ours, source, terms.manner()).unwrap_err().kind(), ErrorKind::Stopped);
    let file = file_of(b"");
    let error = receive_raw(&ours, RawTarget::File(&file), None, &mut |_| (), terms.manner());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Stopped);
}

#[test]
fn nobody_is_waited_for_when_time_is_up() {
    let (ours, _theirs) = tcp_pair();
    let terms = Terms::patient();
    let manner = Manner { until: Some(std::time::Instant::now()), ..terms.manner() };
    let source = RawSource::File(Arc::new(file_of(&bytes(32 << 20))), 32 << 20);
    assert_eq!(send_raw(&ours, source, manner).unwrap_err().kind(), ErrorKind::Deadline);
    let file = file_of(b"");
    let error = receive_raw(&ours, RawTarget::File(&file), None, &mut |_| (), manner);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Deadline);
}

#[test]
fn a_rate_is_kept_to_and_all_arrives() {
    let (ours, theirs) = tcp_pair();
    let terms =
        Terms { throttle: Some(Throttle::new(NonZeroU64::new(100 << 20).unwrap())), ..Terms::patient() };
    let sent = bytes(1 << 20);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut heard = Vec::new();
            (&theirs).read_to_end(&mut heard).unwrap();
            heard
        });
        let source = RawSource::File(Arc::new(file_of(&sent)), sent.len() as u64);
        send_raw(&ours, source, terms.manner()).unwrap();
        assert!(reader.join().unwrap() == sent);
    });
}

#[test]
fn bytes_that_come_end_where_their_side_ends() {
    for len in [0, 1, 65_536, 9 << 20] {
        let sent = bytes(len);
        let (ours, theirs) = tcp_pair();
        let terms = Terms::patient();
        let file = file_of(b"");
        let mut seen = Vec::new();
        thread::scope(|scope| {
            let sent = &sent;
            scope.spawn(move || (&theirs).write_all(sent).unwrap());
            let target = RawTarget::File(&file);
            let mut observe = |bytes: &[u8]| seen.extend_from_slice(bytes);
            let told = receive_raw(&ours, target, None, &mut observe, terms.manner()).unwrap();
            assert_eq!((told.size, told.was_silent), (len as u64, false));
        });
        assert!(content(&file) == sent && seen == sent, "{len} bytes");
        assert_eq!(terms.gauge.verified(), len as u64);
    }
}

#[test]
fn bytes_may_go_to_a_writer() {
    let (ours, theirs) = tcp_pair();
    (&theirs).write_all(b"to a pipe").unwrap();
    drop(theirs);
    let mut heard = Vec::new();
    let terms = Terms::patient();
    let told = receive_raw(&ours, RawTarget::Writer(&mut heard), None, &mut |_| (), terms.manner());
    assert_eq!((told.unwrap().size, &heard[..]), (9, &b"to a pipe"[..]));
}

#[test]
fn a_peer_that_waits_for_our_end_before_it_makes_its_own_is_given_it_and_that_is_told() {
    let (ours, theirs) = tcp_pair();
    let hasty = Terms::of(Duration::from_secs(2));
    (&theirs).write_all(b"all there is").unwrap();
    let peer = thread::spawn(move || {
        (&theirs).read_to_end(&mut Vec::new()).unwrap();
    });
    let file = file_of(b"");
    let told = receive_raw(&ours, RawTarget::File(&file), None, &mut |_| (), hasty.manner()).unwrap();
    assert_eq!((told.size, told.was_silent), (12, true));
    peer.join().unwrap();
}

#[test]
fn where_the_size_is_known_no_end_is_waited_for_and_more_is_a_mistake() {
    let terms = Terms::patient();
    let (ours, theirs) = tcp_pair();
    (&theirs).write_all(b"12345").unwrap();
    let file = file_of(b"");
    let told = receive_raw(&ours, RawTarget::File(&file), Some(5), &mut |_| (), terms.manner()).unwrap();
    assert_eq!((told.size, told.was_silent), (5, false));

    let (ours, theirs) = tcp_pair();
    (&theirs).write_all(b"123456").unwrap();
    let file = file_of(b"");
    let error = receive_raw(&ours, RawTarget::File(&file), Some(5), &mut |_| (), terms.manner());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Mismatch);
}

#[test]
fn a_reset_while_bytes_come_is_a_lost_connection_and_silence_from_the_start_as_well() {
    let (ours, theirs) = tcp_pair();
    // What we say and it does not read makes its end a reset.
    (&ours).write_all(b"unread").unwrap();
    (&theirs).write_all(b"half of it").unwrap();
    let mut heard = [0; 1];
    theirs.peek(&mut heard).unwrap();
    drop(theirs);
    let file = file_of(b"");
    let terms = Terms::patient();
    let error = receive_raw(&ours, RawTarget::File(&file), None, &mut |_| (), terms.manner());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Network);

    let (ours, _theirs) = tcp_pair();
    let hasty = Terms::of(Duration::from_millis(20));
    let error = receive_raw(&ours, RawTarget::File(&file), None, &mut |_| (), hasty.manner());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Network);
}
