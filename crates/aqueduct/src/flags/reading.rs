//! What was said, and by whom: the command line, variables of the environment, configuration files, and nobody. Of two the
//! former counts.
//!
//! To clap what files say are defaults, so that the precedence is its own.

use std::env;
use std::ffi::OsString;
use std::fmt;

use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};

use serde_json::Value;

use super::config::{Config, Line, Setting, Source};
use super::options::{keys, value_of};
use super::{Flags, Manner};
use crate::fault::Fault;

/// What the command line and the environment say, which stays the same as long as the program runs.
#[derive(Clone, Debug)]
pub(crate) struct CommandLine {
    words: Vec<OsString>,
    program: Command,
    matches: ArgMatches,
    pub(crate) manner: Manner,
}

/// What all of them say.
#[derive(Debug)]
pub(crate) struct Read {
    /// As it was declared: what files say is not among its defaults.
    program: Command,
    matches: ArgMatches,
    /// The name of the command.
    pub(crate) command: String,
    pub(crate) files: Vec<Source>,
    settings: Vec<Setting>,
    pub(crate) manner: Manner,
}

/// An option, as it is and as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) key: &'a str,
    pub(crate) arg: &'a Arg,
    /// None where nothing is set.
    pub(crate) values: Vec<String>,
    pub(crate) by: By,
}

/// Who says what an option is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Flag,
    Variable(String),
    File(Line),
    Nobody,
}

impl CommandLine {
    /// Ends the program, with 2, where the command line or the environment is wrong, and with 0 where it asks for help, whatever
    /// configuration files say.
    pub(crate) fn read() -> Self {
        let program = on_all(Flags::command(), without_empty);
        let mut words: Vec<_> = env::args_os().collect();
        // ccache starts a program for its storage without a word, by whatever name it was found.
        if words.len() == 1 && env::var_os(CRSH_ENDPOINT).is_some() {
            words.push("crsh".into());
        }
        // A file may give what is required.
        let matches = on_all(program.clone(), |arg| arg.required(false)).get_matches_from(&words);
        let manner = Manner::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        Self { words, program, matches, manner }
    }

    /// Reads the files, too.
    ///
    /// # Errors
    /// Where one cannot be read, or says anything that is wrong; or where something that is required was said by nobody.
    pub(crate) fn with_files(&self) -> Result<Read, Fault> {
        let command = self.matches.subcommand_name().unwrap_or_default().to_owned();
        let config = Config::read(self.manner.config.as_deref(), &self.program)?;
        let settings = self.without_rivals(config.settings_of(&command))?;
        let given = |arg: Arg| match settings.iter().find(|setting| arg.get_id() == setting.id.as_str()) {
            Some(setting) => arg.required(false).default_values(setting.values.clone()),
            None => arg,
        };
        let program = self.program.clone().mut_args(given);
        let mut program = program.mut_subcommand(&command, |command| command.mut_args(given));
        // Whoever asks what the options are need not give them.
        if self.manner.show_config {
            program = on_all(program, |arg| arg.required(false));
        }
        let matches = program.clone().try_get_matches_from(&self.words).map_err(Fault::Flags)?;
        let manner = Manner::from_arg_matches(&matches).map_err(Fault::Flags)?;
        Ok(Read { program: self.program.clone(), matches, command, files: config.sources, settings, manner })
    }

    /// Leaves out what a flag or a variable excludes, which count more.
    ///
    /// # Errors
    /// Where two that files set exclude each other.
    fn without_rivals(&self, mut settings: Vec<Setting>) -> Result<Vec<Setting>, Fault> {
        settings.retain(|setting| !self.rivals(setting).iter().any(|rival| self.is_said(rival)));
        for setting in &settings {
            let rivals = self.rivals(setting);
            if let Some(rival) = settings.iter().find(|other| other.is_on() && rivals.contains(&other.id)) {
                let text =
                    format!("{}: {} excludes {} of {}", setting.line, setting.id, rival.id, rival.line);
                return Err(Fault::Usage(text));
            }
        }
        Ok(settings)
    }

    /// The options that may not be given together with one.
    fn rivals(&self, setting: &Setting) -> Vec<String> {
        if !setting.is_on() {
            return Vec::new();
        }
        // Built, a command has the flags of all commands, too.
        let mut program = self.program.clone();
        program.build();
        let Some(command) = program.find_subcommand(&setting.command) else { return Vec::new() };
        let mut rivals = Vec::new();
        for arg in command.get_arguments() {
            for other in command.get_arg_conflicts_with(arg) {
                let (id, other) = (arg.get_id().as_str(), other.get_id().as_str());
                // Each excludes the other, whichever of them says so.
                rivals.extend((id == setting.id).then(|| other.to_owned()));
                rivals.extend((other == setting.id).then(|| id.to_owned()));
            }
        }
        rivals
    }

    /// Whether an option was given by a flag or a variable.
    fn is_said(&self, id: &str) -> bool {
        let matches = self.matches.subcommand().map(|(_, matches)| matches);
        let source = matches.and_then(|matches| matches.value_source(id));
        matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
    }
}

impl Read {
    /// The flags, as their command takes them.
    ///
    /// # Errors
    /// Where what was said does not fit together.
    pub(crate) fn flags(&self) -> Result<Flags, Fault> {
        let flags = Flags::from_arg_matches(&self.matches);
        flags.map_err(|error| Fault::Flags(error.format(&mut self.program.clone())))
    }

    /// Each option that the command may be given by a file, in the order of the list.
    pub(crate) fn options(&self) -> Vec<Shown<'_>> {
        let command = self.program.find_subcommand(&self.command);
        let matches = self.matches.subcommand().map(|(_, matches)| matches);
        let (Some(command), Some(matches)) = (command, matches) else { return Vec::new() };
        let keys = keys(&self.program, command);
        keys.map(|(key, arg)| Shown { key, arg, values: values(arg, matches), by: self.by(arg, matches) })
            .collect()
    }

    fn by(&self, arg: &Arg, matches: &ArgMatches) -> By {
        let id = arg.get_id().as_str();
        match matches.value_source(id) {
            Some(ValueSource::CommandLine) => By::Flag,
            Some(ValueSource::EnvVariable) => {
                By::Variable(arg.get_env().unwrap_or_default().to_string_lossy().into_owned())
            }
            _ => match self.settings.iter().find(|setting| setting.id == id) {
                Some(setting) => By::File(setting.line.clone()),
                None => By::Nobody,
            },
        }
    }
}

impl Shown<'_> {
    /// What it is; null where nothing is set.
    pub(crate) fn value(&self) -> Value {
        value_of(self.arg, &self.values)
    }
}

impl fmt::Display for Shown<'_> {
    /// As what stands behind `=` in a file: numbers, strings and arrays are to TOML what they are to JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value() {
            Value::Null => f.write_str("none"),
            value => value.fmt(f),
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Variable(name) => write!(f, "env {name}"),
            Self::File(line) => write!(f, "file {line}"),
            Self::Nobody => f.write_str("default"),
        }
    }
}

/// What an option is, as somebody said it. A password that a URL may have is left out.
fn values(arg: &Arg, matches: &ArgMatches) -> Vec<String> {
    let values = matches.get_raw(arg.get_id().as_str()).into_iter().flatten();
    let values = values.map(|value| value.to_string_lossy().into_owned());
    if !arg.is_hide_env_values_set() {
        return values.collect();
    }
    let without_user = |url: String| match url.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
            format!("{scheme}...@{host}")
        }
        None => url,
    };
    values.map(without_user).collect()
}

/// Changes every argument of a program and of its commands.
fn on_all(program: Command, change: impl Fn(Arg) -> Arg + Copy) -> Command {
    program.mut_args(change).mut_subcommands(|command| command.mut_args(change))
}

/// An empty variable is one that is not set.
fn without_empty(arg: Arg) -> Arg {
    match arg.get_env() {
        Some(name) if env::var_os(name).is_some_and(|value| value.is_empty()) => arg.env(Resettable::Reset),
        _ => arg,
    }
}

/// By which ccache says where such a program is to listen.
pub(crate) const CRSH_ENDPOINT: &str = "CRSH_IPC_ENDPOINT";
