//! Words of a transfer: whatever is understood is said again in the same way.
//!
//! The first byte says how the rest is taken: as a frame, or as the header of one whose checks agree.

#![no_main]

use aqueduct_wire::native::limits::PREAMBLE_LEN;
use aqueduct_wire::transfer::parse_word;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    if how % 2 == 0 {
        let _ = parse_word(rest);
        return;
    }
    // A header that leaves out what is empty is said again a little longer: it has to fit all the same.
    let header = &rest[..rest.len().min(16 * 1024)];
    let frame = framed(header);
    if let Ok(Some(heard)) = parse_word(&frame) {
        assert_eq!(heard.head_len, frame.len());
        let mut again = Vec::new();
        heard.message.write(heard.payload_len, &mut again);
        let understood = parse_word(&again).expect("what was said is a word").expect("it is whole");
        assert_eq!(understood.message, heard.message);
    }
});

/// A frame with this header, without a payload, whose checks agree.
fn framed(header: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(PREAMBLE_LEN + header.len());
    let len = u32::try_from(header.len()).expect("a header is short");
    frame.extend(len.to_be_bytes());
    frame.extend(0_u64.to_be_bytes());
    frame.extend(crc32fast::hash(header).to_be_bytes());
    let check = crc32fast::hash(&frame);
    frame.extend(check.to_be_bytes());
    frame.extend_from_slice(header);
    frame
}
