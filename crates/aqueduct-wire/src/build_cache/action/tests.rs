use proptest::prelude::*;
use prost::Message;

use super::*;

const NOTHING_HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// An output file, directory or link, or a node: these have their numbers in common.
#[derive(Clone, PartialEq, Message)]
struct Output {
    #[prost(string, tag = "1")]
    path: String,
    #[prost(message, optional, tag = "2")]
    digest: Option<Named>,
    #[prost(message, optional, tag = "3")]
    tree_digest: Option<Named>,
    #[prost(bool, tag = "4")]
    is_executable: bool,
    #[prost(message, optional, tag = "5")]
    root_directory_digest: Option<Named>,
}

#[derive(Clone, PartialEq, Message)]
struct OutputLink {
    #[prost(string, tag = "1")]
    path: String,
    #[prost(string, tag = "2")]
    target: String,
}

#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    hash: String,
    #[prost(int64, tag = "2")]
    size_bytes: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ActionResult {
    #[prost(message, repeated, tag = "2")]
    output_files: Vec<Output>,
    #[prost(message, repeated, tag = "3")]
    output_directories: Vec<Output>,
    #[prost(int32, tag = "4")]
    exit_code: i32,
    #[prost(bytes = "vec", tag = "5")]
    stdout_raw: Vec<u8>,
    #[prost(message, optional, tag = "6")]
    stdout_digest: Option<Named>,
    #[prost(message, optional, tag = "8")]
    stderr_digest: Option<Named>,
    #[prost(message, optional, tag = "9")]
    execution_metadata: Option<Output>,
    #[prost(message, repeated, tag = "12")]
    output_symlinks: Vec<OutputLink>,
}

#[derive(Clone, PartialEq, Message)]
struct Tree {
    #[prost(message, optional, tag = "1")]
    root: Option<Directory>,
    #[prost(message, repeated, tag = "2")]
    children: Vec<Directory>,
}

#[derive(Clone, PartialEq, Message)]
struct Directory {
    #[prost(message, repeated, tag = "1")]
    files: Vec<Output>,
    #[prost(message, repeated, tag = "2")]
    directories: Vec<Output>,
    #[prost(message, repeated, tag = "3")]
    symlinks: Vec<OutputLink>,
}

fn digest(byte: u8) -> Digest {
    Digest::new(Algorithm::Sha256, [byte; 32])
}

fn named(byte: u8) -> Option<Named> {
    Some(Named { hash: digest(byte).hex(), size_bytes: 3 })
}

fn nothing() -> Option<Named> {
    Some(Named { hash: NOTHING_HEX.to_owned(), size_bytes: 0 })
}

fn file(path: &str, digest: Option<Named>) -> Output {
    Output { path: path.to_owned(), digest, is_executable: true, ..Output::default() }
}

fn link(path: &str) -> OutputLink {
    OutputLink { path: path.to_owned(), target: "a".to_owned() }
}

fn result() -> ActionResult {
    ActionResult {
        output_files: vec![file("out/b", named(2)), file("out/a", named(1)), file("out/empty", nothing())],
        output_directories: vec![
            Output { path: "dir".to_owned(), tree_digest: named(4), ..Output::default() },
            Output { tree_digest: named(5), root_directory_digest: named(3), ..Output::default() },
        ],
        exit_code: -1,
        stdout_raw: b"said".to_vec(),
        stdout_digest: named(1),
        stderr_digest: nothing(),
        execution_metadata: Some(file("worker", named(9))),
        output_symlinks: vec![link("l")],
    }
}

fn binary(result: &ActionResult) -> Result<References, BadActionResult> {
    action_references(&result.encode_to_vec(), ActionForm::Binary)
}

fn json(text: &str) -> Result<References, BadActionResult> {
    action_references(text.as_bytes(), ActionForm::Json)
}

#[test]
fn what_is_referred_to_is_found_once_and_in_order() {
    let references =
        References { blobs: vec![digest(1), digest(2), digest(3)], trees: vec![digest(4), digest(5)] };
    assert_eq!(binary(&result()), Ok(references.clone()));

    let [one, two, three, four, five] = [1, 2, 3, 4, 5].map(|byte| digest(byte).hex());
    let text = format!(
        r#"{{"outputFiles": [
            {{"path": "out/b", "digest": {{"hash": "{two}", "sizeBytes": "3"}}, "isExecutable": true}},
            {{"path": "out/a", "digest": {{"hash": "{one}", "sizeBytes": 3}}, "contents": "YWJj"}},
            {{"path": "out/empty", "digest": {{"hash": "{NOTHING_HEX}"}}}}],
          "outputDirectories": [
            {{"path": "dir", "treeDigest": {{"hash": "{four}", "sizeBytes": "3"}}}},
            {{"path": "", "treeDigest": {{"hash": "{five}", "sizeBytes": "3"}}, "rootDirectoryDigest": {{"hash": "{three}"}}}}],
          "exitCode": -1, "stdoutRaw": "c2FpZA==", "stdoutDigest": {{"hash": "{one}", "sizeBytes": "3"}},
          "stderrDigest": {{"hash": "", "sizeBytes": "0"}}, "outputSymlinks": [{{"path": "l", "target": "a"}}],
          "executionMetadata": {{"worker": "w", "auxiliaryMetadata": [{{}}]}}, "somethingNew": [[null]]}}"#
    );
    assert_eq!(json(&text), Ok(references.clone()));
    let snake = [
        ("outputFiles", "output_files"),
        ("sizeBytes", "size_bytes"),
        ("outputDirectories", "output_directories"),
        ("treeDigest", "tree_digest"),
        ("rootDirectoryDigest", "root_directory_digest"),
        ("exitCode", "exit_code"),
        ("stdoutRaw", "stdout_raw"),
        ("stdoutDigest", "stdout_digest"),
        ("stderrDigest", "stderr_digest"),
        ("outputSymlinks", "output_symlinks"),
        ("executionMetadata", "execution_metadata"),
    ];
    let text = snake.iter().fold(text, |text, (camel, snake)| text.replace(camel, snake));
    assert_eq!(json(&text), Ok(references));
}

#[test]
fn what_bazel_and_moon_send_is_understood() {
    // As Bazel 2.1.0 and moon 2.5.5 sent them for a file each, or two.
    let bazel = include_bytes!("../../../../../fuzz/corpus/action_result/bazel_2_1_0");
    let moon = include_bytes!("../../../../../fuzz/corpus/action_result/json_moon_2_5_5");
    let hex = |references: References| {
        assert_eq!(references.trees, []);
        references.blobs.iter().map(|digest| digest.hex()[..8].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(action_references(bazel, ActionForm::Binary).map(hex), Ok(vec!["3511fe19".to_owned()]));
    let outputs = ["637913ba", "bc8c6246", "ea65f30d"].map(str::to_owned).to_vec();
    assert_eq!(action_references(moon, ActionForm::Json).map(hex), Ok(outputs));
    assert!(action_references(bazel, ActionForm::Json).is_err());
    assert!(action_references(moon, ActionForm::Binary).is_err());
}

#[test]
fn a_result_that_only_says_how_it_ended_refers_to_nothing() {
    let ended = ActionResult { exit_code: 1, ..ActionResult::default() };
    assert_eq!(binary(&ended), Ok(References::default()));
    for text in [r#"{"exitCode": 0}"#, r#"{"stdoutRaw": ""}"#, r#"{"outputFiles": [], "stdoutDigest": null}"#]
    {
        assert_eq!(json(text), Ok(References::default()), "{text}");
    }
}

#[test]
fn a_digest_of_size_0_counts_if_it_is_not_that_of_nothing() {
    let said = Some(Named { hash: digest(1).hex(), size_bytes: 0 });
    let result = ActionResult { stdout_digest: said, ..ActionResult::default() };
    assert_eq!(binary(&result), Ok(References { blobs: vec![digest(1)], trees: vec![] }));
}

#[test]
fn outputs_without_a_path_or_a_right_digest_are_refused() {
    let bad = |hash: &str, size_bytes| Some(Named { hash: hash.to_owned(), size_bytes });
    let upper = digest(0xab).hex().to_uppercase();
    let cases = [
        (file("", named(1)), BadActionResult::NoPath),
        (file("a", None), BadActionResult::NoDigest),
        (file("a", bad("", 0)), BadActionResult::NoDigest),
        (file("a", bad("", 1)), BadActionResult::NotADigest),
        (file("a", bad("abc", 1)), BadActionResult::NotADigest),
        (file("a", bad(&upper, 1)), BadActionResult::NotADigest),
        (file("a", bad(&digest(1).hex(), -1)), BadActionResult::NegativeSize),
    ];
    for (output, expected) in cases {
        let Output { path, digest, .. } = output.clone();
        let digest = digest
            .map(|it| format!(r#", "digest": {{"hash": "{}", "sizeBytes": {}}}"#, it.hash, it.size_bytes));
        let text = format!(r#"{{"outputFiles": [{{"path": "{path}"{}}}]}}"#, digest.unwrap_or_default());
        assert_eq!(json(&text), Err(expected), "{text}");
        let tree = Tree {
            root: None,
            children: vec![Directory { files: vec![output.clone()], ..Directory::default() }],
        };
        assert_eq!(tree_references(&tree.encode_to_vec()), Err(expected), "{output:?}");
        let result = ActionResult { output_files: vec![output.clone()], ..ActionResult::default() };
        assert_eq!(binary(&result), Err(expected), "{output:?}");
    }
    let links = ActionResult { output_symlinks: vec![link("")], ..ActionResult::default() };
    assert_eq!(binary(&links), Err(BadActionResult::NoPath));
    assert_eq!(json(r#"{"outputFileSymlinks": [{"target": "a"}]}"#), Err(BadActionResult::NoPath));
    let directories =
        ActionResult { output_directories: vec![file("a", named(1))], ..ActionResult::default() };
    assert_eq!(binary(&directories), Err(BadActionResult::NoDigest));
    assert_eq!(json(r#"{"outputDirectories": [{"path": "a"}]}"#), Err(BadActionResult::NoDigest));
}

#[test]
fn bytes_that_are_something_else_are_refused() {
    let cases: [(&[u8], BadActionResult); 16] = [
        (b"", BadActionResult::Empty),
        (b"hello", BadActionResult::UnknownField),
        (b"<html><body>404</body></html>", BadActionResult::NotProtobuf),
        (b"{\"outputFiles\": []}", BadActionResult::NotProtobuf),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0", BadActionResult::NotProtobuf),
        (b"\x1f\x8b\x08\0\0\0\0\0", BadActionResult::NotProtobuf),
        (b"\x28\xb5\x2f\xfd\x04\x58", BadActionResult::WrongType),
        (b"ccache\0\0\0\0", BadActionResult::NotProtobuf),
        // The field 0, the reserved 1, 13, and one of more than 32 bits.
        (b"\x00\x00", BadActionResult::NotProtobuf),
        (b"\x0a\x00", BadActionResult::UnknownField),
        (b"\x6a\x00", BadActionResult::UnknownField),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", BadActionResult::NotProtobuf),
        // exit_code as bytes, output_files as a number, a length beyond the end, a number without one.
        (b"\x22\x01a", BadActionResult::WrongType),
        (b"\x10\x01", BadActionResult::WrongType),
        (b"\x12\x05abc", BadActionResult::NotProtobuf),
        (b"\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", BadActionResult::NotProtobuf),
    ];
    for (body, expected) in cases {
        assert_eq!(action_references(body, ActionForm::Binary), Err(expected), "{body:?}");
    }
    let whole = result().encode_to_vec();
    assert!((1..whole.len()).any(|end| action_references(&whole[..end], ActionForm::Binary).is_err()));
}

#[test]
fn texts_that_are_something_else_are_refused() {
    let cases = [
        ("", BadActionResult::Empty),
        ("{}", BadActionResult::Empty),
        (r#"{"files": []}"#, BadActionResult::Empty),
        (r#"{"outputFiles": null}"#, BadActionResult::Empty),
        ("{", BadActionResult::NotJson),
        ("{} {}", BadActionResult::NotJson),
        ("hello", BadActionResult::NotJson),
        ("\u{feff}{}", BadActionResult::NotJson),
        ("[]", BadActionResult::WrongType),
        ("null", BadActionResult::WrongType),
        (r#"{"outputFiles": {}}"#, BadActionResult::WrongType),
        (r#"{"outputFiles": [["a", {}]]}"#, BadActionResult::WrongType),
        (r#"{"outputFiles": [null]}"#, BadActionResult::WrongType),
        (r#"{"outputFiles": [], "output_files": []}"#, BadActionResult::WrongType),
        (r#"{"exitCode": "one"}"#, BadActionResult::WrongType),
        (r#"{"exitCode": 1.5}"#, BadActionResult::WrongType),
        (r#"{"exitCode": 18446744073709551615}"#, BadActionResult::WrongType),
        (r#"{"stdoutRaw": 1}"#, BadActionResult::WrongType),
        (r#"{"stdoutDigest": "abc"}"#, BadActionResult::WrongType),
        (r#"{"executionMetadata": []}"#, BadActionResult::WrongType),
    ];
    for (text, expected) in cases {
        assert_eq!(json(text), Err(expected), "{text:.80}");
    }
    assert_eq!(
        action_references(b"{\"stdoutRaw\": \"\xff\"}", ActionForm::Json),
        Err(BadActionResult::NotJson)
    );
}

#[test]
fn what_is_skipped_may_be_as_deep_as_it_likes() {
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    for place in ["\"new\"", "\"executionMetadata\": {\"new\""] {
        let end = if place.contains('{') { "}}" } else { "}" };
        let text = format!("{{\"exitCode\": 0, {place}: {open}{close}{end}");
        assert_eq!(json(&text), Ok(References::default()), "{text:.80}");
    }
}

#[test]
fn the_files_of_a_tree_are_found_and_its_directories_are_not() {
    let node = |byte| file("d", named(byte));
    let root = Directory {
        files: vec![node(2), node(1), file("empty", nothing())],
        directories: vec![node(7)],
        symlinks: vec![link("l")],
    };
    let child = Directory { files: vec![node(1), node(3)], ..Directory::default() };
    let tree = Tree { root: Some(root), children: vec![child, Directory::default()] };
    assert_eq!(tree_references(&tree.encode_to_vec()), Ok(vec![digest(1), digest(2), digest(3)]));

    let empty = Tree { root: Some(Directory::default()), children: vec![] };
    assert_eq!(tree_references(&empty.encode_to_vec()), Ok(vec![]));
    assert_eq!(tree_references(b""), Err(BadActionResult::Empty));
    assert_eq!(tree_references(b"\x1a\x00"), Err(BadActionResult::UnknownField));
    assert_eq!(tree_references(b"\x0a\x02\x32\x00"), Err(BadActionResult::UnknownField));
}

#[test]
fn a_hundred_thousand_references_are_the_most() {
    let many = |count| vec![file("a", named(1)); count];
    for (count, is_good) in [(REFERENCE_COUNT_MAX, true), (REFERENCE_COUNT_MAX + 1, false)] {
        let result = ActionResult { output_files: many(count), ..ActionResult::default() };
        assert_eq!(binary(&result).is_ok(), is_good, "{count}");
        let root = Some(Directory { files: many(count), ..Directory::default() });
        let tree = Tree { root, children: vec![] };
        assert_eq!(tree_references(&tree.encode_to_vec()).is_ok(), is_good, "{count}");
        let one = format!(r#"{{"path": "a", "digest": {{"hash": "{}"}}}}"#, digest(1).hex());
        let text = format!(r#"{{"outputFiles": [{}]}}"#, vec![one; count].join(","));
        assert_eq!(json(&text).is_ok(), is_good, "{count}");
    }
    let result = ActionResult {
        output_files: many(REFERENCE_COUNT_MAX),
        stdout_digest: named(2),
        ..ActionResult::default()
    };
    assert_eq!(binary(&result), Err(BadActionResult::TooMany));
}

proptest! {
    #[test]
    fn no_bytes_end_the_program(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = action_references(&body, ActionForm::Binary);
        let _ = action_references(&body, ActionForm::Json);
        let _ = tree_references(&body);
    }

    #[test]
    fn a_result_that_is_damaged_refers_to_nothing_but_sha256(at in 0..1000_usize, byte in any::<u8>()) {
        let mut body = result().encode_to_vec();
        let at = at % body.len();
        body[at] = byte;
        if let Ok(references) = action_references(&body, ActionForm::Binary) {
            prop_assert!(references.blobs.is_sorted() && references.trees.is_sorted());
            prop_assert!(references.blobs.len() <= 5 && references.trees.len() <= 2);
        }
    }
}
