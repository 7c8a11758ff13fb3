//! `cargo xtask pictures`: what the README shows of the server's page and of the bench's, from a real browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::browser::Browser;
use super::dashboard::Traffic;
use super::{Ground, free_bytes};
use crate::process;
use crate::scratch::Scratch;
use crate::server::Server;
use crate::{metadata, tools};

/// Takes the pictures anew, into `docs/pictures`.
pub(crate) fn run(root: &Path) -> Result<()> {
    tools::install_for_e2e()?;
    let target = metadata::target_dir(root)?;
    let scratch = Scratch::make(&target.join("pictures"))?;
    let dir = scratch.dir();
    ensure!(free_bytes(dir)? >= super::PAGE_SPACE, "make room at {}", dir.display());
    super::build(root)?;
    let ground = Ground { program: &target.join("release/aqueduct"), dir };
    let album = Album { dir: root.join("docs/pictures") };
    fs::create_dir_all(&album.dir)?;
    let browser = Browser::open(&dir.join("browser"))?;
    dashboard(&ground, &browser, &album)?;
    bench(&ground, &browser, &album)
}

/// While others get and put, so that there is something to see.
fn dashboard(ground: &Ground<'_>, browser: &Browser, album: &Album) -> Result<()> {
    // Without leases there is always something to evict, so that puts go on.
    let limit = ["--max-size", "1GiB", "--lease", "0"];
    let server = Server::start_by(Command::new(ground.program), &ground.dir.join("store"), &limit)?;
    let traffic = Traffic::begin(&server, &ground.dir.join("traffic"))?;
    let page = format!("{}/ui", server.address());
    browser.show(&page, 1200, 1000)?;
    browser.wait_for("lines are drawn over half of the plots", DRAWN)?;
    album.take(browser, "dashboard")?;
    browser.prefer("dark")?;
    browser.resize(390, 844)?;
    album.take(browser, "dashboard-telephone")?;
    browser.prefer("light")?;
    drop(traffic);
    server.stop()
}

fn bench(ground: &Ground<'_>, browser: &Browser, album: &Album) -> Result<()> {
    let page = ground.dir.join("bench.html");
    // By a name that stands for any: the page says where it was measured.
    fs::create_dir(ground.dir.join(PLACE))?;
    let bench = ["bench", "--quick", "--dir", PLACE, "--html"];
    process::run(Command::new(ground.program).args(bench).arg(&page).current_dir(ground.dir))?;
    browser.show(&format!("file://{}", page.display()), 900, 1100)?;
    album.take(browser, "bench")
}

/// Where the pictures are kept.
struct Album {
    dir: PathBuf,
}

impl Album {
    /// What the window shows, in as few bytes as its colours take.
    fn take(&self, browser: &Browser, name: &str) -> Result<()> {
        let path = self.dir.join(name).with_extension("png");
        browser.picture(&path)?;
        let squeeze = ["--force", "--skip-if-larger", "--strip", "--ext", ".png", "128"];
        process::run(Command::new("pngquant").args(squeeze).arg(&path))?;
        let size = fs::metadata(&path)?.len();
        println!("{}: {} KiB", path.display(), size >> 10);
        ensure!(size <= SIZE_MAX, "{} has {size} bytes, and a README is to load quickly", path.display());
        Ok(())
    }
}

/// The scripts count to the plot's own 600 units: a line has begun left of the middle.
const DRAWN: &str = r#"
const begins = [...document.querySelectorAll(".plot svg g path")].map(path => /^M([\d.]+)/.exec(path.getAttribute("d"))?.[1]);
return begins.length >= 3 && begins.some(begin => begin < 300);
"#;

const PLACE: &str = "blobs";

const SIZE_MAX: u64 = 150 << 10;
