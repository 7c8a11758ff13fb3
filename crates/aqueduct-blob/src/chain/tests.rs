use sha2::{Digest, Sha256};

use super::*;
use crate::sample;

fn hex(bytes: [u8; 32]) -> String {
    crate::Digest::new(crate::Algorithm::Sha256, bytes).hex()
}

fn hashed(message: &[u8]) -> [u8; 32] {
    let mut chain = Chain::new();
    chain.update(message);
    chain.finish()
}

/// The examples that NIST publishes with FIPS 180-4, and the empty message.
#[test]
fn the_examples_of_the_standard_hash_as_printed_there() {
    let million = vec![b'a'; 1_000_000];
    let examples: [(&[u8], &str); 5] = [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
        ),
        (&million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ];
    for (message, digest) in examples {
        assert_eq!(hex(hashed(message)), digest);
    }
}

#[test]
fn the_padding_is_right_for_every_len_of_the_last_block() {
    for len in 0..=3 * BLOCK_LEN {
        let message = sample::bytes(len as u64);
        assert_eq!(hashed(&message), <[u8; 32]>::from(Sha256::digest(&message)), "{len} bytes");
    }
}

#[test]
fn a_chain_goes_on_from_any_of_its_states() {
    let message = sample::bytes(1000);
    for at in (0..=message.len()).step_by(BLOCK_LEN) {
        let (before, after) = message.split_at(at);
        let mut chain = Chain::new();
        chain.update(before);
        let mut chain = Chain::resume(&chain.state(), at as u64);
        chain.update(after);
        assert_eq!(chain.finish(), hashed(&message), "resumed at {at}");
    }
}

#[test]
fn pieces_of_every_len_make_the_same_chain() {
    let message = sample::bytes(1000);
    for len in 1..=200 {
        let mut chain = Chain::new();
        for piece in message.chunks(len) {
            chain.update(piece);
        }
        assert_eq!(chain.finish(), hashed(&message), "pieces of {len} bytes");
    }
}

#[test]
#[should_panic(expected = "a state exists only between blocks")]
fn there_is_no_state_inside_a_block() {
    let mut chain = Chain::new();
    chain.update(b"abc");
    chain.state();
}
