#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;

use super::*;

fn peer(ip: &str) -> Peer {
    Peer::Host(SocketAddr::new(ip.parse().unwrap(), 4000))
}

#[test]
fn no_more_come_in_than_there_may_be_and_whoever_leaves_makes_room() {
    let guests = Guests::new(2, Some(0));
    let first = guests.admit(peer("10.0.0.1")).unwrap();
    let _second = guests.admit(peer("10.0.0.1")).unwrap();
    assert_eq!(guests.admit(peer("10.0.0.2")).unwrap_err(), Full::Everywhere);
    drop(first);
    let _third = guests.admit(peer("10.0.0.2")).unwrap();
    assert_eq!(guests.admit(peer("10.0.0.1")).unwrap_err(), Full::Everywhere);
}

#[test]
fn one_address_leaves_room_for_others() {
    let guests = Guests::new(10, Some(2));
    let held = [(); 2].map(|()| guests.admit(peer("127.0.0.2")).unwrap());
    assert_eq!(guests.admit(peer("127.0.0.2")).unwrap_err(), Full::ForThisAddress);
    let _other = guests.admit(peer("127.0.0.1")).unwrap();
    drop(held);
    assert_eq!(guests.present().by_address.len(), 1, "nothing is kept of whoever is gone");
    let _again = guests.admit(peer("127.0.0.2")).unwrap();
}

#[test]
fn whoever_is_here_stays_when_fewer_may_be() {
    let guests = Guests::new(3, Some(0));
    let mut held: Vec<_> = (0..3).map(|_| guests.admit(peer("127.0.0.1")).unwrap()).collect();
    guests.set_limits(2, Some(1));
    held.pop();
    assert_eq!(guests.admit(peer("127.0.0.2")).unwrap_err(), Full::Everywhere);
    held.pop();
    assert_eq!(guests.admit(peer("127.0.0.1")).unwrap_err(), Full::ForThisAddress);
    let _other = guests.admit(peer("127.0.0.2")).unwrap();
}

#[test]
fn a_network_of_ipv6_is_one_address_and_a_mapped_address_is_that_of_ipv4() {
    let same = |a: &str, b: &str| Address::of(peer(a)) == Address::of(peer(b));
    assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
    assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
    assert!(same("::ffff:192.0.2.7", "192.0.2.7"));
    assert!(!same("192.0.2.7", "192.0.2.8"));
}

#[test]
fn programs_on_this_machine_are_counted_apart_from_its_addresses() {
    let guests = Guests::new(10, Some(1));
    let _local = guests.admit(Peer::Local).unwrap();
    assert_eq!(guests.admit(Peer::Local).unwrap_err(), Full::ForThisAddress);
    let _hosts = ["127.0.0.1", "0.0.0.0", "::", "::1"].map(|ip| guests.admit(peer(ip)));
}

#[test]
fn an_address_may_have_a_quarter_unless_told_otherwise_and_half_of_few() {
    let limit = |count_max| Guests::new(count_max, None).count_max_per_address.load(Ordering::Relaxed);
    assert_eq!(limit(100_000), 25_000);
    assert_eq!(limit(200), SHARE_MIN);
    assert_eq!(limit(100), 50);
    assert_eq!(limit(1), 1);
}

#[test]
fn few_are_told_why_at_once() {
    let guests = Guests::new(1, None);
    let mut told: Vec<_> = (0..FAREWELL_COUNT_MAX).map(|_| guests.bid_farewell().unwrap()).collect();
    assert!(guests.bid_farewell().is_none());
    told.pop();
    assert!(guests.bid_farewell().is_some());
}
