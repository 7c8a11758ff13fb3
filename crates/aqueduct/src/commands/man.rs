use clap::CommandFactory;

use crate::fault::Fault;
use crate::flags::{Flags, Man};
use crate::output::Output;
use crate::text::shown;

pub(super) fn run(man: &Man, output: &mut Output<'_>) -> Result<(), Fault> {
    let mut command = Flags::command();
    // Global flags reach the commands only when clap has built the whole.
    command.build();
    if let Some(dir) = &man.dir {
        let doing = format!("write pages to {}", shown(dir));
        return clap_mangen::generate_to(Flags::command(), dir).map_err(Fault::local(doing));
    }
    let mut pages = Vec::new();
    let commands = command.get_subcommands().filter(|command| command.get_name() != "help");
    for page in std::iter::once(&command).chain(commands) {
        clap_mangen::Man::new(page.clone()).render(&mut pages).map_err(Fault::local("make the manual"))?;
    }
    output.text(&pages)
}
