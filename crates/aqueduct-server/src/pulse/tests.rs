#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::mpsc;
use std::thread;

use tokio::runtime::Builder;

use super::*;

#[test]
fn a_reactor_that_is_blocked_has_no_pulse_until_it_goes_on() {
    let pulse = Arc::new(Pulse::default());
    let (block, blocked) = mpsc::channel::<mpsc::Receiver<()>>();
    let (tell, told) = mpsc::channel();
    let beating = Arc::clone(&pulse);
    let reactor = thread::spawn(move || {
        Builder::new_current_thread().build().unwrap().block_on(async {
            drop(tokio::spawn(Arc::clone(&beating).beat()));
            // Each of these is what no reactor may do, and ends when its other end does.
            for until in blocked {
                tell.send(()).unwrap();
                assert!(until.recv().is_err());
                while beating.is_awaited.load(Ordering::Relaxed) {
                    tokio::task::yield_now().await;
                }
                tell.send(()).unwrap();
            }
        });
    });
    let (go_on, until) = mpsc::channel();
    block.send(until).unwrap();
    told.recv().unwrap();
    assert!(pulse.feel(), "nothing was asked before");
    assert!(!pulse.feel(), "it is blocked, and answered nothing");
    assert!(!pulse.feel());
    drop(go_on);
    told.recv().unwrap();
    assert!(pulse.feel(), "it went on, and answered");
    drop(block);
    reactor.join().unwrap();
}
