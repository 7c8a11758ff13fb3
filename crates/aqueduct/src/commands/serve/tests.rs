use aqueduct_server::Options;
use aqueduct_store::Limits;
use clap::{CommandFactory, FromArgMatches};

use super::{limits, options};
use crate::flags::{Command, Flags, REREAD, Serve};

fn usual() -> Serve {
    let matches =
        Flags::command().mut_subcommand("serve", |serve| serve.mut_args(|arg| arg.env(None::<&str>)));
    let matches = matches.try_get_matches_from(["aqueduct", "serve"]).expect("nothing is required");
    match Flags::from_arg_matches(&matches).expect("nothing is required").command {
        Command::Serve(serve) => serve,
        _ => unreachable!("that is what was asked for"),
    }
}

#[test]
fn the_defaults_of_the_flags_are_those_of_the_server_and_the_store() {
    let usual = usual();
    assert_eq!(format!("{:?}", options(&usual, None)), format!("{:?}", Options::default()));
    assert_eq!(limits(&usual), Limits::default());
}

#[test]
fn whatever_is_read_again_is_an_option() {
    let program = Flags::command();
    let serve = program.find_subcommand("serve").expect("there is one");
    for key in REREAD {
        assert!(serve.get_arguments().any(|arg| arg.get_long() == Some(key)), "{key}");
    }
}
