use std::io::{Read, Write};

use super::*;

fn file_of(bytes: &[u8]) -> Arc<File> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Arc::new(file)
}

#[test]
fn what_counts_is_not_fed_before_it_is_let_go() {
    let (mut near, far) = pair().unwrap();
    let feeder = Feeder::start(far, file_of(b"0123456789"), WarmUp { len: 3, count: 2 }, 10, 2);
    let mut warmed = [0; 6];
    near.read_exact(&mut warmed).unwrap();
    assert_eq!(&warmed, b"012012");
    near.set_nonblocking(true).unwrap();
    assert_eq!(near.read(&mut [0; 1]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    near.set_nonblocking(false).unwrap();
    feeder.let_go();
    let mut fed = Vec::new();
    near.read_to_end(&mut fed).unwrap();
    assert_eq!(fed, b"01234567890123456789");
    feeder.finish().unwrap();
}

#[test]
fn a_sink_counts_what_follows_the_warm_up() {
    for is_checked in [false, true] {
        let (mut near, far) = pair().unwrap();
        let sink = Sink::start(far, is_checked, 7);
        near.write_all(b"warm-up").unwrap();
        sink.catch_up(7);
        near.write_all(b"headfilehead").unwrap();
        near.write_all(b"file").unwrap();
        let arrived = sink.finish(&near).unwrap();
        let file = file_of(b"file, and more");
        arrived.check(&file, 4, 2, b"head").unwrap();
        assert!(arrived.check(&file, 4, 3, b"head").is_err());
        assert!(arrived.check(&file, 5, 2, b"head").is_err());
    }
}
