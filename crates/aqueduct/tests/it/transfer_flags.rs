//! `send` and `recv` as far as one side alone shows it: what is refused before anybody listens.

use std::fs;

use crate::fixture::{Ran, Site};

const DAMAGED: &str = "aq1-abc";

#[test]
fn what_contradicts_itself_is_2_and_says_what() {
    let site = Site::new();
    site.write("a", "abc");
    site.write("ticket", DAMAGED);
    for (arguments, words) in [
        (&["send"][..], "PATH"),
        (&["send", "raw://host:1"], "nothing is named that is to be sent"),
        (&["send", "a", DAMAGED], "the ticket is damaged"),
        (&["send", "a", "--ticket-file", "ticket"], "ticket: the ticket is damaged"),
        (&["send", "a", "raw://host:1", "--ticket-file", "ticket"], "one of them"),
        (&["send", "-", "--ticket-file", "-"], "cannot hold a ticket"),
        (&["send", "a", "http://host/"], "over HTTP one can receive"),
        (&["send", "a", "tcp://host:1"], "prints a ticket"),
        (&["send", "a", "-"], "is sent alone"),
        (&["send", "a", "--once", "--keep"], "cannot be used with"),
        (&["send", "a", "--count", "0"], "invalid value"),
        (&["send", "a", "--listen", "127.0.0.1:0,[::1]:0"], "give --listen once"),
        (&["send", "a", "-l", "100MB"], "Mbit"),
        (&["send", "a", "-l", "100"], "the unit of a rate"),
        (&["send", "a", "-j", "0"], "a number from 1 to"),
        (&["send", "a", "--preserve", "acl"], "none of mode, mtime"),
        (&["send", "a", "--deadline", "0"], "in no time"),
        (&["recv", DAMAGED], "the ticket is damaged"),
        (&["recv", "host:7300"], "it is a ticket"),
        (&["recv", "https://host/"], "no TLS"),
        (&["recv", "raw://host"], "raw://HOST:PORT"),
        (&["recv", "-o", "new/"], "new/ is no directory"),
        (&["recv", "-o", "-", "--print-digest"], "cannot both go to standard output"),
        (&["recv", "--json", "--print-digest"], "cannot be used with"),
        (&["recv", "--force", "--keep-both"], "cannot be used with"),
        (&["recv", "--keep-both", "--skip-existing"], "cannot be used with"),
        (&["recv", "--resume", "--no-resume"], "cannot be used with"),
        (&["recv", "--expect", "md5:00"], "not one of sha256"),
    ] {
        site.run(arguments).code(2).says(words);
    }
    assert_eq!(fs::read_dir(site.path(".")).unwrap().count(), 2, "nothing was made");
}

#[test]
fn the_other_names_of_both_are_known() {
    let site = Site::new();
    site.run(&["tx", "raw://host:1"]).code(2).says("nothing is named");
    for name in ["receive", "rx"] {
        site.run(&[name, "nobody"]).code(2).says("it is a ticket");
    }
    // What scp and rsync call it, and what one would guess.
    for flag in ["-l", "--bwlimit", "--limit"] {
        site.run(&["send", "a", flag, "fast"]).code(2).says("a whole number with a unit");
    }
}

#[test]
fn a_ticket_is_read_from_standard_input_and_from_a_file() {
    let site = Site::new();
    let path = site.write("ticket", format!("{DAMAGED}\nand more\n"));
    let mut recv = site.command(&["recv", "-"]);
    let ran = Ran::of(recv.stdin(fs::File::open(&path).unwrap())).code(2);
    assert!(ran.says("standard input: the ticket is damaged").stdout.is_empty());
    site.run(&["recv", "--ticket-file", "ticket"]).code(2).says("ticket: the ticket is damaged");
    site.run(&["recv", "--ticket-file", "nothing"]).code(8).says("read a ticket from nothing");
    site.run(&["recv", "-"]).code(2).says("a ticket begins with aq1-");
}

/// A key of a file means the same to every command, and keys that others had before are still taken.
#[test]
fn a_configuration_that_was_right_still_is() {
    let site = Site::new();
    site.write(
        "config.toml",
        "listen = [\"127.0.0.1:0\", \"[::1]:0\"]\nlimit = 100\ntimeout = 30\nsync = \"full\"\n",
    );
    for command in ["send", "recv", "put", "ls", "serve"] {
        site.run(&[command, "--show-config", "--config", "config.toml"]).ok();
    }
}
