//! Calls that keep what they were given, and what is counted of them.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use aqueduct_sys::{
    Errno, ReadMapping, Readiness, Reserve, WriteMapping, calls_made, congestion_control, fallocate, pipe,
    process_usage, read, send_zerocopy, set_congestion_control, set_cork, set_zerocopy, tee, thread_usage,
    vmsplice, wait_until, write, zerocopy_sent,
};

use crate::unnamed;

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (ours, listener.accept().unwrap().0)
}

#[test]
fn tee_leaves_what_it_duplicates() {
    let (reader, writer) = pipe().unwrap();
    let (other_reader, other_writer) = pipe().unwrap();
    write(&writer, b"0123456789").unwrap();
    assert_eq!(tee(&reader, &other_writer, 4).unwrap(), 4);
    let mut bytes = [0; 20];
    assert_eq!(read(&other_reader, &mut bytes).unwrap(), 4);
    assert_eq!(&bytes[..4], b"0123");
    assert_eq!(read(&reader, &mut bytes).unwrap(), 10, "nothing was taken");
    drop(writer);
    assert_eq!(tee(&reader, &other_writer, 4).unwrap(), 0, "the end is a value");
    assert_eq!(tee(unnamed(b"x"), &other_writer, 4).unwrap_err().errno(), Errno::INVAL);
}

#[test]
fn a_pipe_shows_the_pages_of_a_mapping_even_after_it() {
    let file = unnamed(b"0123456789");
    let mapping = ReadMapping::new(&file, 0..10).unwrap();
    let (reader, writer) = pipe().unwrap();
    assert_eq!(vmsplice(&writer, &mapping, 2..7).unwrap(), 5);
    assert_eq!(vmsplice(&writer, &mapping, 10..10).unwrap(), 0);
    drop(mapping);
    drop(file);
    let mut bytes = [0; 10];
    assert_eq!(read(&reader, &mut bytes).unwrap(), 5);
    assert_eq!(&bytes[..5], b"23456");
    let mapping = ReadMapping::new(unnamed(b"x"), 0..1).unwrap();
    assert_eq!(vmsplice(unnamed(b""), &mapping, 0..1).unwrap_err().errno(), Errno::BADF);
}

#[test]
fn what_is_sent_without_a_copy_arrives_and_is_told_of() {
    let (ours, mut theirs) = tcp_pair();
    let mapping = ReadMapping::new(unnamed(b"0123456789"), 0..10).unwrap();
    set_zerocopy(&ours).unwrap();
    assert_eq!(zerocopy_sent(&ours).unwrap(), None, "nothing was sent");
    assert_eq!(send_zerocopy(&ours, &mapping, 0..4).unwrap(), 4);
    assert_eq!(send_zerocopy(&ours, &mapping, 4..10).unwrap(), 6);
    let mut bytes = [0; 10];
    theirs.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"0123456789");
    let mut told = 0;
    while told < 2 {
        wait_until(&ours, Readiness::Readable).unwrap();
        while let Some(sent) = zerocopy_sent(&ours).unwrap() {
            assert_eq!(*sent.calls.start(), told, "in order, and each once");
            assert!(sent.is_copied, "over loopback");
            told = sent.calls.end() + 1;
        }
    }
    assert_eq!(told, 2);
    assert_eq!(set_zerocopy(unnamed(b"")).unwrap_err().errno(), Errno::NOTSOCK);
}

#[test]
fn a_socket_has_the_congestion_control_that_it_was_given() {
    let (ours, _theirs) = tcp_pair();
    // Every kernel has it, and lets everybody use it.
    set_congestion_control(&ours, "reno").unwrap();
    assert_eq!(congestion_control(&ours).unwrap(), "reno");
    assert_eq!(set_congestion_control(&ours, "no-such").unwrap_err().errno(), Errno::NOENT);
}

#[test]
fn a_corked_socket_keeps_back_what_fills_no_segment_until_it_is_not_corked_any_more() {
    // What is kept back leaves after 200 ms at the latest (tcp(7)): on a busy machine, before we look.
    let is_kept_back = (0..10).any(|_| {
        let (ours, theirs) = tcp_pair();
        theirs.set_nonblocking(true).unwrap();
        set_cork(&ours, true).unwrap();
        (&ours).write_all(b"runt").unwrap();
        let is_early = (&theirs).read(&mut [0; 4]).is_ok();
        set_cork(&ours, false).unwrap();
        if is_early {
            return false;
        }
        let mut bytes = [0; 4];
        wait_until(&theirs, Readiness::Readable).unwrap();
        (&theirs).read(&mut bytes).unwrap() == 4 && &bytes == b"runt"
    });
    assert!(is_kept_back);
    assert!(set_cork(unnamed(b""), true).is_err());
}

#[test]
fn populating_changes_no_byte() {
    let file = unnamed(b"");
    fallocate(&file, Reserve::Grow, 0, 20_000).unwrap();
    let mut mapping = WriteMapping::new(&file, 100..20_000).unwrap();
    mapping[5000] = 7;
    for range in [0..0, 0..1, 4999..5002, 0..19_900, 19_900..19_900] {
        mapping.populate(range).unwrap();
    }
    assert!(mapping.iter().enumerate().all(|(place, &byte)| byte == if place == 5000 { 7 } else { 0 }));
}

#[test]
fn calls_are_counted_where_they_are_made() {
    let file = unnamed(b"0123456789");
    let before = calls_made();
    assert_eq!(calls_made(), before, "asking is no call");
    let _ = read(&file, &mut [0; 4]);
    let _ = read(File::open("/proc/self").unwrap(), &mut [0; 4]).unwrap_err();
    assert_eq!(calls_made() - before, 2, "those that fail, too");
    thread::spawn(|| assert_eq!(calls_made(), 0)).join().unwrap();
    drop(ReadMapping::new(&file, 0..10).unwrap());
    assert_eq!(calls_made() - before, 5, "statx, mmap, munmap");
}

#[test]
fn a_thread_that_waits_gives_the_processor_up() {
    let (ask, asked) = sync_channel::<SyncSender<()>>(0);
    let answerer = thread::spawn(move || asked.iter().for_each(|answer| answer.send(()).unwrap()));
    let process_before = process_usage();
    let before = thread_usage();
    // Each turn waits for an answer of the other thread; on two cores one or the other may come in time by chance.
    loop {
        let (answer, answered) = sync_channel(0);
        ask.send(answer).unwrap();
        answered.recv().unwrap();
        if thread_usage().voluntary_switch_count > before.voluntary_switch_count {
            break;
        }
    }
    drop(ask);
    answerer.join().unwrap();
    let after = thread_usage();
    assert!(after.user >= before.user && after.system >= before.system);
    assert!(process_usage().voluntary_switch_count > process_before.voluntary_switch_count);
}
