use super::parse_listening;

#[test]
fn only_the_line_that_says_so_says_where_it_listens() {
    assert_eq!(parse_listening("listening http://127.0.0.1:7070"), Some("http://127.0.0.1:7070"));
    for line in ["", "listening", "store: listening http://127.0.0.1:1", "listening to you"] {
        assert_eq!(parse_listening(line), None, "{line}");
    }
}
