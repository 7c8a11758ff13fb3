use super::{parse_anonymous_kib, parse_listening};

#[test]
fn only_the_line_that_says_so_says_where_it_listens() {
    assert_eq!(parse_listening("listening http://127.0.0.1:7070"), Some("http://127.0.0.1:7070"));
    for line in ["", "listening", "store: listening http://127.0.0.1:1", "listening to you"] {
        assert_eq!(parse_listening(line), None, "{line}");
    }
}

#[test]
fn anonymous_memory_is_not_mistaken_for_another_kind() {
    let status = "VmRSS:\t    9000 kB\nRssAnon:\t     148 kB\nRssFile:\t    8000 kB\n";
    assert_eq!(parse_anonymous_kib(status), Some(148));
    assert_eq!(parse_anonymous_kib("VmRSS:\t    9000 kB\n"), None);
}
