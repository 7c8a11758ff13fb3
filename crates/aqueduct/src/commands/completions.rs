use clap::CommandFactory;

use crate::fault::Fault;
use crate::flags::{Completions, Flags};
use crate::output::Output;

pub(super) fn run(completions: &Completions, output: &mut Output<'_>) -> Result<(), Fault> {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Flags::command(), "aqueduct", &mut script);
    output.text(&script)
}
