mod config;
mod options;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;

use crate::fault::Fault;
use crate::flags::{Flags, Form, Man};
use crate::output::Output;
use crate::text::shown;

pub(super) fn run(man: &Man, output: &mut Output<'_>) -> Result<(), Fault> {
    match (man.form, &man.dir) {
        (Form::Pages, dir) => pages(dir.as_deref(), output),
        (_, Some(_)) => Err(Fault::Usage("only pages are written to a directory".to_owned())),
        (Form::Options, None) => output.text(options::page(&Flags::command()).as_bytes()),
        (Form::Config, None) => output.text(config::file(&Flags::command()).as_bytes()),
    }
}

fn pages(dir: Option<&Path>, output: &mut Output<'_>) -> Result<(), Fault> {
    let mut command = Flags::command().disable_help_subcommand(true);
    // Global flags reach the commands only when clap has built the whole.
    command.build();
    for command in std::iter::once(&command).chain(command.get_subcommands()) {
        let page = page(command).map_err(Fault::local("make the manual"))?;
        match dir {
            None => output.text(&page)?,
            Some(dir) => {
                let path = dir.join(format!("{}.1", name(command)));
                let written = File::create(&path).and_then(|mut file| file.write_all(&page));
                written.map_err(Fault::local(format!("write {}", shown(&path))))?;
            }
        }
    }
    Ok(())
}

fn page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    for text in [command.get_before_help(), command.get_after_long_help()].into_iter().flatten() {
        verbatim(&text.to_string(), &mut page)?;
    }
    Ok(page)
}

/// A section whose lines stay as they are. The first line, "Examples:" or the like, is its heading.
fn verbatim(text: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let (heading, lines) = text.split_once('\n').unwrap_or((text, ""));
    writeln!(page, ".SH {}\n.nf", heading.trim_end_matches(':').to_uppercase())?;
    for line in lines.lines() {
        // groff_char(7): a bare hyphen may be set as another character. A line may not begin with a control character.
        writeln!(page, "\\&{}", line.replace('\\', "\\e").replace('-', "\\-"))?;
    }
    writeln!(page, ".fi")
}

fn name(command: &clap::Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}
