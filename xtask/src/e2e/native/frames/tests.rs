use super::{Frames, Part};

/// A greeting, a frame with a payload, one without, and the preamble of a third.
fn said() -> (Vec<u8>, Vec<Part>) {
    let mut bytes = vec![0; 8];
    let mut parts = vec![Part::Head; 8];
    for (header_len, payload_len) in [(3_u32, 300_u64), (2, 0), (1, 1)] {
        bytes.extend(header_len.to_be_bytes());
        bytes.extend(payload_len.to_be_bytes());
        bytes.extend([0xff; 8]);
        parts.extend([Part::Head; 20]);
        bytes.resize(bytes.len() + header_len as usize, 1);
        parts.resize(parts.len() + header_len as usize, Part::Head);
        bytes.resize(bytes.len() + usize::try_from(payload_len).unwrap_or_default(), 2);
        parts.resize(bytes.len(), Part::Payload);
    }
    (bytes, parts)
}

#[test]
fn payloads_are_told_from_heads_however_the_bytes_come() {
    let (bytes, expected) = said();
    for piece_len in [1, 2, 7, 19, 100, bytes.len()] {
        let mut frames = Frames::new();
        let mut parts = Vec::new();
        for mut piece in bytes.chunks(piece_len) {
            while !piece.is_empty() {
                let (part, len) = frames.advance(piece);
                assert!(len > 0);
                parts.resize(parts.len() + len, part);
                piece = &piece[len..];
            }
        }
        assert_eq!(parts, expected, "in pieces of {piece_len}");
    }
}
