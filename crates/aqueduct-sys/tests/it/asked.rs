//! Calls that only ask, and some that a kernel or a filesystem may lack: both answers are right where it is said why.

use std::fs::File;
use std::net::{TcpListener, TcpStream};

use aqueduct_sys::{
    Errno, Error, Memory, cachestat, congestion_control, has_verity, kernel_release, memory_limit, room,
    set_thread_nice, set_upper_protocol,
};

use crate::unnamed;

fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (ours, listener.accept().unwrap().0)
}

#[track_caller]
fn assert_lacks(error: Error, reasons: &[Errno]) {
    assert!(reasons.contains(&error.errno()), "{error}");
}

#[test]
fn pages_that_were_just_written_are_counted_as_cached_and_dirty() {
    let file = unnamed(&[7; 10_000]);
    match cachestat(&file, &(0..10_000)) {
        Ok(found) => {
            assert_eq!(found.cached, 10_000_u64.div_ceil(page_size()), "{found:?}");
            assert_eq!(found.evicted, 0);
            let one = cachestat(&file, &(0..1)).unwrap();
            assert_eq!(one.cached, 1);
            assert_eq!(cachestat(&file, &(1 << 30..2 << 30)).unwrap().cached, 0, "behind the end");
        }
        Err(error) => assert_lacks(error, &[Errno::NOSYS]),
    }
}

fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

#[test]
fn a_file_that_was_never_sealed_has_no_verity() {
    match has_verity(unnamed(b"open")) {
        Ok(has) => assert!(!has),
        Err(error) => assert_lacks(error, &[Errno::NOTTY, Errno::OPNOTSUPP]),
    }
    let memory = File::open("/proc/self/status").unwrap();
    assert_lacks(has_verity(memory).unwrap_err(), &[Errno::NOTTY, Errno::OPNOTSUPP]);
}

#[test]
fn a_protocol_that_nobody_has_is_refused() {
    let (ours, _theirs) = connection();
    assert_eq!(set_upper_protocol(&ours, c"no such").unwrap_err().errno(), Errno::NOENT);
    let file = unnamed(b"");
    assert_eq!(set_upper_protocol(file, c"tls").unwrap_err().errno(), Errno::NOTSOCK);
}

#[test]
fn a_connection_has_the_congestion_control_that_the_system_is_set_to() {
    let (ours, _theirs) = connection();
    let set = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap();
    assert_eq!(congestion_control(&ours).unwrap(), set.trim());
}

#[test]
fn a_filesystem_has_no_more_room_than_it_is_large() {
    for dir in [env!("CARGO_TARGET_TMPDIR"), "/dev/shm"] {
        let found = room(File::open(dir).unwrap()).unwrap();
        assert!(found.size > 0 && found.available <= found.size, "{dir}: {found:?}");
        assert!(found.inodes_available <= found.inode_count, "{dir}: {found:?}");
        assert!(!found.is_read_only, "{dir}");
    }
}

#[test]
fn a_kernel_has_a_release_that_begins_with_a_number() {
    let release = kernel_release().unwrap();
    assert!(release.split('.').next().unwrap().parse::<u32>().unwrap() >= 4, "{release}");
}

#[test]
fn limits_on_memory_are_those_that_proc_shows() {
    let shown = std::fs::read_to_string("/proc/self/limits").unwrap();
    for (memory, name) in [(Memory::Locked, "Max locked memory"), (Memory::Addresses, "Max address space")] {
        let line = shown.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let soft = line.split_whitespace().next().unwrap();
        assert_eq!(memory_limit(memory), soft.parse().ok(), "{name}");
    }
}

#[test]
fn a_thread_is_nicer_than_the_one_that_started_it() {
    fn nice() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        fields.split_whitespace().nth(16).unwrap().parse().unwrap()
    }
    let usual = nice();
    let nicer = std::thread::spawn(move || {
        set_thread_nice((usual + 1).min(19)).unwrap();
        (nice(), std::thread::spawn(nice).join().unwrap())
    });
    let expected = (usual + 1).min(19);
    assert_eq!(nicer.join().unwrap(), (expected, expected), "and so are those that it starts");
    assert_eq!(nice(), usual);
}
