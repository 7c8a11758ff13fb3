//! What became of an intent, as the head of a reply and what follows it.

use aqueduct_blob::Digest;
use aqueduct_store::{Entry, EntryOutcome as PutOutcome};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::answer::{Answer, Content, Piece, guarded, json_text, text};
use super::{ARTIFACT_DURATION, ARTIFACT_FIELDS, ARTIFACT_TAG, CONTENT_TYPE, Courtesy, EntryOutcome, Manner};
use aqueduct_wire::http1::{HeadWriter, repr_digest};

pub(in super::super) fn answer(outcome: &EntryOutcome) -> Answer {
    match outcome {
        EntryOutcome::Found { fields, value, size } => found(fields, value, *size),
        EntryOutcome::Put(put, manner) => put_answer(*put, *manner),
        EntryOutcome::Listed(page) => {
            text(StatusCode::OK, "application/json", format!("{page}\n").into_bytes())
        }
        EntryOutcome::Queried(found) => queried(found),
        EntryOutcome::Courtesy(courtesy) => match courtesy {
            Courtesy::Collection => {
                text(StatusCode::MULTI_STATUS, "application/xml; charset=utf-8", COLLECTION.into())
            }
            Courtesy::MadeCollection => empty(StatusCode::CREATED),
            Courtesy::Enabled => json_text(StatusCode::OK, &json!({ "status": "enabled" })),
            Courtesy::Heard => json_text(StatusCode::OK, &json!({})),
        },
    }
}

/// What an entry leads to may be another blob the next time.
fn found(fields: &[(String, String)], value: &Digest, size: u64) -> Answer {
    let mut head = guarded(HeadWriter::response(StatusCode::OK))
        .field("Cache-Control", "no-store")
        .field("Content-Length", size);
    if let Some(repr_digest) = repr_digest(value) {
        head = head.field("Repr-Digest", repr_digest);
    }
    let mut content_type = "application/octet-stream";
    for (name, value) in fields {
        if name == CONTENT_TYPE {
            content_type = value;
        } else if let Some(name) = ARTIFACT_FIELDS.iter().find(|known| *known == name) {
            head = head.field(name, value);
        }
    }
    Answer {
        head: head.field("Content-Type", content_type),
        content: Content::Pieces(vec![Piece::Part(0..size)]),
    }
}

fn put_answer(put: PutOutcome, manner: Manner) -> Answer {
    let status = match (manner, put) {
        (Manner::Plain | Manner::Turbo, PutOutcome::New) => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    match manner {
        Manner::Turbo => json_text(status, &json!({ "urls": [] })),
        Manner::Plain | Manner::Nx => empty(status),
    }
}

fn queried(found: &[(String, Option<Entry>)]) -> Answer {
    let told: Map<_, _> =
        found.iter().map(|(hash, entry)| (hash.clone(), artifact(entry.as_ref()))).collect();
    json_text(StatusCode::OK, &Value::Object(told))
}

fn artifact(entry: Option<&Entry>) -> Value {
    let Some(entry) = entry else { return Value::Null };
    let field = |name: &str| entry.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    let duration = field(ARTIFACT_DURATION).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
    json!({ "size": entry.size, "taskDurationMs": duration, "tag": field(ARTIFACT_TAG) })
}

/// Some clients take a reply without this field for one that goes on until the connection closes.
fn empty(status: StatusCode) -> Answer {
    Answer { head: HeadWriter::response(status).field("Content-Length", 0), content: Content::Nothing }
}

/// RFC 4918 sections 9.1 and 14. The day is one of the calendar: clients parse it.
const COLLECTION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
    <D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>/</D:href><D:propstat><D:prop>\
    <D:resourcetype><D:collection/></D:resourcetype>\
    <D:getlastmodified>Thu, 01 Jan 1970 00:00:00 GMT</D:getlastmodified>\
    </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>\n";
