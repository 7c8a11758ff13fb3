use super::*;

const TEXT: &str = "00ff0123456789abcdef000000000010";

#[test]
fn the_one_spelling_of_an_id_is_read_and_written() {
    let id: UploadId = TEXT.parse().unwrap();
    assert_eq!(id.as_bytes()[..3], [0x00, 0xff, 0x01]);
    assert_eq!(id, UploadId::new(*id.as_bytes()));
    assert_eq!(id.to_string(), TEXT);
    assert_eq!(format!("{id:?}"), format!("UploadId({TEXT})"));
}

#[test]
fn any_other_spelling_of_an_id_is_refused() {
    use UploadIdParseError::{NotLowercaseHex, WrongLength};
    let cases = [
        (String::new(), WrongLength { len: 0 }),
        (TEXT[1..].to_owned(), WrongLength { len: 31 }),
        (TEXT[2..].to_owned(), WrongLength { len: 30 }),
        (format!("{TEXT}0"), WrongLength { len: 33 }),
        (format!("{TEXT}\n"), WrongLength { len: 33 }),
        (TEXT.to_uppercase(), NotLowercaseHex),
        (format!("{}/", &TEXT[1..]), NotLowercaseHex),
        (format!("{}\u{e9}", &TEXT[2..]), NotLowercaseHex),
        (format!(" {}", &TEXT[1..]), NotLowercaseHex),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<UploadId>(), Err(error), "{text:?}");
    }
}
