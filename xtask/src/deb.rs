//! `cargo xtask deb`: a Debian package of the program as it is released. What stands in it is in `packaging/`, what the
//! program can tell of itself is asked of it, and dpkg-deb(1) does the packing.

mod layout;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{bench, metadata, process, tools};
use layout::{DATA, Layout, PROGRAM};

/// Builds the program and packs it.
pub(crate) fn run(root: &Path) -> Result<()> {
    tools::install_for_deb()?;
    let program = bench::build_as_released(root, "aqueduct")?;
    let dir = metadata::target_dir(root)?.join("deb");
    let package = pack(root, &program, &version(root)?, &dir)?;
    println!("{}", package.display());
    Ok(())
}

/// Packs `program` as `version` into `dir`, where a tree of the same name is laid out anew. Returns the package's path.
pub(crate) fn pack(root: &Path, program: &Path, version: &str, dir: &Path) -> Result<PathBuf> {
    let architecture = said(Command::new("dpkg").arg("--print-architecture"))?;
    let name = format!("aqueduct_{version}_{architecture}");
    let layout = Layout::make(&dir.join(&name))?;
    let packaging = root.join("packaging");
    install_program(&layout, program)?;
    install_settings(&layout, &packaging)?;
    let commit = Commit::last(root)?;
    let maintainer = maintainer(root)?;
    install_documents(&layout, root, version, &maintainer, &commit)?;
    let control = fs::read_to_string(packaging.join("deb/control"))?;
    let fields = [
        ("@VERSION@", version),
        ("@ARCHITECTURE@", &architecture),
        ("@MAINTAINER@", &maintainer),
        ("@SIZE@", &layout.size_kib()?.to_string()),
        ("@LIBRARIES@", &libraries(program, &dir.join("shlibdeps"))?),
    ];
    let control = fields.iter().fold(control, |control, (field, value)| control.replace(field, value));
    layout.write("DEBIAN/md5sums", DATA, layout.md5sums()?.as_bytes())?;
    layout.write("DEBIAN/control", DATA, control.as_bytes())?;
    layout.write("DEBIAN/conffiles", DATA, CONFFILES.as_bytes())?;
    for script in ["postinst", "prerm", "postrm"] {
        layout.copy(&packaging.join("deb").join(script), &format!("DEBIAN/{script}"), PROGRAM)?;
    }
    let package = dir.join(name).with_added_extension("deb");
    process::run(
        Command::new("dpkg-deb")
            // Whoever packs it, the files are root's, and no younger than the last commit: deb(5).
            .args(["--root-owner-group", "--build"])
            .args([layout.dir(), &package])
            .env("SOURCE_DATE_EPOCH", &commit.seconds),
    )?;
    Ok(package)
}

/// What the package is called where the workspace's version is such: `~` is less than the end, as in deb-version(7), and
/// what follows the hyphen counts the packages of one version.
pub(crate) fn version(root: &Path) -> Result<String> {
    Ok(format!("{}-1", metadata::version(root, "aqueduct")?.replace('-', "~")))
}

fn install_program(layout: &Layout, program: &Path) -> Result<()> {
    let installed = layout.copy(program, "usr/bin/aqueduct", PROGRAM)?;
    // As dh_strip does it. Who wants the lines of a backtrace builds it.
    let sections = ["--strip-unneeded", "--remove-section=.comment", "--remove-section=.note"];
    process::run(Command::new("strip").args(sections).arg(&installed))?;
    let pages = layout.directory("usr/share/man/man1")?;
    process::run(Command::new(&installed).arg("man").arg(&pages))?;
    for page in fs::read_dir(&pages)? {
        layout::compress(&page?.path())?;
    }
    for (shell, path) in COMPLETIONS {
        let script = process::run(Command::new(&installed).args(["completions", shell]))?;
        layout.write(path, DATA, script.stdout.as_bytes())?;
    }
    Ok(())
}

fn install_settings(layout: &Layout, packaging: &Path) -> Result<()> {
    for (from, to) in [
        ("aqueduct.service", "usr/lib/systemd/system/aqueduct.service"),
        ("aqueduct.socket", "usr/lib/systemd/system/aqueduct.socket"),
        ("sysusers.conf", "usr/lib/sysusers.d/aqueduct.conf"),
        ("config.toml", "etc/aqueduct/config.toml"),
    ] {
        layout.copy(&packaging.join(from), to, DATA)?;
    }
    Ok(())
}

fn install_documents(
    layout: &Layout,
    root: &Path,
    version: &str,
    maintainer: &str,
    commit: &Commit,
) -> Result<()> {
    let read = |path: &str| fs::read_to_string(root.join(path)).with_context(|| path.to_owned());
    let notices = ["packaging/deb/copyright", "LICENSE-MIT", "packaging/deb/copyright-zstd"];
    let copyright = notices.map(&read).into_iter().collect::<Result<Vec<_>>>()?.join("\n");
    let changes = format!(
        "aqueduct ({version}) unstable; urgency=medium\n\n  * What changed is in changelog.gz.\n\n -- {maintainer}  {}\n",
        commit.date
    );
    layout.write("usr/share/doc/aqueduct/copyright", DATA, copyright.as_bytes())?;
    for (name, text) in [("changelog.Debian", changes), ("changelog", read("CHANGELOG.md")?)] {
        layout::compress(&layout.write(&format!("usr/share/doc/aqueduct/{name}"), DATA, text.as_bytes())?)?;
    }
    layout.write("usr/share/doc/aqueduct/install.md", DATA, read("docs/install.md")?.as_bytes())?;
    Ok(())
}

/// The packages whose libraries it was linked with, in the versions that it needs: dpkg-shlibdeps(1).
fn libraries(program: &Path, dir: &Path) -> Result<String> {
    // It insists on a source package around it.
    let source = Layout::make(dir)?;
    source.write("debian/control", DATA, b"Source: aqueduct\n\nPackage: aqueduct\nArchitecture: any\n")?;
    let program = program.canonicalize()?;
    let line = said(Command::new("dpkg-shlibdeps").arg("-O").arg("-e").arg(program).current_dir(dir))?;
    fs::remove_dir_all(dir)?;
    Ok(line.strip_prefix("shlibs:Depends=").context("dpkg-shlibdeps names no packages")?.to_owned())
}

/// Who answers for the package: the variables are those of debchange(1).
fn maintainer(root: &Path) -> Result<String> {
    let of = |variable: &str, setting: &str| {
        std::env::var(variable)
            .or_else(|_| said(Command::new("git").args(["config", setting]).current_dir(root)))
    };
    let (name, email) = (of("DEBFULLNAME", "user.name"), of("DEBEMAIL", "user.email"));
    let (Ok(name), Ok(email)) = (name, email) else {
        anyhow::bail!(
            "who makes this package? Set DEBFULLNAME and DEBEMAIL, or git's user.name and user.email"
        )
    };
    Ok(format!("{name} <{email}>"))
}

/// When the sources were last changed: the same sources make the same package.
struct Commit {
    /// Since 1970.
    seconds: String,
    /// As in a mail's head, RFC 5322 section 3.3.
    date: String,
}

impl Commit {
    fn last(root: &Path) -> Result<Self> {
        let dates = said(Command::new("git").args(["log", "-1", "--format=%ct %cD"]).current_dir(root))?;
        let (seconds, date) = dates.split_once(' ').context("git log gives no date")?;
        Ok(Self { seconds: seconds.to_owned(), date: date.to_owned() })
    }
}

/// The one line that a program prints.
fn said(command: &mut Command) -> Result<String> {
    let said = process::run(command)?;
    let line = said.stdout.trim_end();
    ensure!(!line.is_empty() && !line.contains('\n'), "{command:?} said: {line}");
    Ok(line.to_owned())
}

/// What dpkg asks about before it replaces what somebody changed.
const CONFFILES: &str = "/etc/aqueduct/config.toml\n";

/// Each shell, and where Debian's looks for completions.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/aqueduct"),
    ("zsh", "usr/share/zsh/vendor-completions/_aqueduct"),
    ("fish", "usr/share/fish/vendor_completions.d/aqueduct.fish"),
];

#[cfg(test)]
mod tests;
