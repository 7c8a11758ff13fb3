//! `status`: what a server does, and how its store is, for a terminal. A server says it over HTTP alone, on the same port.

use std::time::Duration;

use aqueduct_client::Client;
use console::Term;
use indicatif::HumanDuration;
use serde_json::Value;

use crate::fault::Fault;
use crate::flags::{Place, Status};
use crate::output::Output;
use crate::pause::pause;
use crate::remote;
use crate::text::{counted, date, rate, size};

pub(super) fn run(status: &Status, json: bool, output: &mut Output<'_>) -> Result<(), Fault> {
    let Place::Server(server) = &status.place else {
        let text =
            "status asks a server: give --server, or look at a store with ls, uploads or fsck --dry-run";
        return Err(Fault::Usage(text.to_owned()));
    };
    let client = remote::http_client(server)?;
    let mut before = None;
    loop {
        let now = client.status()?;
        if json {
            output.json(&now)?;
        } else {
            if before.is_some() {
                part(output)?;
            }
            for line in lines(&client, &now, before.as_ref()) {
                output.line(line)?;
            }
        }
        output.flush()?;
        let Some(span) = status.watch.filter(|_| !output.is_gone()) else { return Ok(()) };
        pause(span.0);
        before = Some(now);
    }
}

/// Parts an answer from the one before: a terminal shows one at a time, and elsewhere an empty line is between them.
fn part(output: &mut Output<'_>) -> Result<(), Fault> {
    let terminal = Term::stdout();
    if terminal.is_term() {
        terminal.clear_screen().map_err(Fault::local("clear the terminal"))
    } else {
        output.line("")
    }
}

fn lines(client: &Client, now: &Value, before: Option<&Value>) -> Vec<String> {
    let seconds = seconds_between(before, now);
    let uploads = list(&now["uploads"]);
    let mut lines = vec![
        line("server", &server(client, now)),
        line("store", &store(&now["store"])),
        line("entries", &each(&now["entries"], |count, cache| format!("{count} {cache}"))),
        line("connections", &connections(&now["connections"])),
        line("requests", &each(&now["requests"], |count, name| format!("{count} {name}"))),
    ];
    for direction in ["sent", "received"] {
        let moved = each(&now[direction], |bytes, route| {
            let was = before.and_then(|before| before[direction][route].as_u64());
            let pace = seconds.map(|seconds| rate(bytes.saturating_sub(was.unwrap_or(0)), seconds));
            let pace = pace.map(|pace| format!(" ({}/s)", size(pace))).unwrap_or_default();
            format!("{} {route}{pace}", size(bytes))
        });
        lines.push(line(direction, &moved));
    }
    lines.push(line("jobs", &each(&now["jobs"], |count, crew| format!("{count} {crew}"))));
    let (descriptors, memory) = (&now["descriptors"], bytes(&now["memory"]));
    let open = format!("{} of {} descriptors", number(&descriptors["open"]), number(&descriptors["max"]));
    lines.push(line("process", &format!("{memory} of memory, {open}")));
    lines.push(line("scrub", &scrub(&now["scrub"])));
    lines.push(line(
        "uploads",
        &if uploads.is_empty() { "none".to_owned() } else { uploads.len().to_string() },
    ));
    let upload = |upload: &Value| {
        let (held, size) = (bytes(&upload["held"]), bytes(&upload["size"]));
        let updated = upload["updated"].as_i64().map_or_else(|| UNKNOWN.to_owned(), date);
        format!("{}  {held} of {size}, last byte {updated}", upload["id"].as_str().unwrap_or(UNKNOWN))
    };
    lines.extend(uploads.iter().map(|it| line("", &upload(it))));
    lines
}

fn server(client: &Client, now: &Value) -> String {
    let endpoint = client.endpoint();
    let version = now["version"].as_str().unwrap_or(UNKNOWN);
    let up = now["now"].as_f64().zip(now["started"].as_f64()).map(|(now, started)| now - started);
    let up = up.and_then(|up| Duration::try_from_secs_f64(up.floor()).ok());
    let up = up.map(|up| format!(", up {}", HumanDuration(up))).unwrap_or_default();
    let trouble =
        if now["read_only"] == true { "; TAKES NO CHANGES: its disk failed, see its log" } else { "" };
    format!("{endpoint}, version {version}{up}{trouble}")
}

fn store(store: &Value) -> String {
    let limit = match &store["size_max"] {
        Value::Null => "no limit".to_owned(),
        limit => format!("limit {}", bytes(limit)),
    };
    let kept = match &store["free_min"] {
        Value::Null => String::new(),
        kept => format!(" ({} to be kept)", bytes(kept)),
    };
    let mut text = format!(
        "{}, {} ({} allocated), {limit}; {} free of {}{kept}; {} evicted, {} damaged",
        count(&store["blobs"], "blob"),
        bytes(&store["size"]),
        bytes(&store["allocated"]),
        bytes(&store["free"]),
        bytes(&store["filesystem_size"]),
        number(&store["evicted"]),
        number(&store["damaged"]),
    );
    if store["suspects"] == true {
        text.push_str("; some are in doubt after a power cut, and are being hashed");
    }
    text
}

fn connections(connections: &Value) -> String {
    let [open, max, accepted, away] =
        ["open", "max", "accepted", "turned_away"].map(|name| number(&connections[name]));
    format!("{open} of {max}; {accepted} accepted, {away} turned away")
}

fn scrub(scrub: &Value) -> String {
    let when = |name: &str| scrub[name].as_i64().map(date);
    let pass = format!("{}, {} in this pass", count(&scrub["count"], "blob"), bytes(&scrub["size"]));
    let state = match (scrub["running"] == true, when("began"), when("last_ended")) {
        (true, Some(began), _) => format!("running since {began}, {pass}"),
        (true, None, _) => format!("running, {pass}"),
        (false, _, Some(ended)) => format!("last pass ended {ended}"),
        (false, _, None) => "no pass has ended yet".to_owned(),
    };
    format!("{state}; {} found damaged", number(&scrub["damaged"]))
}

fn line(name: &str, text: &str) -> String {
    format!("{name:<11}  {text}")
}

/// The members of an object of counts, those that are 0 left out unless all are.
fn each(object: &Value, written: impl Fn(u64, &str) -> String) -> String {
    let members = object.as_object().into_iter().flatten();
    let counts = members.filter_map(|(name, count)| Some((count.as_u64()?, name)));
    let shown: Vec<String> =
        counts.filter(|(count, _)| *count > 0).map(|(count, name)| written(count, name)).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn bytes(value: &Value) -> String {
    value.as_u64().map_or_else(|| UNKNOWN.to_owned(), size)
}

fn count(value: &Value, thing: &str) -> String {
    let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
    count.map_or_else(|| format!("{UNKNOWN} {thing}s"), |count| counted(count, thing))
}

fn number(value: &Value) -> String {
    value.as_u64().map_or_else(|| UNKNOWN.to_owned(), |number| number.to_string())
}

/// How far two answers of one run of the server are apart, by its own clock.
fn seconds_between(before: Option<&Value>, now: &Value) -> Option<f64> {
    let before = before.filter(|before| before["started"] == now["started"])?;
    let seconds = now["now"].as_f64()? - before["now"].as_f64()?;
    (seconds > 0.0).then_some(seconds)
}

/// What a server leaves out, be it older or newer.
const UNKNOWN: &str = "-";
