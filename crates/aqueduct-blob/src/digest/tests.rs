use proptest::prelude::*;

use super::*;

const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn the_one_spelling_of_a_digest_is_read_and_written() {
    for algorithm in Algorithm::ALL {
        let text = format!("{algorithm}:{HEX}");
        let digest: Digest = text.parse().unwrap();
        assert_eq!(digest.algorithm(), algorithm);
        assert_eq!(digest.as_bytes()[..3], [0xba, 0x78, 0x16]);
        assert_eq!(digest.hex(), HEX);
        assert_eq!(digest.to_string(), text);
        assert_eq!(format!("{digest:?}"), format!("Digest({text})"));
    }
}

#[test]
fn any_other_spelling_is_refused() {
    use DigestParseError::{NoColon, NotLowercaseHex, UnknownAlgorithm, WrongLength};
    let cases = [
        (String::new(), NoColon),
        (HEX.to_owned(), NoColon),
        (format!("sha256-{HEX}"), NoColon),
        (format!(":{HEX}"), UnknownAlgorithm),
        (format!("sha512:{HEX}"), UnknownAlgorithm),
        (format!("SHA256:{HEX}"), UnknownAlgorithm),
        (format!(" sha256:{HEX}"), UnknownAlgorithm),
        (format!("sha256 :{HEX}"), UnknownAlgorithm),
        ("sha256:".to_owned(), WrongLength { len: 0 }),
        (format!("sha256:{}", &HEX[1..]), WrongLength { len: 63 }),
        (format!("sha256:{}", &HEX[2..]), WrongLength { len: 62 }),
        (format!("sha256:{HEX}0"), WrongLength { len: 65 }),
        (format!("sha256:{HEX}00"), WrongLength { len: 66 }),
        (format!("sha256:{HEX}\n"), WrongLength { len: 65 }),
        (format!("sha256:sha256:{HEX}"), WrongLength { len: 71 }),
        (format!("sha256:{}", HEX.to_uppercase()), NotLowercaseHex),
        (format!("sha256:{}g", &HEX[1..]), NotLowercaseHex),
        (format!("sha256:+{}", &HEX[1..]), NotLowercaseHex),
        (format!("sha256: {}", &HEX[1..]), NotLowercaseHex),
        (format!("sha256:{}\0", &HEX[1..]), NotLowercaseHex),
        (format!("sha256:{}\u{e9}", &HEX[2..]), NotLowercaseHex),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Digest>(), Err(error), "{text:?}");
    }
}

#[test]
fn a_path_is_never_a_digest() {
    let climb = "../".repeat(22);
    for path in ["sha256:../../etc/x", "../../etc/x", "sha256:/etc/passwd", "sha256:.", "/", "blake3:ab/cd"] {
        path.parse::<Digest>().unwrap_err();
    }
    assert_eq!(format!("sha256:{}", &climb[..64]).parse::<Digest>(), Err(DigestParseError::NotLowercaseHex));
}

#[test]
fn digests_are_ordered_by_algorithm_and_then_by_bytes() {
    let mut first = [0; 32];
    let mut last = [0xff; 32];
    first[31] = 1;
    last[0] = 1;
    let ordered = [
        Digest::new(Algorithm::Sha256, first),
        Digest::new(Algorithm::Sha256, last),
        Digest::new(Algorithm::Blake3, first),
        Digest::new(Algorithm::Blake3, last),
    ];
    assert!(ordered.is_sorted());
}

proptest! {
    #[test]
    fn every_digest_survives_its_own_text(bytes: [u8; 32], blake3: bool) {
        let digest = Digest::new(if blake3 { Algorithm::Blake3 } else { Algorithm::Sha256 }, bytes);
        prop_assert_eq!(digest.to_string().parse(), Ok(digest));
    }

    #[test]
    fn whatever_is_accepted_is_printed_unchanged(
        text in "(sha256|blake3|Sha256):[0-9a-f]{62}[0-9a-gA-F]{2}",
    ) {
        if let Ok(digest) = text.parse::<Digest>() {
            prop_assert_eq!(digest.to_string(), text);
        }
    }
}
