//! `--show-config`: what each option of a command is, and who says so. What is printed can be read as a configuration file.

use serde_json::{Value, json};

use crate::fault::Fault;
use crate::flags::{By, Read, Shown, default_of};
use crate::output::Output;
use crate::text::shown;

pub(super) fn run(read: &Read, json: bool, output: &mut Output<'_>) -> Result<(), Fault> {
    if json {
        return output.json(&object(read));
    }
    for file in &read.files {
        let absent = if file.is_there { "" } else { ", which is not there" };
        output.line(format!("# read {}{absent}", shown(&file.path)))?;
    }
    output.line(format!("[{}]", read.command))?;
    let options: Vec<_> = read.options().iter().map(|option| (text(option), comment(option))).collect();
    let width =
        options.iter().map(|(text, _)| text.len()).filter(|&len| len <= TEXT_LEN_MAX).max().unwrap_or(0);
    options.into_iter().try_for_each(|(text, comment)| output.line(format!("{text:width$}  # {comment}")))
}

fn text(option: &Shown<'_>) -> String {
    match option.values.is_empty() {
        true => format!("# {}", option.key),
        false => format!("{} = {option}", option.key),
    }
}

fn comment(option: &Shown<'_>) -> String {
    match default_of(option.arg) {
        Some(default) if option.values.is_empty() => format!("{}: {default}", option.by),
        None if option.values.is_empty() => format!("{}: none", option.by),
        _ => option.by.to_string(),
    }
}

fn object(read: &Read) -> Value {
    let files = read
        .files
        .iter()
        .map(|file| json!({ "path": file.path.to_string_lossy(), "is_there": file.is_there }));
    let options = read.options().into_iter().map(|option| {
        let (source, place) = match &option.by {
            By::Flag => ("flag", Value::Null),
            By::Variable(name) => ("env", json!(name)),
            By::File(line) => ("file", json!(line.to_string())),
            By::Nobody => ("default", Value::Null),
        };
        json!({ "key": option.key, "value": option.value(), "source": source, "place": place,
                "default": default_of(option.arg) })
    });
    json!({ "command": read.command, "files": files.collect::<Vec<_>>(), "options": options.collect::<Vec<_>>() })
}

/// Longer ones do not push the comments of all the others away.
const TEXT_LEN_MAX: usize = 44;
