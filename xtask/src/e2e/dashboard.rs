//! The server's page, `/ui`, in a browser: what it shows while others get and put, and what can be done with it.

mod traffic;
mod uploads;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::browser::Browser;
use super::readable::{self, ENTER, nothing};
use super::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::process;
use crate::proxy::Proxy;
use crate::server::Server;
pub(super) use traffic::Traffic;

pub(super) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("dashboard");
    let dir = ground.dir.join("dashboard");
    fs::create_dir_all(&dir)?;
    let browser = Browser::open(&dir.join("browser"))?;
    let site = Site { browser: &browser, program: ground.program, dir: &dir };
    let server = site.server("store", &[])?;
    let page = format!("{}/ui", server.address());
    browser.show(&page, DESK, 900)?;
    shows(&site, &server, &page, report)?;
    uploads::run(&site, &server, report)?;
    browser.show(&page, DESK, 900)?;
    finds(&site, &server, report)?;
    reads_well(&site, report)?;
    server.stop()?;
    restarts(&site, report)?;
    admits(&site, report)?;
    drop(browser);
    fs::remove_dir_all(&dir)?;
    Ok(())
}

/// A browser, and where servers and files for it are made.
struct Site<'a> {
    browser: &'a Browser,
    program: &'a Path,
    dir: &'a Path,
}

impl Site<'_> {
    fn server(&self, store: &str, arguments: &[&str]) -> Result<Server> {
        Server::start_by(Command::new(self.program), &self.dir.join(store), arguments)
    }

    /// A file of so many bytes, and what another program says of its digest.
    fn file(&self, name: &str, size: u64) -> Result<(String, String)> {
        let path = self.dir.join(name);
        Filler::new(size).write_file(&path, size)?;
        let path = path.to_str().context("a path of ours is text")?;
        Ok((path.to_owned(), agreement::openssl_sum(Path::new(path))?))
    }
}

/// Figures move while others get and put, and come from nowhere else.
fn shows(site: &Site<'_>, server: &Server, page: &str, report: &mut Report) -> Result<()> {
    let browser = site.browser;
    browser.wait_for(
        "it says that it is live",
        "return document.getElementById('state').className === 'live'",
    )?;
    let traffic = Traffic::begin(server, &site.dir.join("traffic"))?;
    for direction in ["sent", "received"] {
        let moves = format!(
            r#"const now = document.querySelector('[data-value={direction}]').textContent;
               const rows = document.querySelectorAll('#{direction}-routes tr');
               const lines = document.querySelectorAll('#{direction}-plot svg g path[d*=L]');
               return /[1-9].* [KMG]iB\/s/.test(now) && rows.length > 0 && lines.length === rows.length"#
        );
        browser.wait_for(&format!("what is {direction} is shown and drawn"), &moves)?;
    }
    browser.wait_for(
        "a blob that came is among the recent ones",
        "return document.querySelector('#recent tr td code')",
    )?;
    drop(traffic);
    browser.wait_for(
        "the rates fall to nothing once nobody asks",
        r#"return document.querySelector('[data-value=sent]').textContent === "0 B/s""#,
    )?;
    let strange = browser.ask(STRANGE)?;
    nothing(&strange, "the page shows figures that are none:")?;
    report.ok("rates by route, recent blobs and all figures are shown as others get and put");

    let requests = browser.requests(page)?;
    ensure!(requests.iter().any(|request| request.ends_with("/status")), "{requests:?}");
    if let Some(other) = requests.iter().find(|request| !request.starts_with(server.address())) {
        bail!("the page asks for {other}");
    }
    let console = browser.console()?;
    ensure!(console.is_empty(), "the console says {console:?}");
    report.ok(&format!(
        "{} requests, all to the server itself, and the console has nothing to say",
        requests.len()
    ));
    Ok(())
}

/// A blob is found by its digest and by the beginning of it, by keyboard, and what is downloaded is what was uploaded.
fn finds(site: &Site<'_>, server: &Server, report: &mut Report) -> Result<()> {
    let browser = site.browser;
    let (path, digest) = site.file("found", 3_000_001)?;
    process::run(Command::new("curl").args([
        "--silent",
        "--fail",
        "--upload-file",
        &path,
        &server.blob(&digest),
    ]))?;
    let hex = digest.strip_prefix("sha256:").context("SHA-256")?;
    for wanted in [digest.as_str(), &hex.to_uppercase(), &hex[..7], &digest[..20]] {
        browser.ask("document.getElementById('wanted').value = ''")?;
        browser.type_into("#wanted", wanted)?;
        browser.press(ENTER)?;
        browser.wait_for(
            &format!("{wanted} is found"),
            &format!(
                r#"return document.getElementById("found-said").textContent === "One blob."
                   && document.querySelector('#found code').title === {}"#,
                json!(digest)
            ),
        )?;
        browser.ask("document.getElementById('found-said').textContent = ''")?;
    }
    let downloads = site.dir.join("downloads");
    fs::create_dir(&downloads)?;
    browser.download_into(&downloads)?;
    browser.click("#found a")?;
    let landed = downloads.join(digest.replace(':', "-"));
    appears(browser, &landed)?;
    agreement::same_bytes(Path::new(&path), &landed)?;
    for (wanted, said) in [("f".repeat(64), "No blob here"), ("nonsense".to_owned(), "Write sha256:HEX")] {
        browser.ask("document.getElementById('wanted').value = ''")?;
        browser.type_into("#wanted", &wanted)?;
        browser.click("#find button")?;
        let is_said =
            format!(r#"return document.getElementById("found-said").textContent.startsWith("{said}")"#);
        browser.wait_for(&format!("{wanted} is not found"), &is_said)?;
    }
    browser.ask("document.querySelector('#found-said').textContent = ''")?;
    report.ok("a blob is found by its digest or the beginning of it, and its download is the same bytes");
    Ok(())
}

/// Waits for a file that the browser gives its name once it is whole.
fn appears(browser: &Browser, path: &Path) -> Result<()> {
    let began = Instant::now();
    while !path.exists() {
        ensure!(began.elapsed() < APPEAR_MAX, "{} does not come", path.display());
        browser.wait_for("some time passes", "return true")?;
    }
    Ok(())
}

fn reads_well(site: &Site<'_>, report: &mut Report) -> Result<()> {
    let browser = site.browser;
    for width in [DESK, TELEPHONE] {
        browser.resize(width, 800)?;
        nothing(&browser.ask(SIDEWAYS)?, &format!("at {width} pixels there is, beyond the edge,"))?;
    }
    report.ok(&format!("nothing but a table in its box is wider than {TELEPHONE} pixels"));
    browser.resize(DESK, 900)?;
    readable::contrasts(browser, CONTRASTS)?;
    report.ok("text has a contrast of 4.5 and lines one of 3, in light and in dark");
    let stops = readable::by_keyboard(browser, "a[href], button, input, [tabindex]")?;
    report.ok(&format!("the keyboard alone reaches all {stops} things to operate, and shows where it is"));
    nothing(&browser.ask(NAMELESS)?, "without a name that can be read aloud:")?;
    report.ok("whatever can be operated has a name");
    Ok(())
}

/// A server that is gone is said to be, and shown again once it is back, with no rate that is none.
fn restarts(site: &Site<'_>, report: &mut Report) -> Result<()> {
    let browser = site.browser;
    let server = site.server("restarted", &[])?;
    let line = Proxy::start(server.host(), |_| Box::new(|_| {}))?;
    browser.show(&format!("http://{}/ui", line.address()), DESK, 900)?;
    let live = "return document.getElementById('state').className === 'live'";
    browser.wait_for("it says that it is live", live)?;
    let traffic = Traffic::begin(&server, &site.dir.join("traffic"))?;
    browser.wait_for(
        "something is sent",
        r#"return /[1-9].*\/s/.test(document.querySelector('[data-value=sent]').textContent)"#,
    )?;
    drop(traffic);
    server.kill()?;
    browser.wait_for(
        "it says that the server is gone",
        "return document.getElementById('state').textContent.startsWith('Not reached since')",
    )?;
    let server = site.server("restarted", &[])?;
    line.aim(server.host())?;
    browser.wait_for("it is live again", live)?;
    browser.wait_for(
        "the rates of the second run begin at nothing",
        r#"return document.querySelector('[data-value=sent]').textContent === "0 B/s""#,
    )?;
    let negative = browser.ask(r#"return [...document.querySelectorAll('dd, td')].map(it => it.textContent).filter(it => /^-\d/.test(it))"#)?;
    nothing(&negative, "below zero:")?;
    server.stop()?;
    // It complains of a server that was gone, as it should.
    browser.console()?;
    report.ok("a server that goes is said to be gone, and one that comes back is shown again");
    Ok(())
}

/// With tokens, nobody sees the page without one, and who may only read is told so.
fn admits(site: &Site<'_>, report: &mut Report) -> Result<()> {
    let browser = site.browser;
    let tokens = site.dir.join("tokens");
    File::create(&tokens)?.write_all(b"read reader\nwrite writer\n")?;
    let tokens = tokens.to_str().context("a path of ours is text")?;
    let server = site.server("guarded", &["--token-file", tokens])?;
    let status = |user: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]).args(user);
        process::run(curl.arg(format!("{}/ui", server.address()))).map(|said| said.stdout)
    };
    ensure!(status(&[])? == "401" && status(&["--user", "x:wrong"])? == "401", "it is there for everybody");
    ensure!(status(&["--user", "x:reader"])? == "200", "it is not there for a reader");
    let (path, digest) = site.file("guarded-file", 100_001)?;
    let host = server.host();
    for (token, outcome) in [("reader", "may read and not write"), ("writer", digest.as_str())] {
        browser.show(&format!("http://x:{token}@{host}/ui"), DESK, 900)?;
        browser.wait_for("it is live", "return document.getElementById('state').className === 'live'")?;
        browser.type_into("#files", &path)?;
        let is_said =
            format!(r#"return document.getElementById("upload-said").textContent.includes("{outcome}")"#);
        browser.wait_for(&format!("an upload with the token of a {token}: {outcome}"), &is_said)?;
    }
    report.ok("behind tokens the page is for those who may read, and an upload for those who may write");
    server.stop()
}

/// Figures that are none, and tables whose rows are not as long as their heads.
const STRANGE: &str = r#"
const strange = /NaN|Infinity|undefined|null|\[object/;
return [...document.querySelectorAll('td, dd, p, path')]
    .map(it => it.getAttribute("d") ?? it.textContent).filter(text => strange.test(text));
"#;

/// What is wider than the window and does not scroll in a box of its own.
const SIDEWAYS: &str = r#"
const width = document.documentElement.clientWidth;
const beyond = [];
if (document.documentElement.scrollWidth > width) beyond.push("the page: " + document.documentElement.scrollWidth);
for (const element of document.querySelectorAll('body *')) {
    const box = element.getBoundingClientRect();
    const scrolls = element.parentElement.closest(".wide, svg") !== null;
    if (!scrolls && box.width > 0 && (box.left < 0 || box.right > width + 0.5)) beyond.push(element.tagName + ": " + box.right);
}
return beyond;
"#;

/// What a mouse can operate and a screen reader cannot name.
const NAMELESS: &str = r#"
return [...document.querySelectorAll('a[href], button, input, progress, meter, [tabindex]')].filter(element =>
    !(element.getAttribute("aria-label") || element.getAttribute("aria-labelledby") || element.labels?.length
        || element.textContent.trim())).map(element => element.outerHTML);
"#;

/// What is read or looked at, and how much it has to stand out.
const CONTRASTS: &[(&str, &str, f64)] = &[
    ("h1, h2, h3, p, label, dt, dd, th, td, li, span, code, button, a", "color", 4.5),
    (".plot svg g path, .sample line", "stroke", 3.0),
    ("button, input[type=text], #drop", "borderTopColor", 3.0),
];

/// The widths of windows, in pixels.
const DESK: u32 = 1200;
const TELEPHONE: u32 = 360;

/// Far longer than a browser takes for a file of some MiB.
const APPEAR_MAX: Duration = Duration::from_secs(60);
