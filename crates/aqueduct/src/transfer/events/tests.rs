use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use aqueduct_transfer::{Error, ErrorKind, Phase};
use signal_hook::consts::SIGTERM;

use super::*;

fn told(event: &Event<'_>) -> (&'static str, Value) {
    members(event, &Invitation::ToSend { place: String::new(), is_stream: false, count: None })
}

#[test]
fn each_event_has_its_name_and_members() {
    let peer = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 7300);
    for (event, name, expected) in [
        (
            Event::Connected { peer, dialect: "native" },
            "connected",
            json!({ "peer": "127.0.0.1:7300", "dialect": "native" }),
        ),
        (
            Event::Plan { file_count: Some(2), size: None, free: Some(9), held: 3 },
            "plan",
            json!({ "files": 2, "bytes": null, "free": 9, "have": 3 }),
        ),
        (Event::Phase(Phase::Verify), "phase", json!({ "phase": "verify" })),
        (
            Event::File { path: b"a/b", size: 3, digest: None },
            "file",
            json!({ "path": "a/b", "bytes": 3, "digest": null, "verified": false }),
        ),
        (
            Event::Left { path: b"\xff", why: "gone" },
            "left",
            json!({ "path": "\u{fffd}", "path_bytes": [255], "reason": "gone" }),
        ),
        (
            Event::Retry { count: 1, count_max: 10, why: "lost", pause: Duration::from_millis(1500) },
            "retry",
            json!({ "n": 1, "of": 10, "reason": "lost", "pause_s": 1.5 }),
        ),
        (Event::Note("so"), "note", json!({ "text": "so" })),
    ] {
        assert_eq!(told(&event), (name, expected));
    }
}

#[test]
fn an_error_has_its_exit_code_and_says_whether_to_go_on() {
    let lost = Fault::Transfer(Error::new(ErrorKind::Network, "lost"));
    let told = error(&lost);
    assert_eq!((&told["code"], &told["name"]), (&json!(5), &json!("network")));
    assert_eq!((&told["message"], &told["resumable"]), (&json!("lost"), &json!(true)));
    assert_eq!(told["advice"], "what came is kept: run both sides again, and it goes on");
    let nobody = io::Error::from(io::ErrorKind::ConnectionRefused);
    let unreached = Fault::Transfer(Error::network("cannot connect", nobody));
    assert!(error(&unreached)["advice"].to_string().contains("no firewall"), "{}", error(&unreached));
    let wrong = Fault::Transfer(Error::new(ErrorKind::Mismatch, "wrong"));
    assert_eq!((&error(&wrong)["code"], &error(&wrong)["resumable"]), (&json!(6), &json!(false)));
    let stopped = error(&Fault::Stopped { signal: SIGTERM, is_resumable: true });
    assert_eq!((&stopped["code"], &stopped["message"]), (&json!(143), &json!("stopped by SIGTERM")));
}

#[test]
fn every_kind_of_failure_has_an_exit_code() {
    for (kind, code) in [
        (ErrorKind::Usage, 2),
        (ErrorKind::Source, 3),
        (ErrorKind::Exists, 4),
        (ErrorKind::Network, 5),
        (ErrorKind::Mismatch, 6),
        (ErrorKind::NoSpace, 7),
        (ErrorKind::Local, 8),
        (ErrorKind::Refused, 9),
        (ErrorKind::Protocol, 10),
        (ErrorKind::Changed, 11),
        (ErrorKind::Some, 12),
        (ErrorKind::Unverified, 13),
        (ErrorKind::Deadline, 124),
        (ErrorKind::Other, 1),
        // That of the other side: a signal of this one is another fault.
        (ErrorKind::Stopped, 5),
    ] {
        assert_eq!(error(&Fault::Transfer(Error::new(kind, "")))["code"], code, "{kind:?}");
    }
}
