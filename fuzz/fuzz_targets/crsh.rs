//! Requests of ccache's storage protocol: what is understood is understood at its last byte and not before, however many
//! follow, and a value is passed over as a server does.

#![no_main]

use aqueduct_wire::crsh::{HEAD_LEN_MAX, MESSAGE_LEN_MAX, Reply, Request, parse_request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (request, head_len) = match parse_request(rest) {
            Ok(Some(understood)) => understood,
            Ok(None) => {
                assert!(rest.len() < HEAD_LEN_MAX);
                break;
            }
            Err(bad) => {
                assert_eq!(parse_request(&rest[..1]), Err(bad));
                say(&bad.to_string());
                break;
            }
        };
        assert!((1..=HEAD_LEN_MAX).contains(&head_len));
        assert_eq!(parse_request(&rest[..head_len - 1]), Ok(None));
        assert_eq!(parse_request(&rest[..head_len]), Ok(Some((request, head_len))));
        rest = &rest[head_len..];
        if let Request::Put { size, .. } = request {
            rest = &rest[usize::try_from(size).map_or(rest.len(), |size| size.min(rest.len()))..];
        }
        if let Request::Get { key }
        | Request::Put { key, .. }
        | Request::Remove { key }
        | Request::Exists { key } = request
        {
            let hex = key.hex();
            assert_eq!(hex.len(), 2 * key.0.len());
            assert!(hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
            say(&String::from_utf8_lossy(key.0));
        }
    }
});

/// Any text makes a message that fits.
fn say(text: &str) {
    let mut said = Vec::new();
    Reply::Failed(text).write(&mut said);
    assert!(said.len() <= 2 + MESSAGE_LEN_MAX && usize::from(said[1]) == said.len() - 2);
    let message = std::str::from_utf8(&said[2..]).expect("it is cut off between characters");
    assert!(text.starts_with(message));
}
