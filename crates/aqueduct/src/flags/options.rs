//! The list of options, as clap has it: what configuration files, `--show-config` and the papers are made of.

use clap::{Arg, ArgAction, Command};
use serde_json::{Value, json};

use super::config::REFUSED;

/// The options that a command may be given by a file, with their keys: its own, and those that all commands have.
pub(crate) fn keys<'a>(
    program: &'a Command,
    command: &'a Command,
) -> impl Iterator<Item = (&'a str, &'a Arg)> {
    options(command).chain(options(program)).filter_map(|arg| key_of(arg).map(|key| (key, arg)))
}

/// What an option is called in a file; `None` where it cannot stand in one.
pub(crate) fn key_of(arg: &Arg) -> Option<&str> {
    arg.get_long().filter(|key| !REFUSED.iter().any(|(refused, _)| refused == key))
}

/// The flags of a command that are for everybody, without those that it shares with all others.
pub(crate) fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| arg.get_long().is_some() && !arg.is_hide_set())
}

/// An option, and the commands that have the very same.
#[derive(Clone, Debug)]
pub(crate) struct Shared<'a> {
    pub(crate) arg: &'a Arg,
    pub(crate) commands: Vec<&'a str>,
}

impl Shared<'_> {
    pub(crate) fn is_of_several(&self) -> bool {
        self.commands.len() > 1
    }
}

/// The options of all commands, each once.
pub(crate) fn shared(program: &Command) -> Vec<Shared<'_>> {
    let mut all: Vec<Shared<'_>> = Vec::new();
    for command in program.get_subcommands() {
        for arg in options(command) {
            let is_same = |other: &&mut Shared<'_>| {
                other.arg.get_id() == arg.get_id()
                    && (help_of(other.arg), default_of(other.arg)) == (help_of(arg), default_of(arg))
            };
            match all.iter_mut().find(is_same) {
                Some(other) => other.commands.push(command.get_name()),
                None => all.push(Shared { arg, commands: vec![command.get_name()] }),
            }
        }
    }
    all
}

/// Whether it may be given more than once, each time with another value.
pub(crate) fn takes_many(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// Values of an option as what stands behind `=` in a file, and null where there are none. Numbers, strings and arrays are to
/// TOML what they are to JSON.
pub(crate) fn value_of(arg: &Arg, values: &[String]) -> Value {
    let one = |value: &String| value.parse::<u64>().map_or_else(|_| json!(value), |number| json!(number));
    match (arg.get_action(), values) {
        (_, []) => Value::Null,
        (ArgAction::SetTrue, [value, ..]) => json!(value == "true"),
        (_, values) if takes_many(arg) => values.iter().map(one).collect(),
        (_, [value, ..]) => one(value),
    }
}

/// What holds where nobody says anything: values, or what the help says in brackets.
pub(crate) fn default_of(arg: &Arg) -> Option<String> {
    let values: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !values.is_empty() && arg.get_action().takes_values() {
        return Some(values.join(","));
    }
    let help = arg.get_help()?.to_string();
    let (_, default) = help.split_once(DEFAULT)?;
    Some(default.split(']').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The help as one paragraph or more, without the default.
pub(crate) fn help_of(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let Some((before, rest)) = help.split_once(DEFAULT) else { return help };
    let (_, after) = rest.split_once(']').unwrap_or(("", ""));
    format!("{}{after}", before.trim_end())
}

const DEFAULT: &str = "[default: ";
