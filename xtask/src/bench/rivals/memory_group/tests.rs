use std::path::Path;
use std::process::Command;

use super::wrapped;

#[test]
fn a_command_that_was_wrapped_takes_more_arguments() {
    let mut command = Command::new("program");
    command.arg("first").env("NAME", "value");
    let mut command = wrapped(Path::new("procs"), &command);
    command.arg("last");
    let words: Vec<_> = command.get_args().skip(2).map(|word| word.to_string_lossy().into_owned()).collect();
    assert_eq!(words, ["bash", "procs", "program", "first", "last"]);
    assert!(command.get_envs().any(|(name, value)| name == "NAME" && value.is_some_and(|it| it == "value")));
}
