//! What is in a directory, as a page for people.

use std::fmt::Write;

use aqueduct_sys::FileType;
use aqueduct_wire::http1::encode_name;
use http::StatusCode;

use super::answer::{Answer, head};
use crate::source::Item;

/// The page of a directory below the capability; `tar` is the name of everything as one stream, where that is beside these.
pub(super) fn answer(names: &[Vec<u8>], items: &[Item], tar: Option<&[u8]>) -> Answer {
    let head = head(StatusCode::OK)
        .field("Content-Type", "text/html; charset=utf-8")
        .field("Content-Security-Policy", POLICY);
    Answer::new(head, page(names, items, tar).into_bytes())
}

fn page(names: &[Vec<u8>], items: &[Item], tar: Option<&[u8]>) -> String {
    let title = match names {
        [] => "Aqueduct".to_owned(),
        names => escape(&names.join(&b'/')),
    };
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"
    );
    let mut say = |text: std::fmt::Arguments<'_>| page.write_fmt(text).expect("a String takes it");
    if let Some(tar) = tar {
        let (link, shown) = (encode_name(tar), escape(tar));
        say(format_args!("<p>All of it as one archive: <a href=\"{link}\">{shown}</a></p>"));
    }
    say(format_args!("<table>"));
    if !names.is_empty() {
        say(format_args!("<tr><td><a href=\"../\">../</a><td>"));
    }
    for Item { name, stat } in items.iter().take(ITEM_COUNT_MAX) {
        // An address that begins with a name and a colon would be another's: in front of it stands where we are.
        let (link, shown) = (encode_name(name), escape(name));
        match stat.file_type() {
            FileType::Directory => {
                say(format_args!("<tr><td><a href=\"./{link}/\">{shown}/</a><td>"));
            }
            FileType::RegularFile => {
                say(format_args!("<tr><td><a href=\"./{link}\">{shown}</a><td>{}", stat.size));
            }
            // Those are part of an archive alone.
            FileType::Symlink => say(format_args!("<tr><td>{shown}<td>link")),
            _ => {}
        }
    }
    say(format_args!("</table>"));
    if items.len() > ITEM_COUNT_MAX {
        let count = items.len() - ITEM_COUNT_MAX;
        say(format_args!("<p>{count} more are not shown: fetch the archive.</p>"));
    }
    page
}

/// A name as text of a page. What is no UTF-8, or no character that can be seen, is replaced.
fn escape(name: &[u8]) -> String {
    let mut text = String::new();
    for c in String::from_utf8_lossy(name).chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&#39;"),
            c if c.is_control() || is_turning(c) => text.push(char::REPLACEMENT_CHARACTER),
            c => text.push(c),
        }
    }
    text
}

/// Characters that turn what follows around, so that a name looks like another.
fn is_turning(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Content Security Policy Level 3: a page that is read, and does nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; \
                      base-uri 'none'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;\
                     color-scheme:light dark}h1{font-size:1.2rem;overflow-wrap:anywhere}\
                     td{padding:.1rem 1rem .1rem 0;overflow-wrap:anywhere}\
                     td+td{text-align:right;font-variant-numeric:tabular-nums}";

/// What a browser shows without trouble.
const ITEM_COUNT_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_text_and_a_link_whatever_it_holds() {
        let name = b"<script>\"'&\xff\x07javascript:x".to_vec();
        let stat = aqueduct_sys::stat(tempfile::tempfile().unwrap()).unwrap();
        let page = page(&[b"a\xe2\x80\xaeb".to_vec()], &[Item { name, stat }], None);
        assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{7}'), "{page}");
        let link = "./%3Cscript%3E%22%27%26%FF%07javascript%3Ax";
        assert!(
            page.contains(&format!("<a href=\"{link}\">&lt;script&gt;&quot;&#39;&amp;\u{fffd}\u{fffd}j"))
        );
    }
}
