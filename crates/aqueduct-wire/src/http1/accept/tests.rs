use super::*;

#[test]
fn browsers_like_html_and_programs_do_not() {
    let html = [
        // Firefox and Chrome.
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
        "TEXT/HTML",
        "text/plain;q=0.5, text/html;q=0.6",
        "text/html;level=1 ; q=1.0",
        "text/html, text/plain",
        // Lynx.
        "text/html, text/plain, text/sgml, text/css, */*;q=0.01",
    ];
    for accept in html {
        assert!(prefers_html(Some(accept.as_bytes())), "{accept}");
    }
    let text = [
        "*/*",
        "",
        "text/*",
        "application/json",
        "text/plain",
        "text/html;q=0",
        "text/html;q=0.5, text/plain",
        "text/html;q=x",
        "text/html;q=NaN",
        "text/htmlx",
        "image/*, */*;q=0.8",
        "\u{e9}",
    ];
    for accept in text {
        assert!(!prefers_html(Some(accept.as_bytes())), "{accept}");
    }
    assert!(!prefers_html(None));
    assert!(prefers_html(Some(b"\xff, text/html")));
}

#[test]
fn a_coding_is_taken_only_where_it_is_named() {
    let takes = |accept: &str| accepts_coding(Some(accept.as_bytes()), "zstd");
    for accept in [
        "zstd",
        "ZSTD",
        "gzip, zstd;q=0.1",
        "zstd,gzip",
        "identity;q=0.5, zstd;q=0.5",
        "identity;q=0, zstd;q=0.001",
    ] {
        assert!(takes(accept), "{accept}");
    }
    for accept in [
        "",
        "*",
        "gzip",
        "zstd;q=0",
        "zstd;q=0.000",
        "identity, zstd;q=0.5",
        "zstd;q=x",
        "zstdx",
        "x-zstd",
        "\u{e9}",
    ] {
        assert!(!takes(accept), "{accept}");
    }
    assert!(!accepts_coding(None, "zstd"));
}
