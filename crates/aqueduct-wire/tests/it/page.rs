//! `docs/protocol.md`, compared with the code.

use aqueduct_wire::native::{Code, GREETING_LEN, VERSION, greeting, limits};

use crate::vectors;

#[test]
fn the_page_has_every_code_under_its_number() {
    let rows = PAGE.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let number: i32 = cells.next()?.parse().ok()?;
        Some((number, cells.next()?.trim_matches('`').to_owned()))
    });
    let codes = Code::all().map(|code| (code.number(), code.to_string()));
    assert_eq!(rows.collect::<Vec<_>>(), codes.collect::<Vec<_>>());
}

#[test]
fn the_page_has_every_limit() {
    let section = PAGE.split("\n## Limits\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.split(" | ").nth(1)?.parse::<u64>().ok());
    let limits = [
        limits::HEADER_LEN_MAX as u64,
        limits::PAYLOAD_LEN_MAX,
        limits::TASK_COUNT_MAX as u64,
        limits::DIGEST_COUNT_MAX as u64,
        limits::ENTRY_COUNT_MAX as u64,
        limits::RANGE_COUNT_MAX as u64,
        limits::LIST_COUNT_MAX as u64,
        limits::UPLOAD_LIST_COUNT_MAX as u64,
        limits::VERIFIED_COUNT_MAX as u64,
        limits::AGAIN_COUNT_MAX as u64,
        limits::STRING_LEN_MAX as u64,
        limits::CAPABILITY_COUNT_MAX as u64,
        limits::CAPABILITY_LEN_MAX as u64,
    ];
    assert_eq!(rows.collect::<Vec<_>>(), limits);
}

#[test]
fn the_page_names_every_message() {
    let named = |message: &str| PAGE.split('`').skip(1).step_by(2).any(|span| span == message);
    let messages = SCHEMA.lines().filter_map(|line| line.strip_prefix("message ")?.split(' ').next());
    let parts = ["Digest", "Range", "Blob", "Upload"];
    for message in messages.filter(|message| !parts.contains(message)) {
        assert!(named(message), "{message}");
    }
}

#[test]
fn the_example_is_what_is_said() {
    let example = PAGE.split("\n## An example\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let blocks: Vec<Vec<u8>> = example.split("```").skip(1).step_by(2).map(bytes).collect();
    let vector = |name: &str| vectors::read_dir("frames").remove(name).unwrap().bytes;
    assert_eq!(greeting(), *b"\x89AQDUCT\x01");
    assert_eq!((GREETING_LEN, VERSION), (8, 1));
    let client = [greeting().to_vec(), vector("request_hello"), vector("request_put_small")].concat();
    assert_eq!(blocks, [client, vector("answer_stored")]);
}

/// The pairs of hex digits in a block. An explanation stands behind three spaces, or on a line without digits.
fn bytes(block: &str) -> Vec<u8> {
    let hex = |line: &str| line.trim_start().split("   ").next().unwrap_or_default().to_owned();
    let pairs = |hex: String| -> Vec<u8> {
        hex.split_whitespace().filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
    };
    block.lines().map(hex).flat_map(pairs).collect()
}

const PAGE: &str = include_str!("../../../../docs/protocol.md");

const SCHEMA: &str = include_str!("../../../../docs/aqueduct.proto");
