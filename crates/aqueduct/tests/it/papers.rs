//! Help, completions and the manual: all from the one flag list.

use std::collections::BTreeSet;
use std::fs;

use crate::fixture::{Ran, Site, aqueduct};

const COMMANDS: [&str; 15] = [
    "put",
    "get",
    "has",
    "ls",
    "rm",
    "uploads",
    "drop",
    "verify",
    "scrub",
    "fsck",
    "serve",
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

#[test]
fn help_shows_examples_first_and_every_exit_code() {
    let help = run(&["--help"]);
    assert!(help.find("Examples:").unwrap() < help.find("Usage:").unwrap());
    for code in ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "130"] {
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
            let is_asking = name.contains("help") || name.contains("version");
            assert!(is_asking || flag.contains("AQUEDUCT_"), "{command}: {name} has none");
        }
    }
    let site = Site::new();
    site.write("a", "abc");
    let mut put = site.command(&["put", "a"]);
    let ran = Ran::of(put.env("AQUEDUCT_DIGEST", "blake3").env("AQUEDUCT_QUIET", "1")).ok();
    assert!(ran.text().starts_with("blake3:") && ran.stderr.is_empty(), "{}", ran.stderr);
}
