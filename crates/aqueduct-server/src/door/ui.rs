//! `/ui`: a page for people, of texts that are compiled in. Nothing is built for it and nothing is fetched from
//! elsewhere: what it shows it asks of the other doors, as any client could.

use aqueduct_wire::http1::{HeadWriter, RequestHead};
use http::{Method, StatusCode};

use super::answer::{Answer, Content};
use super::blobs::not_allowed;
use super::{Intent, Refusal};

/// One of the texts that the page is made of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    path: &'static str,
    content_type: &'static str,
    text: &'static str,
}

/// What a head asks of this door; `None` if its path is none of the page's.
pub(super) fn intent(head: &RequestHead<'_>, path: &str) -> Option<Result<Intent, Refusal>> {
    let part = PARTS.iter().find(|part| part.path == path)?;
    Some(match head.method {
        Method::GET | Method::HEAD => Ok(Intent::Ui(part)),
        _ => Err(not_allowed(head, "GET, HEAD")),
    })
}

pub(super) fn answer(part: &Part) -> Answer {
    let head = HeadWriter::response(StatusCode::OK)
        .field("X-Content-Type-Options", "nosniff")
        .field("Content-Security-Policy", POLICY)
        .field("Content-Type", part.content_type)
        // Another version of the server may have another page, and the parts of one page belong together.
        .field("Cache-Control", "no-store")
        .field("Content-Length", part.text.len());
    Answer { head, content: Content::Text(part.text.as_bytes().to_vec()) }
}

const PARTS: &[Part] = &[
    Part { path: "/ui", content_type: HTML, text: include_str!("ui/index.html") },
    Part { path: "/ui/style.css", content_type: CSS, text: include_str!("ui/style.css") },
    Part { path: "/ui/icon.svg", content_type: SVG, text: include_str!("ui/icon.svg") },
    Part { path: "/ui/app.js", content_type: SCRIPT, text: include_str!("ui/app.js") },
    Part { path: "/ui/dom.js", content_type: SCRIPT, text: include_str!("ui/dom.js") },
    Part { path: "/ui/facts.js", content_type: SCRIPT, text: include_str!("ui/facts.js") },
    Part { path: "/ui/search.js", content_type: SCRIPT, text: include_str!("ui/search.js") },
    Part { path: "/ui/traffic.js", content_type: SCRIPT, text: include_str!("ui/traffic.js") },
    Part { path: "/ui/upload.js", content_type: SCRIPT, text: include_str!("ui/upload.js") },
    Part { path: "/ui/words.js", content_type: SCRIPT, text: include_str!("ui/words.js") },
];

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Content Security Policy Level 3: the page runs, shows and asks for what this server has, and nothing else; nobody puts
/// it into a page of theirs, where they could have a visitor press its buttons unseen.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
