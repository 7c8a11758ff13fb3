//! A configuration file in which every option is commented out.

use std::fmt::Write as _;

use clap::{ArgAction, Command};

use crate::flags::{Shared, default_of, help_of, key_of, options, shared, value_of};

pub(super) fn file(program: &Command) -> String {
    let mut file = INTRODUCTION.to_owned();
    let all = shared(program);
    let of_all = options(program).map(|arg| Shared { arg, commands: Vec::new() });
    let mut top: Vec<Shared<'_>> = of_all.collect();
    for option in all.iter().filter(|option| option.is_of_several()) {
        // Those of another help are meant by the same key.
        if !top.iter().any(|known| known.arg.get_id() == option.arg.get_id()) {
            let has_it = |other: &&Shared<'_>| other.arg.get_id() == option.arg.get_id();
            let commands =
                all.iter().filter(has_it).flat_map(|other| other.commands.iter().copied()).collect();
            top.push(Shared { arg: option.arg, commands });
        }
    }
    for option in &top {
        let is_other = |other: &&Shared<'_>| {
            other.is_of_several()
                && other.arg.get_id() == option.arg.get_id()
                && default_of(other.arg) != default_of(option.arg)
        };
        describe(option, &all.iter().filter(is_other).collect::<Vec<_>>(), &mut file);
    }
    for command in program.get_subcommands().map(Command::get_name) {
        let mut own = all.iter().filter(|option| option.commands == [command]).peekable();
        if own.peek().is_some() {
            let _ = writeln!(file, "\n[{command}]");
        }
        own.for_each(|option| describe(option, &[], &mut file));
    }
    file
}

/// `others` are meant by the same key, and have another default.
fn describe(option: &Shared<'_>, others: &[&Shared<'_>], file: &mut String) {
    let Shared { arg, commands } = option;
    let Some(key) = key_of(arg) else { return };
    let help = help_of(arg);
    let help: Vec<_> = help.split("\n\n").next().unwrap_or_default().split_whitespace().collect();
    let _ = writeln!(file, "\n# {}.", help.join(" "));
    if option.is_of_several() {
        let _ = writeln!(file, "# Of {}.", commands.join(", "));
    }
    for Shared { arg, commands } in others {
        let default = default_of(arg);
        let _ =
            writeln!(file, "# Default of {}: {}.", commands.join(", "), default.as_deref().unwrap_or("none"));
    }
    let mut values: Vec<_> =
        arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    if values.is_empty() {
        values.push(match arg.get_action() {
            ArgAction::SetTrue => "false".to_owned(),
            ArgAction::Count => "0".to_owned(),
            _ => {
                let _ = writeln!(file, "# Default: {}.", default_of(arg).as_deref().unwrap_or("none"));
                arg.get_value_names().into_iter().flatten().map(ToString::to_string).collect()
            }
        });
    }
    let _ = writeln!(file, "#{key} = {}", value_of(arg, &values));
}

const INTRODUCTION: &str = "\
# Configuration of Aqueduct. What is commented out shows the default, or what is to stand there.
# \"aqueduct COMMAND --show-config\" prints what holds, and who says so; \"aqueduct man --as options\" prints more about each key.
# A flag counts more than a variable of the environment, and that more than this file.

# Keys before the first table are for every command that has such an option.
";
