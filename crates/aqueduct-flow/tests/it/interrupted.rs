//! EINTR from a real kernel.
//!
//! signal(7): a socket call with a timeout set "can fail with the error EINTR after the process is stopped via one of the
//! stop signals and then resumed via SIGCONT, even in the absence of signal handlers". So a child with a timeout on its
//! socket is stopped and continued while it waits: the bare call fails, and the mover must not notice.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{ChildStdout, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aqueduct_flow::{Extent, Intake, ReceiveRoute, SendQueue, SendRoute, Step};
use aqueduct_sys::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::process::{Pid, Signal, kill_process};

use crate::child;
use crate::fixture::{LARGE, assert_same, content, pattern, patterned, unnamed};

#[test]
fn a_receive_that_is_interrupted_goes_on() {
    let name = "interrupted::a_receive_that_is_interrupted_goes_on";
    if !child::is_child() {
        return interrupt(name, 1 + ReceiveRoute::ALL.len(), |ours, _| ours.write_all(b"five!").unwrap());
    }
    let source = socket_with_timeouts();
    announce();
    let bare = aqueduct_sys::read(&source, &mut [0; 5]);
    assert_eq!(
        bare.unwrap_err().errno(),
        Errno::INTR,
        "the bare call is interrupted: so the rest proves something"
    );
    // What the parent wrote once the wait was over.
    assert_eq!(aqueduct_sys::read(&source, &mut [0; 5]).unwrap(), 5);
    for route in ReceiveRoute::ALL {
        let target = unnamed();
        let mut intake = Intake::new(route);
        announce();
        let step = intake.step(source.as_fd(), &target, 0, 5, &mut |_| {}).unwrap();
        assert_eq!(step, Step::Moved(5), "{route}");
        intake.finish(&target, 5).unwrap();
        assert_eq!(content(&target), b"five!");
    }
}

#[test]
fn a_send_that_is_interrupted_goes_on() {
    let name = "interrupted::a_send_that_is_interrupted_goes_on";
    if !child::is_child() {
        return interrupt(name, SendRoute::ALL.len(), |ours, place| {
            let mut bytes = vec![0; LARGE];
            ours.read_exact(&mut bytes).unwrap();
            assert_same(&bytes, &pattern(0..LARGE as u64), &SendRoute::ALL[place].to_string());
        });
    }
    let target = socket_with_timeouts();
    let file = Arc::new(patterned(LARGE));
    for route in SendRoute::ALL {
        let mut queue = SendQueue::new(route);
        queue.push_extent(Extent::new(file.clone(), 0..LARGE as u64));
        announce();
        while queue.step(target.as_fd(), usize::MAX).unwrap() != Step::End {}
        assert_eq!(queue.carried().by(route.into()), LARGE as u64);
    }
}

/// The child's end of the socket: its standard input.
fn socket_with_timeouts() -> OwnedFd {
    let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let timeout = Some(Duration::from_secs(1000));
    set_socket_timeout(&socket, Timeout::Recv, timeout).unwrap();
    set_socket_timeout(&socket, Timeout::Send, timeout).unwrap();
    socket
}

/// Tells the parent which thread is about to wait in the kernel.
fn announce() {
    let thread = fs::read_link("/proc/thread-self").unwrap();
    println!("\n{MARK}/proc/{}/stat", thread.display());
}

/// Stops and continues the child each time it waits, then lets it go on by `release`, `count` times in all.
fn interrupt(name: &str, count: usize, mut release: impl FnMut(&mut UnixStream, usize)) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut command = child::command(&[""; 0], name);
    let mut child = command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::piped()).spawn().unwrap();
    drop(command);
    let pid = Pid::from_child(&child);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    for place in 0..count {
        let stat = announced(&mut lines);
        wait_for_state(&stat, 'S');
        kill_process(pid, Signal::STOP).unwrap();
        wait_for_state(&stat, 'T');
        kill_process(pid, Signal::CONT).unwrap();
        wait_for_state(&stat, 'S');
        release(&mut ours, place);
    }
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{name}: {rest}");
}

fn announced(lines: &mut BufReader<ChildStdout>) -> String {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the child ended early: {seen}");
        if let Some(stat) = line.strip_prefix(MARK) {
            return stat.trim_end().to_owned();
        }
        seen.push_str(&line);
    }
}

/// Waits until the thread is in `state`, the third field of proc_pid_stat(5).
fn wait_for_state(stat: &str, state: char) {
    loop {
        let line = fs::read_to_string(stat).expect("the child still runs");
        let (_, fields) = line.rsplit_once(')').unwrap();
        if fields.trim_start().starts_with(state) {
            return;
        }
        std::thread::yield_now();
    }
}

const MARK: &str = "waiting: ";
