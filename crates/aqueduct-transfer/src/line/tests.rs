use std::net::TcpListener;

use aqueduct_wire::transfer::{EntryId, Failure};

use super::*;

fn patience() -> Patience {
    Patience {
        idle: Duration::from_secs(20),
        stop: Arc::default(),
        over: Arc::default(),
        until: None,
        pulse: Arc::default(),
    }
}

fn pair() -> (Line, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (Line::new(listener.accept().unwrap().0, patience()).unwrap(), other)
}

fn file(bytes: &[u8]) -> Arc<File> {
    let file = tempfile::tempfile().unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, bytes, 0).unwrap();
    Arc::new(file)
}

#[test]
fn words_and_payloads_are_heard_in_the_order_in_which_they_were_said() {
    let (line, other) = pair();
    let other = Line::new(other, patience()).unwrap();
    let bytes = Word::Bytes { entry: EntryId(1), offset: 4 };
    assert!(matches!(line.say_extent(&bytes, &file(b"0123456789"), 4..8), Ok(Given::Sent)));
    line.say(&Word::End { file_count: 1, left_count: 0 }).unwrap();
    assert_eq!(other.hear().unwrap(), Heard { word: bytes, payload_len: 4 });
    let mut payload = [0; 4];
    other.read_exact(&mut payload).unwrap();
    assert_eq!(&payload, b"4567");
    assert_eq!(other.hear().unwrap().word, Word::End { file_count: 1, left_count: 0 });
}

#[test]
fn what_a_file_cannot_give_is_sent_as_zeroes_and_the_next_word_is_heard() {
    let (line, other) = pair();
    let other = Line::new(other, patience()).unwrap();
    let given = line.say_extent(&Word::Bytes { entry: EntryId(1), offset: 0 }, &file(b"0123"), 0..100_000);
    assert!(matches!(given, Ok(Given::Failed(_))));
    line.say(&Word::Changed { entry: EntryId(1) }).unwrap();
    assert_eq!(other.hear().unwrap().payload_len, 100_000);
    let mut payload = vec![1; 100_000];
    other.read_exact(&mut payload).unwrap();
    assert_eq!(&payload[..4], b"0123");
    assert!(payload[4..].iter().all(|byte| *byte == 0));
    assert_eq!(other.hear().unwrap().word, Word::Changed { entry: EntryId(1) });
}

#[test]
fn a_bit_that_flipped_in_a_head_is_the_connections_fault_and_nonsense_the_peers() {
    for at in 0..24 {
        let (line, mut other) = pair();
        let mut bytes = Vec::new();
        Word::End { file_count: 300, left_count: 0 }.write(0, &mut bytes);
        bytes[at] ^= 4;
        other.write_all(&bytes).unwrap();
        other.shutdown(Shutdown::Both).unwrap();
        assert_eq!(line.hear().unwrap_err().kind(), ErrorKind::Network, "at {at}");
    }
    let (line, other) = pair();
    let other = Line::new(other, patience()).unwrap();
    other.say_with(&Word::End { file_count: 1, left_count: 0 }, b"payload").unwrap();
    assert_eq!(line.hear().unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn whoever_waits_looks_up_when_somebody_wants_it_to_end() {
    let (line, _other) = pair();
    line.patience.stop.store(true, Ordering::Relaxed);
    assert_eq!(line.hear().unwrap_err().kind(), ErrorKind::Stopped);
    let (line, _other) = pair();
    let line = line.with(Patience { until: Some(Instant::now()), ..patience() });
    assert_eq!(line.hear().unwrap_err().kind(), ErrorKind::Deadline);
    let (line, _other) = pair();
    let line = line.with(Patience { idle: Duration::ZERO, ..patience() });
    assert_eq!(line.hear().unwrap_err().kind(), ErrorKind::Network);
}

#[test]
fn whoever_speaks_after_a_word_that_broke_off_unheard_hears_that_the_connection_is_lost() {
    let (line, other) = pair();
    line.say(&Word::Verified { len: 1 }).unwrap();
    // What was not read ends the connection with a reset.
    drop(other);
    // The first to speak then tells nobody.
    while !line.mouth().is_broken {
        line.say_if_idle(&Word::Verified { len: 0 });
    }
    let word = Word::Verified { len: 2 };
    assert_eq!(line.say(&word).unwrap_err().kind(), ErrorKind::Network, "it is tried again");
    let extent = line.say_extent(&Word::Bytes { entry: EntryId(1), offset: 0 }, &file(b"0123"), 0..4);
    assert_eq!(extent.unwrap_err().kind(), ErrorKind::Network);
    line.patience.end();
    assert_eq!(line.say(&word).unwrap_err().kind(), ErrorKind::Other, "somebody else knows why");
}

#[test]
fn the_last_word_is_not_said_into_the_midst_of_a_frame() {
    let (line, mut other) = pair();
    line.mouth().is_broken = true;
    line.say_last(&Word::Failed { failure: Failure::Other, why: "it".to_owned() });
    let mut heard = Vec::new();
    other.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"");
}
