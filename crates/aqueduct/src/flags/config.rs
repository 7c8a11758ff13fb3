//! Configuration files: which there are, and what they say, held against the flags. clap's list of flags is the only one: a
//! key is the name of a flag, and what may stand behind it is what may stand behind the flag.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{self, Path, PathBuf};
use std::{env, fmt};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command, ValueHint};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::options::{keys, takes_many};
use crate::directories;
use crate::fault::Fault;
use crate::text::shown;

/// A value that a file gives to an option of a command.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// The command whose option it is.
    pub(crate) command: String,
    /// clap's name of the option.
    pub(crate) id: String,
    /// As they would stand behind the flag; one, unless it may be given more than once.
    pub(crate) values: Vec<String>,
    pub(crate) line: Line,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) path: PathBuf,
    /// Counted from 1.
    pub(crate) number: usize,
}

/// A file that is read where it is there.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// Somebody named it, so that it has to be there.
    is_named: bool,
    pub(crate) is_there: bool,
}

/// What all files say. Of two that set one option the later one counts.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) sources: Vec<Source>,
    pub(crate) settings: Vec<Setting>,
}

impl Config {
    /// Reads the file that was named, or else those where one looks.
    pub(crate) fn read(named: Option<&Path>, program: &Command) -> Result<Self, Fault> {
        let mut config = Self { sources: sources(named), settings: Vec::new() };
        for source in &mut config.sources {
            if let Some(text) = text_of(source)? {
                source.is_there = true;
                Reader { program, path: &source.path, text: &text, settings: &mut config.settings }.read()?;
            }
        }
        Ok(config)
    }

    /// What the files say to one command: of several, what counts.
    pub(crate) fn settings_of(&self, command: &str) -> Vec<Setting> {
        let mut settings: Vec<Setting> = Vec::new();
        for setting in self.settings.iter().filter(|setting| setting.command == command) {
            settings.retain(|earlier| earlier.id != setting.id);
            settings.push(setting.clone());
        }
        settings
    }
}

impl Setting {
    /// Whether it says more than that a switch is off.
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self.values.as_slice(), [value] if value == "false" || value == "0")
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", shown(&self.path), self.number)
    }
}

fn sources(named: Option<&Path>) -> Vec<Source> {
    let is_named = named.is_some();
    let paths = match named {
        Some(path) => vec![path.to_owned()],
        None => [Some(PathBuf::from(SYSTEM_FILE)), directories::config()].into_iter().flatten().collect(),
    };
    paths.into_iter().map(|path| Source { path, is_named, is_there: false }).collect()
}

/// `None` where there is no such file, and need not be.
fn text_of(source: &Source) -> Result<Option<String>, Fault> {
    let path = &source.path;
    let is_nowhere = |kind| matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LEN_MAX + 1).read_to_end(&mut text));
    match read {
        Err(error) if is_nowhere(error.kind()) && !source.is_named => return Ok(None),
        read => read.map_err(Fault::local(format!("read {}", shown(path))))?,
    };
    let usage = |text: &str| Fault::Usage(format!("{}: {text}", shown(path)));
    if text.len() as u64 > LEN_MAX {
        return Err(usage("it is longer than 1 MiB, and so no configuration file"));
    }
    String::from_utf8(text).map(Some).map_err(|_| usage("it is not UTF-8, as TOML is"))
}

/// Reads one file.
struct Reader<'a> {
    program: &'a Command,
    path: &'a Path,
    text: &'a str,
    settings: &'a mut Vec<Setting>,
}

type Entry<'a> = (&'a Spanned<Cow<'a, str>>, &'a Spanned<DeValue<'a>>);

impl Reader<'_> {
    fn read(mut self) -> Result<(), Fault> {
        let file = DeTable::parse(self.text);
        let file = file.map_err(|error| self.wrong(error.span().unwrap_or_default(), error.message()))?;
        let (tables, top): (Vec<Entry<'_>>, Vec<_>) =
            file.get_ref().iter().partition(|(_, value)| value.get_ref().is_table());
        for entry in top {
            self.read_top(entry)?;
        }
        for (name, table) in tables {
            let Some(command) = self.program.find_subcommand(name.get_ref().as_ref()) else {
                let commands: Vec<_> = self.program.get_subcommands().map(Command::get_name).collect();
                return Err(self.unknown(name, "a table is named after a command", &commands));
            };
            for entry in table.get_ref().as_table().into_iter().flatten() {
                self.read_of(entry, command)?;
            }
        }
        Ok(())
    }

    /// A key at the top is for every command that has such an option.
    fn read_top(&mut self, entry: Entry<'_>) -> Result<(), Fault> {
        let (key, program) = (entry.0, self.program);
        let has_key = |command: &&Command| option(program, command, key.get_ref()).is_some();
        let commands: Vec<_> = program.get_subcommands().filter(has_key).collect();
        if commands.is_empty() {
            let of = |command| keys(program, command).map(|(key, _)| key);
            let all: Vec<_> = program.get_subcommands().flat_map(of).collect();
            return Err(self.unknown(key, "no command has such an option", &all));
        }
        commands.into_iter().try_for_each(|command| self.read_of(entry, command))
    }

    fn read_of(&mut self, (key, value): Entry<'_>, command: &Command) -> Result<(), Fault> {
        let (program, name) = (self.program, command.get_name());
        let Some(arg) = option(program, command, key.get_ref()) else {
            let all: Vec<_> = keys(program, command).map(|(key, _)| key).collect();
            return Err(self.unknown(key, &format!("{name} has no such option"), &all));
        };
        let wrong = |text: String| self.wrong(value.span(), &format!("{}: {text}", key.get_ref()));
        let mut values = values_of(arg, value.get_ref()).map_err(wrong)?;
        if let ValueHint::FilePath | ValueHint::DirPath | ValueHint::AnyPath = arg.get_value_hint() {
            values.iter_mut().for_each(|path| *path = self.absolute(path));
        }
        if arg.get_action().takes_values() {
            check(program, name, key.get_ref(), &values).map_err(wrong)?;
        }
        let line = self.line(key.span());
        self.settings.push(Setting { command: name.to_owned(), id: arg.get_id().to_string(), values, line });
        Ok(())
    }

    /// A path in a file is counted from the file's directory: from where the program is started is nothing that a file knows.
    fn absolute(&self, path: &str) -> String {
        if path.is_empty() || path == "-" {
            return path.to_owned();
        }
        let home = path.strip_prefix("~/").zip(env::var_os("HOME"));
        let path = match home {
            Some((below, home)) => Path::new(&home).join(below),
            None => self.path.parent().unwrap_or(Path::new("")).join(path),
        };
        path::absolute(&path).unwrap_or(path).to_string_lossy().into_owned()
    }

    fn unknown(&self, key: &Spanned<Cow<'_, str>>, why: &str, known: &[&str]) -> Fault {
        let name = key.get_ref();
        let text = match (REFUSED.iter().find(|(key, _)| key == name), nearest(name, known)) {
            (Some((_, reason)), _) => format!("{name} cannot stand in a file: {reason}"),
            (None, Some(nearest)) => format!("unknown key {name}: {why}; did you mean {nearest}?"),
            (None, None) => format!("unknown key {name}: {why}"),
        };
        self.wrong(key.span(), &text)
    }

    fn wrong(&self, span: Range<usize>, text: &str) -> Fault {
        Fault::Usage(format!("{}: {text}", self.line(span)))
    }

    fn line(&self, span: Range<usize>) -> Line {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        let number = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        Line { path: self.path.to_owned(), number }
    }
}

fn option<'a>(program: &'a Command, command: &'a Command, key: &str) -> Option<&'a Arg> {
    keys(program, command).find(|(known, _)| *known == key).map(|(_, arg)| arg)
}

/// A value of TOML as what would stand behind the flag.
fn values_of(arg: &Arg, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    match (arg.get_action(), value) {
        (ArgAction::SetTrue, DeValue::Boolean(value)) => Ok(vec![value.to_string()]),
        (ArgAction::SetTrue, _) => Err("it is true or false".to_owned()),
        (ArgAction::Count, DeValue::Integer(value)) => match value.as_str().parse::<u8>() {
            Ok(count) => Ok(vec![count.to_string()]),
            Err(_) => Err("it is a small number".to_owned()),
        },
        (ArgAction::Count, _) => Err("it is a number: how often the flag would be given".to_owned()),
        (_, DeValue::Array(values)) if takes_many(arg) => {
            if values.is_empty() && !arg.get_default_values().is_empty() {
                return Err("it needs a value at least".to_owned());
            }
            let values = values.iter().map(|value| one_of(arg, value.get_ref()));
            Ok(values.collect::<Result<Vec<_>, _>>()?.concat())
        }
        (_, DeValue::Array(_)) => Err("it takes one value, and no array".to_owned()),
        (_, value) => one_of(arg, value),
    }
}

fn one_of(arg: &Arg, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().replace('_', ""),
        DeValue::Boolean(value) => value.to_string(),
        _ => return Err("it is a string, or a whole number".to_owned()),
    };
    // As clap does it with what stands behind a flag.
    Ok(match arg.get_value_delimiter() {
        Some(delimiter) => text.split(delimiter).map(str::to_owned).collect(),
        None => vec![text],
    })
}

/// Lets clap say whether it would take the values behind the flag.
fn check(program: &Command, command: &str, key: &str, values: &[String]) -> Result<(), String> {
    let flags = values.iter().map(|value| format!("--{key}={value}"));
    let line = [program.get_name(), command].map(str::to_owned).into_iter().chain(flags);
    let alone = |arg: Arg| arg.required(false).env(Resettable::Reset);
    let mut program = program.clone().mut_args(alone).mut_subcommands(|command| command.mut_args(alone));
    match program.try_get_matches_from_mut(line) {
        Ok(_) => Ok(()),
        Err(error) => {
            let text = error.to_string();
            // What follows is about usage and --help.
            let text = text.trim_start_matches("error: ").split("\n\n").next().unwrap_or_default();
            Err(text.split_whitespace().collect::<Vec<_>>().join(" "))
        }
    }
}

/// The name that was probably meant, as clap guesses it for flags.
fn nearest(name: &str, known: &[&str]) -> Option<String> {
    let name = name.replace('_', "-");
    if known.contains(&name.as_str()) {
        return Some(name);
    }
    let known: BTreeSet<_> = known.iter().map(|&key| key.to_owned()).collect();
    let flags = known.into_iter().map(|key| Arg::new(key.clone()).long(key));
    let command = Command::new("keys").no_binary_name(true).disable_help_flag(true).args(flags);
    let error = command.try_get_matches_from([format!("--{name}")]).err()?;
    match error.get(ContextKind::SuggestedArg)? {
        ContextValue::String(flag) => Some(flag.trim_start_matches('-').to_owned()),
        _ => None,
    }
}

/// Flags that would make no sense in a file.
pub(crate) const REFUSED: [(&str, &str); 6] = [
    ("help", "it is for the command line"),
    ("version", "it is for the command line"),
    ("config", "it says which file is read"),
    ("show-config", "it is for the command line"),
    ("check", "it is for the command line"),
    ("all", "it is for the command line"),
];

const SYSTEM_FILE: &str = "/etc/aqueduct/config.toml";

/// Nobody writes so much, and whoever names a disk by mistake is told so.
const LEN_MAX: u64 = 1 << 20;
