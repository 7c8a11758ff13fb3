//! Both the schema and the structs are written by hand: they are read as text here, and compared.

use std::collections::BTreeMap;

use super::super::Code;

/// By the name of a message its fields, in their order, as the schema writes them.
type Messages = BTreeMap<String, Vec<String>>;

#[test]
fn the_schema_has_these_messages_and_fields() {
    let (schema, structs) = (schema_messages(SCHEMA), struct_messages(STRUCTS));
    assert!(schema.len() > 30, "{} messages were found", schema.len());
    assert_eq!(schema.keys().collect::<Vec<_>>(), structs.keys().collect::<Vec<_>>());
    for (message, fields) in &schema {
        assert_eq!(fields, &structs[message], "{message}");
    }
}

#[test]
fn a_field_that_differs_would_be_seen() {
    for (before, after) in [
        ("uint64 first = 1;", "uint32 first = 1;"),
        ("Leave leave = 7;", "Leave leave = 17;"),
        ("repeated Range ranges = 2;", "Range ranges = 2;"),
        ("optional uint64 size = 3;", "uint64 size = 3;"),
        ("bytes digests = 2;", "bytes names = 2;"),
        ("Digest actual = 3;", "Range actual = 3;"),
        ("message Done {}", ""),
    ] {
        assert!(SCHEMA.contains(before), "{before}");
        let changed = SCHEMA.replacen(before, after, 1);
        assert_ne!(schema_messages(&changed), struct_messages(STRUCTS), "{after}");
    }
}

#[test]
fn the_schema_has_these_codes() {
    let codes = Code::all().map(|code| format!("{code} = {};", code.number()));
    let expected: Vec<String> = ["CODE_UNSPECIFIED = 0;".to_owned()].into_iter().chain(codes).collect();
    assert_eq!(schema_values("Code"), expected);
}

#[test]
fn the_schema_has_these_algorithms() {
    assert_eq!(schema_values("Algorithm"), ["ALGORITHM_UNSPECIFIED = 0;", "SHA256 = 1;", "BLAKE3 = 2;"]);
}

/// Fields of a `oneof` are taken as fields of the message, which is what they are on the wire.
fn schema_messages(text: &str) -> Messages {
    let mut messages = Messages::new();
    let mut message = String::new();
    for line in text.lines().map(without_comment) {
        if let Some(rest) = line.strip_prefix("message ") {
            message = first_word(rest);
            messages.insert(message.clone(), Vec::new());
        } else if let Some(rest) = line.strip_prefix("enum ") {
            message = first_word(rest);
        } else if let (Some(fields), true) = (messages.get_mut(&message), line.ends_with(';')) {
            // A message in a message can always be missing.
            let names_a_message =
                line.strip_prefix("optional ").filter(|rest| rest.starts_with(char::is_uppercase));
            fields.push(names_a_message.unwrap_or(line).to_owned());
        }
    }
    messages
}

fn schema_values(name: &str) -> Vec<String> {
    let begin = format!("enum {name} {{");
    let lines = SCHEMA.lines().map(without_comment).skip_while(|line| *line != begin).skip(1);
    lines.take_while(|line| *line != "}").filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Reads the derives. A `oneof` is an enum here, whose variants become fields of the message.
fn struct_messages(text: &str) -> Messages {
    let mut messages = Messages::new();
    let (mut message, mut attribute) = (String::new(), "");
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("pub(super) struct ") {
            message = first_word(rest);
            messages.insert(message.clone(), Vec::new());
        } else if let Some(rest) = line.strip_prefix("pub(super) enum ") {
            message = match first_word(rest).as_str() {
                "Ask" => "Request".to_owned(),
                "Say" => "Answer".to_owned(),
                other => panic!("{other} is the oneof of no message"),
            };
        } else if let Some(rest) = line.strip_prefix("#[prost(") {
            attribute = rest.trim_end_matches(")]");
        } else if let Some(field) = read_field(attribute, line) {
            messages.get_mut(&message).unwrap().push(field);
        }
    }
    messages
}

/// `pub(super) size: Option<u64>,` or, in an enum, `Hello(Hello),`.
fn read_field(attribute: &str, line: &str) -> Option<String> {
    let tag = attribute.split_once("tag = \"")?.1.trim_end_matches('"');
    if let Some((variant, kind)) = line.strip_suffix("),").and_then(|line| line.split_once('(')) {
        return Some(format!("{kind} {} = {tag};", snake_case(variant)));
    }
    let (name, kind) = line.strip_prefix("pub(super) ")?.strip_suffix(',')?.split_once(": ")?;
    let inner = kind.split_once('<').map_or(kind, |(_, inner)| inner.trim_end_matches('>'));
    let kind = match (first_word(attribute).as_str(), name) {
        ("int32", "algorithm") => "Algorithm".to_owned(),
        ("int32", "code") => "Code".to_owned(),
        ("message", _) => inner.to_owned(),
        (scalar, _) => scalar.to_owned(),
    };
    let label = match attribute {
        _ if attribute.contains("repeated") => "repeated ",
        _ if attribute.contains("optional") && !attribute.starts_with("message") => "optional ",
        _ => "",
    };
    Some(format!("{label}{kind} {name} = {tag};"))
}

fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap().trim()
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|char| char.is_alphanumeric()).collect()
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for char in name.chars() {
        if char.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    snake
}

const SCHEMA: &str = include_str!("../../../../../docs/aqueduct.proto");

const STRUCTS: &str = include_str!("../messages.rs");
