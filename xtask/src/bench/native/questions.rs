//! Many digests, and whether they are there.

use std::fmt::Write;

use anyhow::{Context, Result};

use super::asker::Asker;
use super::small::Sources;
use super::{Stand, alternate};
use crate::bench::figures::{Spread, print_table};
use crate::bench::run::timed;
use crate::filler::{Filler, write_text};

/// Asks for `count` digests; as many are there as there are sources.
pub(super) fn run(stand: &Stand<'_>, sources: &Sources, count: usize, round_count: usize) -> Result<()> {
    let list = stand.scratch.join("digests");
    let mut lines: String = sources.files.iter().map(|(_, digest)| format!("{digest}\n")).collect();
    let mut filler = Filler::new(20);
    for _ in sources.files.len()..count {
        let [a, b, c, d] = [(); 4].map(|()| filler.number());
        writeln!(lines, "sha256:{a:016x}{b:016x}{c:016x}{d:016x}")?;
    }
    write_text(&list, &lines)?;

    let (server, _) = stand.serve("asked")?;
    timed(&Asker::Native.put(stand, sources, server.host())?, None)?;
    let text = |path: &std::path::Path| path.to_str().map(str::to_owned).context("its path is not UTF-8");
    let (program, list) = (text(stand.program)?, text(&list)?);
    let walls = alternate(SCHEMES.len(), round_count, |arm, _| {
        let url = format!("{}://{}", SCHEMES[arm], server.host());
        Ok(timed(&["bash", "-c", HAS, &program, &url, &list], None)?.wall)
    })?;
    server.stop()?;
    println!(
        "`aqueduct has -` of {count} digests, {} of them there, {round_count} rounds",
        sources.files.len()
    );
    let row = |(scheme, walls): (&&str, &Vec<f64>)| {
        vec![(*scheme).to_owned(), format!("{:.3}", Spread::of(walls.iter().copied()))]
    };
    print_table(&["scheme", "wall s"], &SCHEMES.iter().zip(&walls).map(row).collect::<Vec<_>>());
    let native = Spread::of(walls[0].iter().copied());
    let answer = if native.max < WALL_MAX { "yes" } else { "NO" };
    println!("In under a second: {answer}, {native:.3} s\n");
    Ok(())
}

const SCHEMES: [&str; 2] = ["aqueduct", "http"];

/// What is not there is exit code 3.
const HAS: &str = r#""$0" has - --quiet --server "$1" < "$2" > /dev/null || [ $? = 3 ]"#;

/// What was promised, in seconds.
const WALL_MAX: f64 = 1.0;
