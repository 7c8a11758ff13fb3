//! Help, completions and the manual: all from the one flag list.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::fixture::{Ran, Site, aqueduct};

const COMMANDS: [&str; 20] = [
    "send",
    "recv",
    "put",
    "get",
    "has",
    "ls",
    "rm",
    "uploads",
    "drop",
    "entries",
    "forget",
    "verify",
    "scrub",
    "fsck",
    "serve",
    "status",
    "bench",
    "doctor",
    "completions",
    "man",
];

fn run(arguments: &[&str]) -> String {
    Ran::of(aqueduct().args(arguments)).ok().text().to_owned()
}

/// Every long flag that some help mentions.
fn flags() -> BTreeSet<String> {
    let mut flags = BTreeSet::new();
    for command in COMMANDS {
        let help = run(&[command, "--help"]);
        let options = help.lines().filter(|line| line.trim_start().starts_with('-'));
        for word in options.flat_map(|line| line.split([' ', ','])).filter(|word| word.starts_with("--")) {
            flags.insert(word.trim_end_matches("...").to_owned());
        }
    }
    flags
}

#[test]
fn the_manual_and_every_completion_mention_every_flag_and_command() {
    let flags = flags();
    for expected in [
        "--store",
        "--server",
        "--token-file",
        "--sync",
        "--digest",
        "--threads",
        "--json",
        "--color",
        "--listen",
    ] {
        assert!(flags.contains(expected), "{expected} is not in any help");
    }
    let manual = run(&["man"]).replace("\\-", "-");
    let mut papers = vec![("man".to_owned(), manual)];
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        papers.push((shell.to_owned(), run(&["completions", shell])));
    }
    for (name, text) in papers {
        for flag in &flags {
            // fish writes `-l flag`.
            assert!(
                text.contains(flag) || text.contains(&format!("-l {}", &flag[2..])),
                "{flag} is not in {name}"
            );
        }
        for command in COMMANDS {
            assert!(text.contains(command), "{command} is not in {name}");
        }
        assert!(name != "man" || text.contains("AQUEDUCT_STORE"), "the manual names the variables");
    }
}

#[test]
fn the_manual_can_be_written_as_pages() {
    let site = Site::new();
    fs::create_dir(site.path("man1")).unwrap();
    site.run(&["man", "man1"]).ok();
    for command in COMMANDS {
        assert!(site.path(format!("man1/aqueduct-{command}.1")).exists(), "{command}");
    }
    assert!(fs::read_to_string(site.path("man1/aqueduct.1")).unwrap().contains("EXIT CODES"));
}

/// Compares what is committed with what the list of options makes of it, line by line.
fn compare(path: &str, form: &str, is_same: impl Fn(&str, &str) -> bool) {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    let (is, should) = (fs::read_to_string(committed).unwrap_or_default(), run(&["man", "--as", form]));
    for (number, (is, should)) in (1..).zip(is.lines().zip(should.lines())) {
        assert!(
            is_same(is, should),
            "{path}:{number}: {is:?} is not {should:?}: cargo run -- man --as {form}"
        );
    }
    assert_eq!(is.lines().count(), should.lines().count(), "{path}: cargo run -- man --as {form}");
}

#[test]
fn the_page_of_options_is_current() {
    compare("docs/options.md", "options", |is, should| is == should);
}

/// What the package sets is all that may differ.
#[test]
fn the_configuration_of_the_package_is_current_and_is_taken() {
    let key = |line: &str| line.trim_start_matches('#').split(" = ").next().map(str::to_owned);
    let is_set = |line: &str| line.starts_with(|first: char| first.is_ascii_lowercase());
    compare("packaging/config.toml", "config", |is, should| {
        is == should || (is_set(is) && should.starts_with('#') && key(is) == key(should))
    });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/config.toml");
    let ran = Ran::of(aqueduct().args(["serve", "--show-config", "--config"]).arg(path)).ok();
    assert!(ran.text().contains("store = \"/var/lib/aqueduct/store\""), "{}", ran.text());
}

/// With every key uncommented it still is a file that is understood.
#[test]
fn the_example_of_a_configuration_has_every_key_where_it_belongs() {
    let site = Site::new();
    let example = run(&["man", "--as", "config"]);
    let is_key = |line: &&str| line.starts_with('#') && line.contains(" = ") && !line.starts_with("# ");
    for line in example.lines().filter(is_key) {
        let at = example.find(line).unwrap();
        let table = example[..at].lines().rfind(|line| line.starts_with('['));
        // What stands there for a value is a word in capitals: of numbers and the like only the key is right.
        site.write("config.toml", format!("{}\n{}\n", table.unwrap_or_default(), &line[1..]));
        let ran = site.run(&["serve", "--show-config", "--config", "config.toml"]);
        assert!(!ran.stderr.contains("unknown key"), "{line}: {}", ran.stderr);
        assert!(ran.code == Some(0) || ran.stderr.contains("invalid value"), "{line}: {}", ran.stderr);
    }
}

#[test]
fn help_shows_examples_first_and_every_exit_code() {
    let help = run(&["--help"]);
    assert!(help.find("Examples:").unwrap() < help.find("Usage:").unwrap());
    for code in
        ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "124", "130", "143"]
    {
        assert!(help.lines().any(|line| line.trim_start().starts_with(&format!("{code}  "))), "{code}");
    }
    for command in COMMANDS {
        assert!(run(&[command, "-h"]).contains("Examples:"), "{command}");
    }
    assert!(run(&["--version"]).starts_with("aqueduct "));
}

#[test]
fn every_flag_has_a_variable() {
    for command in COMMANDS {
        let help = run(&[command, "--help"]);
        let flags = help.split("\n  -").skip(1).chain(help.split("\n      --").skip(1));
        for flag in flags.map(|text| text.split("\n      --").next().unwrap()) {
            let name = flag.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
            // What removes everything is said where it is done, and nowhere else.
            let is_asking = name.starts_with("all ")
                || ["help", "version", "show-config", "check"].iter().any(|asking| name.contains(asking));
            assert!(is_asking || flag.contains("AQUEDUCT_"), "{command}: {name} has none");
        }
    }
    let site = Site::new();
    site.write("a", "abc");
    let mut put = site.command(&["put", "a"]);
    let ran = Ran::of(put.env("AQUEDUCT_DIGEST", "blake3").env("AQUEDUCT_QUIET", "1")).ok();
    assert!(ran.text().starts_with("blake3:") && ran.stderr.is_empty(), "{}", ran.stderr);
}
