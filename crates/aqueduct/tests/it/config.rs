//! Configuration files: what counts more than what, what is refused and how, and what `--show-config` prints.

use std::fs;
use std::process::Command;

use crate::fixture::{Ran, Site};

/// The program without the file that tests have it read otherwise, and with a home of its own.
fn at_home(site: &Site, arguments: &[&str]) -> Command {
    let mut command = site.command(arguments);
    command.env_remove("AQUEDUCT_CONFIG").env_remove("AQUEDUCT_STORE").env_remove("XDG_CONFIG_HOME");
    command.env("HOME", site.path("home"));
    command
}

/// What `serve --show-config` says with a file.
fn shown(site: &Site, text: &str, arguments: &[&str]) -> Ran {
    site.write("config.toml", text);
    let all = [&["serve", "--show-config", "--config", "config.toml"], arguments].concat();
    Ran::of(site.command(&all).env_remove("AQUEDUCT_STORE"))
}

/// The line of an option, without what only sets it apart.
fn option(ran: &Ran, key: &str) -> String {
    let is_it = |line: &&str| line.trim_start_matches("# ").split([' ', ':']).next() == Some(key);
    let line = ran.text().lines().find(is_it).unwrap_or_else(|| panic!("no {key} in {}", ran.text()));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_flag_counts_more_than_a_variable_and_a_variable_more_than_a_file() {
    let site = Site::new();
    site.write("config.toml", "grace = 1\nlease = \"1min\"\nmax-requests = 1\n");
    let mut command = site.command(&["serve", "--show-config", "--config", "config.toml", "--grace", "3"]);
    let ran = Ran::of(command.env("AQUEDUCT_GRACE", "2").env("AQUEDUCT_LEASE", "2min")).ok();
    assert_eq!(option(&ran, "grace"), "grace = 3 # flag");
    assert_eq!(option(&ran, "lease"), "lease = \"2min\" # env AQUEDUCT_LEASE");
    assert_eq!(option(&ran, "max-requests"), "max-requests = 1 # file config.toml:3");
    assert_eq!(option(&ran, "min-rate"), "min-rate = \"1KiB\" # default");
    assert_eq!(option(&ran, "max-size"), "# max-size # default: all there is");
}

#[test]
fn a_table_counts_more_than_the_top_and_is_for_its_command_alone() {
    let site = Site::new();
    let text = "verbose = 2\nsync = \"none\"\n[put]\nsync = \"full\"\n[serve]\nverbose = 0\n";
    let serve = shown(&site, text, &[]).ok();
    assert_eq!(option(&serve, "verbose"), "verbose = 0 # file config.toml:6");
    assert_eq!(option(&serve, "sync"), "sync = \"none\" # file config.toml:2");
    let put = site.run(&["put", "--show-config", "--config", "config.toml"]).ok();
    assert_eq!(option(&put, "verbose"), "verbose = 2 # file config.toml:1");
    assert_eq!(option(&put, "sync"), "sync = \"full\" # file config.toml:4");
}

#[test]
fn the_file_of_the_user_is_found_and_a_named_one_is_read_instead() {
    let site = Site::new();
    fs::create_dir_all(site.path("home/.config/aqueduct")).unwrap();
    fs::create_dir_all(site.path("xdg/aqueduct")).unwrap();
    site.write("home/.config/aqueduct/config.toml", "[serve]\ngrace = 1\n");
    site.write("xdg/aqueduct/config.toml", "[serve]\ngrace = 2\n");
    site.write("named.toml", "[serve]\nlease = \"1h\"\n");
    let serve = ["serve", "--show-config"];
    assert!(option(&Ran::of(&mut at_home(&site, &serve)).ok(), "grace").starts_with("grace = 1 # file"));
    let by_xdg = Ran::of(at_home(&site, &serve).env("XDG_CONFIG_HOME", site.path("xdg"))).ok();
    assert!(option(&by_xdg, "grace").starts_with("grace = 2 # file"));
    let named = Ran::of(at_home(&site, &serve).env("AQUEDUCT_CONFIG", "named.toml")).ok();
    assert_eq!(option(&named, "grace"), "grace = 30 # default");
    assert_eq!(option(&named, "lease"), "lease = \"1h\" # file named.toml:2");
    let none = Ran::of(&mut at_home(&site, &["serve", "--show-config", "--config", "/dev/null"])).ok();
    assert_eq!(option(&none, "grace"), "grace = 30 # default");
    Ran::of(&mut at_home(&site, &["serve", "--config", "absent.toml"])).code(8).says("absent.toml");
}

#[test]
fn what_a_file_says_is_done() {
    let site = Site::new();
    site.write("a", "abc");
    site.write("config.toml", "[put]\nstore = \"stored\"\ndigest = \"blake3\"\nquiet = true\n");
    let mut put = site.command(&["put", "a"]);
    let ran = Ran::of(put.env_remove("AQUEDUCT_STORE").env("AQUEDUCT_CONFIG", "config.toml")).ok();
    assert!(ran.text().starts_with("blake3:") && ran.stderr.is_empty(), "{}", ran.stderr);
    assert!(site.path("stored/blobs").exists());
    // What is required may stand in a file.
    site.write("config.toml", "store = \"stored\"\n");
    let mut verify = site.command(&["verify", "--config", "config.toml"]);
    Ran::of(verify.env_remove("AQUEDUCT_STORE")).ok();
}

#[test]
fn a_path_is_counted_from_the_directory_of_its_file_or_from_home() {
    let site = Site::new();
    fs::create_dir(site.path("etc")).unwrap();
    site.write("etc/config.toml", "[serve]\nstore = \"blobs\"\ntoken-file = \"~/tokens\"\n");
    let ran = Ran::of(&mut at_home(&site, &["serve", "--show-config", "--config", "etc/config.toml"])).ok();
    assert!(
        option(&ran, "store").contains(&format!("\"{}\"", site.path("etc/blobs").display())),
        "{}",
        ran.text()
    );
    assert!(option(&ran, "token-file").contains(&format!("\"{}\"", site.path("home/tokens").display())));
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_what_was_probably_meant() {
    let site = Site::new();
    for (text, expected) in [
        (
            "[serve]\n\nmax-sise = 1",
            ":3: unknown key max-sise: serve has no such option; did you mean max-size?",
        ),
        ("max_size = 1", ":1: unknown key max_size: no command has such an option; did you mean max-size?"),
        (
            "[server]\ngrace = 1",
            ":1: unknown key server: a table is named after a command; did you mean serve?",
        ),
        ("[put]\ngrace = 1", ":2: unknown key grace: put has no such option"),
        ("[serve]\nxyzzy = 1", ":2: unknown key xyzzy: serve has no such option\n"),
        ("token = \"secret\"", "did you mean token-file?"),
        ("[serve]\nmax-size = \"lots\"", ":2: max-size: invalid value 'lots'"),
        (
            "[put]\nsync = \"maybe\"",
            ":2: sync: invalid value 'maybe' for '--sync <HOW>' [possible values: full, none]",
        ),
        ("[serve]\ngrace = 99999999999", ":2: grace: invalid value '99999999999'"),
        ("grace = 1.5", ":1: grace: it is a string, or a whole number"),
        ("grace = [1]", ":1: grace: it takes one value, and no array"),
        ("[serve]\nlisten = []", ":2: listen: it needs a value at least"),
        ("[serve]\nlisten = [\"here\"]", ":2: listen: invalid value 'here'"),
        ("open-to-network = \"yes\"", ":1: open-to-network: it is true or false"),
        ("verbose = true", ":1: verbose: it is a number"),
        ("verbose = 300", ":1: verbose: it is a small number"),
        ("store = \"\"", ":1: store: a value is required"),
        ("config = \"other.toml\"", ":1: config cannot stand in a file: it says which file is read"),
        ("[get]\nhelp = true", ":2: help cannot stand in a file"),
        ("quiet = true\nverbose = 1", "excludes"),
        ("grace = 1\ngrace = 2", ":2: duplicate key"),
        ("[serve\n", ":1:"),
    ] {
        let ran = shown(&site, text, &[]).code(2).says("config.toml").says(expected);
        assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
        assert_eq!(ran.text(), "");
    }
    fs::write(site.path("bytes"), [0xff; 10]).unwrap();
    site.run(&["ls", "--config", "bytes"]).code(2).says("not UTF-8");
    site.run(&["ls", "--config", "/dev/zero"]).code(2).says("longer than 1 MiB");
    site.run(&["ls", "--config", "."]).code(8).says("cannot read .");
    // Whoever needs help gets it.
    site.run(&["ls", "--help", "--config", "bytes"]).ok();
}

#[test]
fn a_flag_counts_more_than_what_a_file_sets_and_it_excludes() {
    let site = Site::new();
    let ran = shown(&site, "quiet = true\n", &["-v"]).ok();
    assert_eq!(option(&ran, "quiet"), "quiet = false # default");
    assert_eq!(option(&ran, "verbose"), "verbose = 1 # flag");
    shown(&site, "quiet = false\nverbose = 1\n", &[]).ok();
    site.write("config.toml", "[bench]\ncsv = true\n");
    let bench = site.run(&["bench", "--show-config", "--config", "config.toml", "--json"]).ok();
    assert!(bench.text().contains(r#""key":"csv","place":null,"source":"default""#), "{}", bench.text());
}

#[test]
fn a_variable_that_names_a_store_counts_more_than_a_server_in_a_file() {
    let site = Site::new();
    site.write("a", "abc");
    site.write("config.toml", "server = \"http://127.0.0.1:1\"\n");
    site.run(&["put", "a", "--config", "config.toml"]).ok();
    let mut put = site.command(&["put", "a", "--config", "config.toml"]);
    Ran::of(put.env_remove("AQUEDUCT_STORE")).code(5);
    // Of two in files the server counts, as it does of two variables.
    site.write("config.toml", "server = \"http://127.0.0.1:1\"\nstore = \"store\"\n");
    let mut put = site.command(&["put", "a", "--config", "config.toml"]);
    Ran::of(put.env_remove("AQUEDUCT_STORE")).code(5);
    site.write("config.toml", "server = \"blobs\"\n");
    let mut put = site.command(&["put", "a", "--config", "config.toml"]);
    Ran::of(put.env_remove("AQUEDUCT_STORE")).code(2).says("server in a configuration file");
}

#[test]
fn what_is_shown_can_be_read_as_a_file_and_says_the_same() {
    let site = Site::new();
    let text = "[serve]\nlisten = [\"127.0.0.1:0\", \"[::1]:0\"]\nhost = \"a,b\"\nmax-size = 1_000_000\nquiet = true\n";
    let first = shown(&site, text, &["--store", "a \"b\"\\c"]).ok();
    let second = shown(&site, first.text(), &[]).ok();
    let values = |ran: &Ran| -> Vec<String> {
        let lines = ran.text().lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split("  #").next().unwrap().trim_end().to_owned()).collect()
    };
    assert!(values(&first).contains(&"host = [\"a\",\"b\"]".to_owned()), "{}", first.text());
    let is_path = |line: &&String| line.starts_with("store");
    assert_eq!(
        values(&first).iter().filter(|line| !is_path(line)).collect::<Vec<_>>(),
        values(&second).iter().filter(|line| !is_path(line)).collect::<Vec<_>>()
    );
}

#[test]
fn what_is_shown_holds_no_password_and_no_token_and_nothing_is_done() {
    let site = Site::new();
    site.write("tokens", "write s3cret\n");
    site.write(
        "config.toml",
        "server = \"aqueduct://me:s3cret@blobs.example:80\"\ntoken-file = \"tokens\"\n",
    );
    for command in ["put", "serve"] {
        let mut shown = site.command(&[command, "--show-config", "--config", "config.toml", "--json"]);
        let ran = Ran::of(shown.env("AQUEDUCT_TOKEN", "s3cret")).ok();
        assert!(!ran.text().contains("s3cret") && ran.stderr.is_empty(), "{}", ran.text());
        let object: serde_json::Value = serde_json::from_str(ran.text()).unwrap();
        let options = object["options"].as_array().unwrap();
        let file = options.iter().find(|option| option["key"] == "token-file").unwrap();
        assert_eq!((&file["source"], &file["place"]), (&"file".into(), &"config.toml:2".into()));
        if command == "put" {
            let server = options.iter().find(|option| option["key"] == "server").unwrap();
            assert_eq!(server["value"], "aqueduct://...@blobs.example:80");
        }
    }
    assert!(!site.store().exists());
}
