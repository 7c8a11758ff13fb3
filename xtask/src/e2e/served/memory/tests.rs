use super::parse_anonymous_kib;

#[test]
fn anonymous_memory_is_not_mistaken_for_another_kind() {
    let status = "VmRSS:\t    9000 kB\nRssAnon:\t     148 kB\nRssFile:\t    8000 kB\n";
    assert_eq!(parse_anonymous_kib(status), Some(148));
    assert_eq!(parse_anonymous_kib("VmRSS:\t    9000 kB\n"), None);
}
