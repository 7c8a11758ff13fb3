//! All options on one page, in Markdown.

use std::fmt::Write as _;

use clap::Command;

use crate::flags::{REREAD, Shared, default_of, help_of, key_of, options, shared};

pub(super) fn page(program: &Command) -> String {
    let mut page = INTRODUCTION.to_owned();
    let (several, own): (Vec<_>, Vec<_>) = shared(program).into_iter().partition(Shared::is_of_several);
    let all: Vec<_> = options(program).map(|arg| Shared { arg, commands: Vec::new() }).collect();
    section("All commands", &all, &mut page);
    section("Several commands", &several, &mut page);
    for command in program.get_subcommands().map(Command::get_name) {
        let own: Vec<_> = own.iter().filter(|option| option.commands == [command]).cloned().collect();
        section(&format!("aqueduct {command}"), &own, &mut page);
    }
    page
}

fn section(title: &str, options: &[Shared<'_>], page: &mut String) {
    if !options.is_empty() {
        let _ = writeln!(page, "\n## {title}");
    }
    options.iter().for_each(|option| describe(option, page));
}

fn describe(option: &Shared<'_>, page: &mut String) {
    let Shared { arg, commands } = option;
    let Some(name) = arg.get_long() else { return };
    let short = arg.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
    let value = match (arg.get_action().takes_values(), arg.get_value_names()) {
        (true, Some([value, ..])) => format!(" {value}"),
        _ => String::new(),
    };
    let mut facts = Vec::new();
    facts.extend(option.is_of_several().then(|| format!("of {}", commands.join(", "))));
    facts.extend(arg.get_env().map(|variable| format!("`{}`", variable.to_string_lossy())));
    facts.extend(key_of(arg).map(|key| format!("key `{key}`")));
    facts.extend(default_of(arg).map(|default| format!("default: {default}")));
    let is_reread = commands.contains(&"serve") && REREAD.contains(&name);
    facts.extend(is_reread.then(|| "read again on SIGHUP".to_owned()));
    let _ = writeln!(page, "\n**`{short}--{name}{value}`**");
    if !facts.is_empty() {
        // Two spaces break a line of Markdown.
        page.insert_str(page.len() - 1, "  ");
        let _ = writeln!(page, "{}", facts.join("; "));
    }
    page.push('\n');
    let _ = writeln!(page, "{}", help_of(arg).replacen("\n\n", ".\n\n", 1));
    if !help_of(arg).contains("\n\n") {
        page.insert(page.len() - 1, '.');
    }
}

const INTRODUCTION: &str = "\
# Options

Every option of every command. This page is made by `aqueduct man --as options`, of the list that `--help` is made of, too.

An option may be given as a flag, as a variable of the environment, or as a key of a configuration file. A flag counts more
than a variable, and a variable more than a file. Files are read in this order, and the later one counts more:
`/etc/aqueduct/config.toml`, then `aqueduct/config.toml` in `$XDG_CONFIG_HOME` or `~/.config`. `--config FILE` names one that
is read instead of both. `--show-config` prints what each option of a command is, and who says so.

A file is TOML. A table is named after a command and has keys of its options; a key above all tables is for every command that
has such an option, and counts less than one in a table. What is a switch is `true` or `false`; what may be given more than
once is an array; everything else is a string or a whole number. A path is counted from the directory of the file, and `~/` is
the home directory. A key that no command has is an error, and so is a value that the flag would not take: nothing is done
then.

```toml
server = \"aqueduct://blobs.internal:7070\"   # put, get, has, ls, ...

[serve]
store = \"/srv/blobs\"
listen = [\"127.0.0.1:7070\", \"10.0.0.5:7070\"]
max-size = \"2TiB\"
```

On SIGHUP `aqueduct serve` reads its files again, and its tokens. What is marked below is taken while it runs; the log says for
each option that changed whether it was taken or takes a restart. Where there was no limit to what the store may take, to set
one takes a restart, too, and so does lifting it. If anything in the files is wrong, nothing changes.
";
