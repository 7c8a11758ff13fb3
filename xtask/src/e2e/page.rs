//! The page of `aqueduct bench --html`, in a browser: on a desk, on a telephone, and by keyboard alone.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::browser::Browser;
use super::readable::{self, nothing};
use super::{Ground, Report};
use crate::process;

pub(super) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("page");
    let page = ground.dir.join("bench.html");
    let bench = ["bench", "--quick", "--html"];
    process::run(Command::new(ground.program).args(bench).arg(&page).arg("--dir").arg(ground.dir))?;
    let profile = ground.dir.join("browser");
    let browser = Browser::open(&profile)?;
    let looked = look(&browser, &page, report);
    drop(browser);
    fs::remove_dir_all(&profile)?;
    looked
}

fn look(browser: &Browser, page: &Path, report: &mut Report) -> Result<()> {
    let address = format!("file://{}", page.display());
    browser.show(&address, DESK, 900)?;
    let requests = browser.requests(&address)?;
    ensure!(requests.contains(&address), "{address} is not among {requests:?}");
    if let Some(other) = requests.iter().find(|request| **request != address) {
        bail!("the page asks for {other}");
    }
    let console = browser.console()?;
    ensure!(console.is_empty(), "the console says {console:?}");
    report.ok("the page is one file, and the console has nothing to say");

    let counts = browser.ask(FIGURES)?;
    let count = |name: &str| counts[name].as_u64().with_context(|| format!("no {name} in {counts}"));
    let (tables, cells, plots, marks) = (count("tables")?, count("cells")?, count("plots")?, count("marks")?);
    ensure!(tables >= 2 && cells >= 100 && plots >= 8 && marks >= 50, "{counts}");
    nothing(&counts["wrong"], "figures that are none")?;
    report.ok(&format!(
        "{tables} tables of {cells} cells and {plots} plots of {marks} bars and lines have figures"
    ));

    for width in [DESK, TELEPHONE] {
        browser.show(&address, width, 700)?;
        nothing(&browser.ask(SIDEWAYS)?, &format!("at {width} pixels there is, beyond the edge,"))?;
    }
    report.ok(&format!(
        "nothing is cut off, and nothing but a table in its box is wider than {TELEPHONE} pixels"
    ));

    readable::contrasts(browser, CONTRASTS)?;
    report.ok("text has a contrast of 4.5 and marks one of 3, in light and in dark");

    let stops = readable::by_keyboard(browser, "summary, a[href], .wide")?;
    report.ok(&format!(
        "the keyboard alone reaches all {stops} things to operate, shows where it is, and opens them"
    ));
    Ok(())
}

/// What is read or looked at, and how much it has to stand out.
const CONTRASTS: &[(&str, &str, f64)] = &[
    ("h1, h2, p, li, dt, dd, th, td, summary", "color", 4.5),
    ("svg text", "fill", 4.5),
    ("rect.bar", "fill", 3.0),
    ("polyline, .whisker", "stroke", 3.0),
];

/// How much there is, and which figure is none.
const FIGURES: &str = r#"
document.querySelectorAll("details").forEach(details => details.open = true);
const cells = [...document.querySelectorAll("td")];
const marks = [...document.querySelectorAll("rect.bar, polyline")];
const strange = /NaN|inf|undefined|null/;
const wrong = cells.filter(cell => strange.test(cell.textContent)).map(cell => cell.textContent);
for (const mark of marks) {
    const box = mark.getBBox();
    if (strange.test(mark.outerHTML) || !(box.width > 0 || box.height > 0)) wrong.push(mark.outerHTML);
}
for (const row of document.querySelectorAll("tr")) {
    if (row.cells.length != row.closest("table").rows[0].cells.length) wrong.push(row.textContent);
}
document.querySelectorAll("details").forEach(details => details.open = false);
return {
    tables: document.querySelectorAll("table").length,
    cells: cells.length,
    plots: document.querySelectorAll("svg.plot").length,
    marks: marks.length,
    wrong,
};
"#;

/// What is wider than the window and does not scroll in a box of its own; and what a plot has outside its frame.
const SIDEWAYS: &str = r#"
document.querySelectorAll("details").forEach(details => details.open = true);
const width = document.documentElement.clientWidth;
const beyond = [];
if (document.documentElement.scrollWidth > width) beyond.push("the page: " + document.documentElement.scrollWidth);
for (const element of document.querySelectorAll("main *")) {
    const box = element.getBoundingClientRect();
    const scrolls = element.parentElement.closest(".wide, svg") !== null;
    if (!scrolls && (box.left < 0 || box.right > width + 0.5)) beyond.push(element.tagName + ": " + box.right);
}
for (const plot of document.querySelectorAll("svg.plot")) {
    const frame = plot.closest("figure").getBoundingClientRect();
    for (const element of plot.querySelectorAll("text, rect, line, polyline")) {
        const box = element.getBoundingClientRect();
        const is_inside = box.left >= frame.left - 1 && box.right <= frame.right + 1
            && box.top >= frame.top - 2 && box.bottom <= frame.bottom + 2;
        if (!is_inside) beyond.push(element.outerHTML);
    }
}
document.querySelectorAll("details").forEach(details => details.open = false);
return beyond;
"#;

/// The widths of windows, in pixels.
const DESK: u32 = 1200;
const TELEPHONE: u32 = 375;
