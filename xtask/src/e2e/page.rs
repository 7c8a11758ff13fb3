//! The page of `aqueduct bench --html`, in a browser: on a desk, on a telephone, and by keyboard alone.

mod browser;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{Ground, Report};
use crate::process;
use browser::Browser;

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
    browser.show(page, DESK, 900)?;
    let address = format!("file://{}", page.display());
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
        browser.show(page, width, 700)?;
        nothing(&browser.ask(SIDEWAYS)?, &format!("at {width} pixels there is, beyond the edge,"))?;
    }
    report.ok(&format!(
        "nothing is cut off, and nothing but a table in its box is wider than {TELEPHONE} pixels"
    ));

    for scheme in ["light", "dark"] {
        browser.prefer(scheme)?;
        nothing(&browser.ask(PALE)?, &format!("in {scheme} colours, hard to read:"))?;
    }
    report.ok("text has a contrast of 4.5 and marks one of 3, in light and in dark");

    let stops = by_keyboard(browser)?;
    report.ok(&format!(
        "the keyboard alone reaches all {stops} things to operate, shows where it is, and opens them"
    ));
    Ok(())
}

/// Goes through the page by Tab, and opens what can be opened by Enter.
fn by_keyboard(browser: &Browser) -> Result<u64> {
    let wanted = browser.ask(OPERABLE)?.as_u64().context("no count of things to operate")?;
    ensure!(wanted >= 2, "{wanted} things to operate");
    for stop in 0..wanted {
        browser.press(TAB)?;
        let focused = browser.ask(FOCUSED)?;
        ensure!(focused["place"] == stop, "after {stop} others Tab is at {focused}");
        ensure!(focused["is_shown"] == true, "nothing shows that {focused} has the focus");
        if focused["name"] == "SUMMARY" {
            browser.press(ENTER)?;
            ensure!(browser.ask(FOCUSED)?["is_open"] == true, "Enter does not open {focused}");
            browser.press(ENTER)?;
        }
    }
    Ok(wanted)
}

fn nothing(found: &Value, what: &str) -> Result<()> {
    let found = found.as_array().context("a list")?;
    ensure!(found.is_empty(), "{what} {found:?}");
    Ok(())
}

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

/// What does not stand out from the page as WCAG 2.2 wants it (1.4.3, and 1.4.11 for what is not text).
const PALE: &str = r#"
const part = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const light = color => {
    const [r, g, b] = color.match(/[\d.]+/g).map(number => part(number / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const paper = light(getComputedStyle(document.body).backgroundColor);
const contrast = color => (Math.max(light(color), paper) + 0.05) / (Math.min(light(color), paper) + 0.05);
const pale = new Set();
const look = (selector, property, least) => {
    for (const element of document.querySelectorAll(selector)) {
        const color = getComputedStyle(element)[property];
        if (contrast(color) < least) pale.add(selector + " " + color + ": " + contrast(color).toFixed(2));
    }
};
look("h1, h2, p, li, dt, dd, th, td, summary", "color", 4.5);
look("svg text", "fill", 4.5);
look("rect.bar", "fill", 3);
look("polyline, .whisker", "stroke", 3);
return [...pale];
"#;

/// How many things there are that a mouse could operate: what opens, and what may scroll from side to side.
const OPERABLE: &str = r#"
window.operable = [...document.querySelectorAll("summary, a[href], .wide")]
    .filter(element => element.checkVisibility());
document.activeElement.blur();
window.scrollTo(0, 0);
return window.operable.length;
"#;

/// Where the keyboard is.
const FOCUSED: &str = r#"
const element = document.activeElement;
const style = getComputedStyle(element);
return {
    place: window.operable.indexOf(element),
    name: element.tagName,
    is_shown: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
    is_open: element.parentElement !== null && element.parentElement.open === true,
};
"#;

/// As WebDriver writes keys: section 17.4.2 of the W3C's recommendation.
const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';

/// The widths of windows, in pixels.
const DESK: u32 = 1200;
const TELEPHONE: u32 = 375;
