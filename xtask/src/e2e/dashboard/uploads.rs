//! Files that are chosen or dropped, and a line that breaks meanwhile.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::json;

use super::{DESK, Report, Site};
use crate::e2e::agreement;
use crate::process;
use crate::proxy::Proxy;
use crate::server::Server;

pub(super) fn run(site: &Site<'_>, server: &Server, report: &mut Report) -> Result<()> {
    let browser = site.browser;
    let line = Proxy::start(server.host(), |_| Box::new(|_| {}))?;
    let page = format!("http://{}/ui", line.address());
    browser.show(&page, DESK, 900)?;
    let (path, digest) = site.file("chosen", 9_000_001)?;
    browser.type_into("#files", &path)?;
    is_stored(site, server, Path::new(&path), &digest)?;
    report.ok("a file that is chosen is stored under the digest that another program finds for it");

    browser.ask(DROP)?;
    let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for digest in [DROPPED, empty] {
        stands_in_list(site, digest)?;
    }
    report.ok("files that are dropped on the page are stored, be they empty");

    let (path, digest) = begin_slowly(site, "broken", 40_000_003)?;
    browser.click("#sendings button")?;
    browser.wait_for(
        "it is paused, and the server says what has arrived",
        r#"return document.querySelector('#sendings .said').textContent.startsWith("Paused")
           && document.querySelector('#uploads progress')?.max === 40000003"#,
    )?;
    browser.click("#sendings button")?;
    browser.wait_for(
        "it goes on",
        r#"return / of .*\/s/.test(document.querySelector('#sendings .said').textContent)"#,
    )?;
    browser.ask(NOTE)?;
    line.reset();
    browser.wait_for(
        "it says that the line broke",
        "return window.said.some(text => text.startsWith('The line broke'))",
    )?;
    browser.throttle(None)?;
    is_stored(site, server, Path::new(&path), &digest)?;
    browser.wait_for("nothing is in progress", r#"return document.querySelector('#uploads tr') === null"#)?;
    report.ok("an upload that is paused is shown, and goes on after that and after the line broke");

    let (path, digest) = begin_slowly(site, "left", 40_000_005)?;
    browser.click("#sendings button")?;
    browser.throttle(None)?;
    browser
        .wait_for("the server says what has arrived", r#"return document.querySelector('#uploads tr')"#)?;
    browser.show(&page, DESK, 900)?;
    browser.ask(NOTE)?;
    browser.type_into("#files", &path)?;
    is_stored(site, server, Path::new(&path), &digest)?;
    browser.wait_for(
        "nothing is in progress",
        r#"return document.getElementById("state").className === "live" && document.querySelector('#uploads tr') === null"#,
    )?;
    let first = browser.ask(FIRST)?;
    ensure!(first.as_str().is_some_and(|first| !first.starts_with("0 B")), "it began anew: {first}");
    report.ok("an upload goes on where it was after the page was loaded again");

    begin_slowly(site, "unwanted", 40_000_007)?;
    browser.click("#sendings li button:last-child")?;
    browser.throttle(None)?;
    browser.wait_for(
        "it is gone",
        r#"return document.querySelector('#sendings progress') === null && document.querySelector('#uploads tr') === null"#,
    )?;
    report.ok("an upload that is cancelled is dropped");
    // It complains of a line that broke, as it should.
    browser.console()?;
    Ok(())
}

/// Chooses a new file, of which some has come by now, and most has not.
fn begin_slowly(site: &Site<'_>, name: &str, size: u64) -> Result<(String, String)> {
    let (path, digest) = site.file(name, size)?;
    site.browser.throttle(Some(SLOW))?;
    site.browser.type_into("#files", &path)?;
    site.browser.wait_for("whole segments are sent", ARRIVES)?;
    Ok((path, digest))
}

/// Waits until the page says that a file is stored, and compares what the server has.
fn is_stored(site: &Site<'_>, server: &Server, path: &Path, digest: &str) -> Result<()> {
    stands_in_list(site, digest)?;
    let got = site.dir.join("got");
    process::run(Command::new("curl").args(["-sf", "--output"]).arg(&got).arg(server.blob(digest)))?;
    agreement::same_bytes(path, &got)
}

fn stands_in_list(site: &Site<'_>, digest: &str) -> Result<()> {
    let stands = format!(
        r#"return [...document.querySelectorAll('#sendings code')].some(code => code.title === {})"#,
        json!(digest)
    );
    site.browser.wait_for(&format!("{digest} is uploaded"), &stands).map(drop)
}

/// What a mouse that lets go of two files does, as far as a script can.
const DROP: &str = r#"
const held = new DataTransfer();
held.items.add(new File(["abc"], "dropped"));
held.items.add(new File([], "empty"));
document.getElementById("drop").dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: held }));
"#;

/// A part of a segment may be lost with its connection: docs/doors/uploads.md.
const ARRIVES: &str = "return document.querySelector('#sendings progress')?.value > 10e6";

/// Keeps what is said of the upload, however short it stands there.
const NOTE: &str = r#"
window.said = [];
new MutationObserver(() => {
    const said = document.querySelector('#sendings .said')?.textContent;
    if (said && said !== window.said.at(-1)) window.said.push(said);
}).observe(document.getElementById("sendings"), { childList: true, subtree: true, characterData: true });
"#;

/// The first that was said of how much is there.
const FIRST: &str = "return window.said.find(text => text.includes(' of '))";

/// Of `abc`, as FIPS 180-2 has it.
const DROPPED: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Bytes a second: so few that there is time to press a button.
const SLOW: u64 = 4 << 20;
