use crate::http1::{HeadError, parse_request};

#[test]
fn fields_are_found_by_name_in_any_case_and_in_order() {
    let bytes = b"GET / HTTP/1.0\r\nAccept: 1\r\nB: 2\r\naCCEPT: 3\r\n\r\n";
    let (head, _) = parse_request(bytes).unwrap().unwrap();
    let fields = head.fields;
    assert_eq!(fields.first("accept"), Some(&b"1"[..]));
    assert_eq!(fields.all("ACCEPT").collect::<Vec<_>>(), [b"1", b"3"]);
    assert_eq!(fields.only("b"), Ok(Some(&b"2"[..])));
    assert_eq!(fields.only("Accept"), Err(HeadError::RepeatedField));
    assert_eq!((fields.first("c"), fields.only("c")), (None, Ok(None)));
    assert_eq!(fields.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["Accept", "B", "aCCEPT"]);
}
