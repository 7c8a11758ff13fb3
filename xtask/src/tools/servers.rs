//! Servers of others that ours is measured beside. None is installed as a service: that would start it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{find_program, root_prefix, run_quietly, tools_dir};

/// Where a server comes from.
#[derive(Clone, Copy)]
pub(crate) enum Origin {
    /// Debian packages: its own first, and then those of libraries that it needs and not every machine has.
    Debian(&'static [&'static str]),
    /// The version of a crate of the same name.
    Crate(&'static str),
}

/// A server that can be started.
pub(crate) struct Program {
    path: PathBuf,
    /// Where its libraries were unpacked to.
    libraries: Option<PathBuf>,
}

impl Program {
    /// What is there already: in PATH, or from an earlier call of `install`.
    pub(crate) fn find(root: &Path, name: &str, origin: Origin) -> Result<Option<Self>> {
        if let Some(path) = find_program(name) {
            return Ok(Some(Self { path, libraries: None }));
        }
        let tools_dir = tools_dir(root)?;
        let (path, libraries) = match origin {
            Origin::Debian(_) => {
                let dir = tools_dir.join(name);
                let places = ["usr/sbin", "usr/bin"].map(|place| dir.join(place).join(name));
                (places.into_iter().find(|path| path.is_file()), libraries(&dir))
            }
            Origin::Crate(_) => (Some(tools_dir.join("bin").join(name)).filter(|path| path.is_file()), None),
        };
        Ok(path.map(|path| Self { path, libraries }))
    }

    /// What is there, or is brought into the target directory.
    pub(crate) fn install(root: &Path, name: &str, origin: Origin) -> Result<Self> {
        if let Some(program) = Self::find(root, name, origin)? {
            return Ok(program);
        }
        match origin {
            Origin::Debian(packages) => unpack(packages, &tools_dir(root)?.join(name))?,
            Origin::Crate(version) => build(name, version, &tools_dir(root)?)?,
        }
        Self::find(root, name, origin)?.with_context(|| format!("{name} is in none of its packages"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the dynamic linker has to be told, see ld.so(8).
    pub(crate) fn environment(&self) -> Option<(&'static str, &Path)> {
        self.libraries.as_deref().map(|libraries| ("LD_LIBRARY_PATH", libraries))
    }
}

fn libraries(dir: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(dir.join("usr/lib")).ok()?;
    let mut paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    paths.find(|path| path.to_string_lossy().contains("-linux-"))
}

fn unpack(packages: &[&str], dir: &Path) -> Result<()> {
    println!("unpacking Debian's {} into {}", packages.join(", "), dir.display());
    fs::create_dir_all(dir)?;
    let download = || run_quietly(Command::new("apt-get").arg("download").args(packages).current_dir(dir));
    if !download() {
        // There may be no lists of packages yet.
        let line = [root_prefix().unwrap_or_default(), &["apt-get", "update", "--quiet"]].concat();
        run_quietly(Command::new(line[0]).args(&line[1..]));
        ensure!(download(), "apt-get download {} failed; install it and run this again", packages.join(" "));
    }
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            let unpacked = run_quietly(Command::new("dpkg-deb").arg("--extract").arg(&path).arg(dir));
            ensure!(unpacked, "{} cannot be unpacked", path.display());
        }
    }
    Ok(())
}

/// Builds it as its authors say, optimised: its speed is what is asked about.
fn build(name: &str, version: &str, tools_dir: &Path) -> Result<()> {
    println!("building {name} {version} into {}", tools_dir.display());
    let status = Command::new(crate::ci::cargo())
        .args(["install", "--quiet", "--locked", "--version", version, name, "--root"])
        .arg(tools_dir)
        .stdin(Stdio::null())
        .status()
        .context("cargo install")?;
    ensure!(status.success(), "cargo install {name} failed");
    Ok(())
}
