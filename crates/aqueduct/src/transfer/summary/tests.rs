use std::net::{Ipv4Addr, SocketAddr};

use aqueduct_blob::{Algorithm, Hasher};

use super::*;

fn report() -> Report {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(b"abc");
    Report {
        name: b"model.bin".to_vec(),
        file_count: 1,
        failed_count: 0,
        size: 3 << 30,
        resumed: 1 << 30,
        digest: Some(hasher.finish().digest),
        proof: Proof::Digest,
        is_synced: true,
        carried: Carried::by_route(Route::Sendfile, 2 << 30),
        elapsed: Duration::from_secs(4),
        peer: Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 7300)),
        streams: 2,
    }
}

#[test]
fn a_summary_says_what_came_of_it_and_what_it_cost() {
    assert_eq!(
        lines(&report(), Duration::from_secs(1)),
        [
            "model.bin  3.00 GiB in 4.0 s, 512.00 MiB/s (4.3 Gbit/s)",
            "  sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  verified  synced",
            "  zero-copy yes (sendfile 2.00 GiB)  2 streams  resumed 1.00 GiB  cpu 0.50 s/GiB  clear text: somebody on the path could have read it",
        ]
    );
}

#[test]
fn what_nobody_verified_is_not_said_to_be() {
    let sent = Report {
        name: b"a\x1b[31m".to_vec(),
        proof: Proof::Acknowledged,
        is_synced: false,
        digest: None,
        carried: Carried::by_route(Route::Copy, 12),
        size: 12,
        resumed: 0,
        file_count: 3,
        ..report()
    };
    let lines = lines(&sent, Duration::from_secs(1));
    assert_eq!(lines[0], "a\\u{1b}[31m  3 files, 12 B in 4.0 s, 3 B/s (24 bit/s)");
    assert_eq!(lines[1], "  acknowledged by the other kernel, not verified");
    assert!(
        lines[2].starts_with("  zero-copy no (copy 12 B)  2 streams  resumed 0 B  clear text"),
        "{}",
        lines[2]
    );
    let json = json(&sent, Duration::from_secs(1), false);
    assert_eq!((&json["verified"], &json["proof"]), (&json!(false), &json!("acknowledged")));
    assert_eq!((&json["zero_copy"], &json["encrypted"]), (&json!(false), &json!(false)));
    assert_eq!(json["name"], "a\u{1b}[31m");
}
