use aqueduct_blob::Algorithm;
use aqueduct_wire::transfer::Verify;

use super::*;

fn name_of(first: &[u8]) -> Vec<u8> {
    let offer = Offer {
        transfer: *b"\x01\x02\xab\xcdefghijklmnop",
        algorithm: Algorithm::Blake3,
        verify: Verify::Full,
        names: vec![first.to_vec()],
        size: None,
        file_count: None,
        stream_count: 1,
        room: None,
    };
    name(OsStr::from_bytes(first), &offer).into_encoded_bytes()
}

#[test]
fn a_staging_directory_is_hidden_and_says_whose_it_is() {
    assert_eq!(name_of(b"photos"), b".aqueduct-photos-0102abcd.part");
    assert_eq!(name_of(b"\xff\xfe"), b".aqueduct-\xff\xfe-0102abcd.part");
}

#[test]
fn a_long_name_is_cut_between_two_letters() {
    let long = "x".repeat(63) + "\u{e4}\u{e4}";
    assert_eq!(
        name_of(long.as_bytes()),
        [b".aqueduct-", "x".repeat(63).as_bytes(), b"-0102abcd.part"].concat()
    );
    assert!(name_of(&[b'x'; 255]).len() < 100);
    assert!(name_of(&[0x80; 255]).starts_with(b".aqueduct-"));
}
