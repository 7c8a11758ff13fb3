use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread;

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

const PURPOSE: Purpose = Purpose { role: Role::Receive, stream: 3, attempt: [9; 16] };

fn hello(capabilities: Vec<String>) -> Vec<u8> {
    let mut said = greeting().to_vec();
    let hello = Hello { agent: String::new(), token: None, capabilities };
    Request { task: TaskId::CONNECTION, ask: Ask::Hello(hello) }.write(0, &mut said);
    said
}

/// What both sides come to if they hold these secrets.
fn met(listens: &Secret, connects: Secret) -> (Result<Purpose, Error>, Result<(), Error>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ticket = Ticket { hosts: vec![Host::Address(Ipv4Addr::LOCALHOST.into())], port, secret: connects };
    thread::scope(|scope| {
        let accepted = scope.spawn(|| {
            let (stream, _) = listener.accept().unwrap();
            accept(stream, listens, &patience()).map(|(_, purpose)| purpose)
        });
        let connected = connect(&ticket, &PURPOSE, &patience()).map(drop);
        (accepted.join().unwrap(), connected)
    })
}

#[test]
fn two_who_know_the_same_secret_meet_and_the_purpose_is_known() {
    let secret = Secret::random().unwrap();
    let (accepted, connected) = met(&secret, secret.clone());
    assert_eq!(accepted.unwrap(), PURPOSE);
    connected.unwrap();
}

#[test]
fn a_listener_that_does_not_know_the_secret_is_not_believed() {
    let (_, connected) = met(&Secret::random().unwrap(), Secret::random().unwrap());
    assert_eq!(connected.unwrap_err().kind(), ErrorKind::Refused);
}

#[test]
fn whoever_connects_without_the_secret_is_refused_and_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let secret = Secret::random().unwrap();
    thread::scope(|scope| {
        let accepted = scope.spawn(|| accept(listener.accept().unwrap().0, &secret, &patience()).map(drop));
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let line = Line::new(stream, patience()).unwrap();
        let mut said = hello(vec![CAPABILITY.to_owned()]);
        Word::Open { nonce: [1; 16], role: Role::Send, stream: 0, attempt: [0; 16] }.write(0, &mut said);
        line.write_all(&said).unwrap();
        hear_greeting(&line).unwrap();
        line.hear_by(parse_answer).unwrap();
        let Word::Challenge { proof, .. } = line.hear().unwrap().word else { unreachable!() };
        // What the listener has proven is no proof of the other side.
        line.say(&Word::Proof { proof }).unwrap();
        assert!(matches!(line.hear().unwrap().word, Word::Failed { failure: Failure::Refused, .. }));
        assert_eq!(accepted.join().unwrap().unwrap_err().kind(), ErrorKind::Refused);
    });
}

#[test]
fn a_client_of_a_blob_server_is_told_that_this_is_none() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let secret = Secret::random().unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stream.write_all(&hello(Vec::new())).unwrap();
    let accepted = accept(listener.accept().unwrap().0, &secret, &patience()).map(drop);
    assert_eq!(accepted.unwrap_err().kind(), ErrorKind::Protocol);
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    let answer = parse_answer(&heard[GREETING_LEN..]).unwrap().unwrap().message;
    assert!(matches!(answer.say, Say::Closing { .. }), "{answer:?}");
}

#[test]
fn garbage_in_place_of_any_step_is_an_error_and_never_more() {
    let secret = Secret::random().unwrap();
    let junk = b"\x89AQDUCT\x01\0\0\0\x10junkjunkjunkjunk";
    for garbage in [&b""[..], b"GET / HTTP/1.1\r\n\r\n", b"\x89AQDUCT\0", junk, &[0xff; 100]] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.write_all(garbage).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(accept(listener.accept().unwrap().0, &secret, &patience()).is_err());
    }
}
