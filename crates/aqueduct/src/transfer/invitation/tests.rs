#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aqueduct_transfer::Secret;

use super::*;

fn ticket(host: Host) -> Ticket {
    Ticket { hosts: vec![host], port: 7300, secret: Secret::random().unwrap() }
}

fn address(text: &str) -> Host {
    Host::Address(text.parse().unwrap())
}

const FILE: Invitation = Invitation::ToReceive {
    is_tree: false,
    is_stream: false,
    other_count: 0,
    preserve: None,
    count: Some(NonZeroU32::MIN),
};

#[test]
fn a_sender_says_what_it_has_and_what_to_type_and_who_may_read_it() {
    let ticket = ticket(address("192.0.2.5"));
    let path = Some("/cap/model.bin");
    let listening = Listening { ticket: &ticket, raw: true, name: "model.bin", size: Some(3 << 30), path };
    assert_eq!(
        FILE.text(&listening),
        format!(
            "sending model.bin (3.00 GiB) once, from 192.0.2.5 port 7300

On the other machine, type one of:

  aqueduct recv {ticket}
      verified; goes on by itself where it was
  curl -fO http://192.0.2.5:7300/cap/model.bin
      without Aqueduct there; nothing verifies it; with -C - it goes on
  nc 192.0.2.5 7300 > model.bin
      bare bytes: nothing is proven, nothing verified

Nothing is encrypted: somebody on the path could read it. Ctrl-C ends it; what came is kept, and the same again goes on.
"
        )
    );
    assert_eq!(FILE.line(&listening), format!("aqueduct recv {ticket}"));
}

#[test]
fn a_receiver_says_where_it_goes_and_what_to_type() {
    let ticket = ticket(Host::Name("host.example".to_owned()));
    let listening = Listening { ticket: &ticket, raw: true, name: "", size: None, path: None };
    let invitation = Invitation::ToSend { place: "this directory".to_owned(), is_stream: false, count: None };
    let text = invitation.text(&listening);
    assert!(
        text.starts_with("receiving into this directory to whoever comes, on host.example port 7300\n"),
        "{text}"
    );
    assert!(text.contains(&format!("\n  aqueduct send PATH {ticket}\n")), "{text}");
    assert!(text.contains("\n  nc -N host.example 7300 < FILE\n"), "{text}");
    assert!(!text.contains("curl"), "{text}");
}

#[test]
fn a_tree_is_a_tar_to_curl_and_what_is_to_be_preserved_is_said_on_both_sides() {
    let ticket = ticket(address("fe80::1"));
    let listening =
        Listening { ticket: &ticket, raw: false, name: "photos", size: None, path: Some("/cap/photos.tar") };
    let preserve = Some("all".to_owned());
    let tree = Invitation::ToReceive {
        is_tree: true,
        is_stream: false,
        other_count: 2,
        preserve,
        count: NonZeroU32::new(3),
    };
    let commands = tree.commands(&listening);
    assert_eq!(commands["curl"], "curl -f 'http://[fe80::1]:7300/cap/photos.tar' | tar x");
    assert_eq!(commands["aqueduct"], format!("aqueduct recv --preserve all {ticket}"));
    assert_eq!(commands["nc"], Value::Null);
    assert!(tree.text(&listening).starts_with("sending photos and 2 more 3 times, from fe80::1 port 7300"));
}

#[test]
fn no_shell_takes_a_name_for_anything_else() {
    let ticket = ticket(address("192.0.2.5"));
    let name = "it's $(reboot).bin";
    let path = Some("/cap/it%27s%20%24%28reboot%29.bin");
    let commands = FILE.commands(&Listening { ticket: &ticket, raw: true, name, size: None, path });
    assert_eq!(commands["nc"], r"nc 192.0.2.5 7300 > 'it'\''s $(reboot).bin'");
    assert_eq!(commands["curl"], "curl -fOJ http://192.0.2.5:7300/cap/it%27s%20%24%28reboot%29.bin");
}

#[test]
fn who_receives_to_standard_output_is_not_promised_that_anything_is_kept() {
    let ticket = ticket(Host::Name("host.example".to_owned()));
    let listening = Listening { ticket: &ticket, raw: false, name: "", size: None, path: None };
    let to = |is_stream| Invitation::ToSend { place: "a place".to_owned(), is_stream, count: None };
    let text = to(true).text(&listening);
    assert!(text.contains("nothing of it is kept") && !text.contains("goes on"), "{text}");
    assert!(to(false).text(&listening).contains("what came is kept"));
}
