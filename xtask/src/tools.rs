//! The programs that the checks and tests call, and how to get those that are missing.

mod npm;
mod python;
pub(crate) mod servers;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::metadata;
use servers::Origin;

/// A program of the system, and the Debian package that brings it.
struct Program {
    name: &'static str,
    package: &'static str,
    why: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program { name: "cc", package: "gcc", why: "blake3 builds its vector code from assembly" },
    Program { name: "g++", package: "g++", why: "libFuzzer is written in C++" },
    Program { name: "c++", package: "g++", why: "libFuzzer is written in it" },
    Program { name: "mkfs.xfs", package: "xfsprogs", why: "reflink is tested on a loop-mounted xfs" },
    Program {
        name: "mount",
        package: "mount",
        why: "full disks and reflinks are tested on filesystems of their own",
    },
    Program { name: "unshare", package: "util-linux", why: "what a test mounts goes away with its process" },
    Program { name: "b3sum", package: "b3sum", why: "digests are checked against a second BLAKE3" },
    Program { name: "sha256sum", package: "coreutils", why: "digests are checked against a second SHA-256" },
    Program {
        name: "bash",
        package: "bash",
        why: "its `time` tells milliseconds where time(1) tells hundredths",
    },
    Program { name: "curl", package: "curl", why: "most people talk to an HTTP server with it" },
    Program { name: "wget", package: "wget", why: "a client that resumes in its own way" },
    Program { name: "aria2c", package: "aria2", why: "a client that asks for many ranges at once" },
    Program { name: "nc", package: "netcat-openbsd", why: "a client that knows no HTTP at all" },
    Program { name: "taskset", package: "util-linux", why: "rivals are measured on one and the same core" },
    Program { name: "strace", package: "strace", why: "the benchmarks count syncs, and checks all calls" },
    Program { name: "valgrind", package: "valgrind", why: "what a request takes is counted in instructions" },
    Program { name: "openssl", package: "openssl", why: "hashing speed is measured beside `openssl dgst`" },
    Program {
        name: "systemd-analyze",
        package: "systemd",
        why: "the units are checked by whom they are for",
    },
    Program { name: "ip", package: "iproute2", why: "two hosts on one machine are network namespaces" },
    Program { name: "wrk", package: "wrk", why: "the benchmarks ask a server for many small blobs" },
];

/// What only packing for Debian calls.
const DEB_PROGRAMS: &[Program] = &[
    Program { name: "dpkg-deb", package: "dpkg", why: "it packs" },
    Program { name: "dpkg-shlibdeps", package: "dpkg-dev", why: "it knows which package a library is in" },
    Program { name: "strip", package: "binutils", why: "a package's programs have no symbols" },
    Program { name: "gzip", package: "gzip", why: "manual pages lie compressed" },
];

/// What only `cargo xtask bench-transfer` calls.
const TRANSFER_PROGRAMS: &[Program] = &[
    Program { name: "diff", package: "diffutils", why: "what arrived is compared with what was sent" },
    Program { name: "rsync", package: "rsync", why: "ours is measured beside it" },
    Program { name: "scp", package: "openssh-client", why: "ours is measured beside it" },
    Program { name: "socat", package: "socat", why: "ours is measured beside it" },
];

/// What only `cargo xtask e2e` calls.
const E2E_PROGRAMS: &[Program] = &[
    Program { name: "mkfs.btrfs", package: "btrfs-progs", why: "the second filesystem that shares blocks" },
    Program { name: "mkfs.ext4", package: "e2fsprogs", why: "a filesystem that does not" },
    Program { name: "dumpe2fs", package: "e2fsprogs", why: "whether that filesystem has a journal" },
    Program { name: "losetup", package: "mount", why: "power is cut below a loop device" },
    Program { name: "time", package: "time", why: "the most memory that a program had" },
    Program { name: "cmp", package: "diffutils", why: "what came out is compared with what went in" },
    Program { name: "base64", package: "coreutils", why: "a browser gives its pictures in Base64" },
    Program { name: "timeout", package: "coreutils", why: "puts are killed when their time is up" },
    Program { name: "python3", package: "python3", why: "a long line is a relay between two TUN devices" },
    Program {
        name: "nc.openbsd",
        package: "netcat-openbsd",
        why: "each nc ends a connection in its own way",
    },
    Program { name: "nc.traditional", package: "netcat-traditional", why: "the second" },
    Program { name: "busybox", package: "busybox", why: "the third" },
    Program { name: "ncat", package: "ncat", why: "the fourth" },
    Program { name: "chromium", package: "chromium", why: "the pages are looked at in a browser" },
    Program { name: "pngquant", package: "pngquant", why: "a picture of the README shall load quickly" },
    Program { name: "lintian", package: "lintian", why: "it knows what Debian asks of a package" },
    Program {
        name: "mmdebstrap",
        package: "mmdebstrap",
        why: "the package is installed into a fresh Debian",
    },
    Program {
        name: "systemd-nspawn",
        package: "systemd-container",
        why: "which is started, to see the service run",
    },
    Program { name: "nsenter", package: "util-linux", why: "and entered" },
    Program { name: "chromedriver", package: "chromium-driver", why: "somebody has to hold the mouse" },
];

/// What only the checks with build systems call, beside what npm and PyPI have.
const BUILD_PROGRAMS: &[Program] = &[
    Program { name: "ccache", package: "ccache", why: "the ccache that most people have" },
    Program { name: "gradle", package: "gradle", why: "its build cache is tried" },
    Program { name: "git", package: "git", why: "moon works in a repository" },
];

/// Where nginx comes from.
pub(crate) const NGINX: Origin = Origin::Debian(&["nginx"]);

/// Where promtool comes from, which checks what is said to Prometheus.
pub(crate) const PROMTOOL: Origin = Origin::Debian(&["prometheus"]);

const DENY: &str = "cargo-deny";

/// Exact, so that the same deny.toml means the same everywhere.
const DENY_VERSION: &str = "0.20.2";

/// Installs what is missing. Calls no package manager when nothing is.
pub(crate) fn install(root: &Path) -> Result<()> {
    install_missing(PROGRAMS)?;
    if !is_deny(&deny(root)?) {
        install_deny(&tools_dir(root)?)?;
    }
    // The smoke test of the benchmarks measures beside it.
    servers::Program::install(root, "nginx", NGINX)?;
    servers::Program::install(root, "promtool", PROMTOOL)?;
    python::install(&tools_dir(root)?)
}

/// Installs what is missing of that which only packing for Debian calls.
pub(crate) fn install_for_deb() -> Result<()> {
    install_missing(DEB_PROGRAMS)
}

/// Installs what is missing of that which only `cargo xtask bench-transfer` calls.
pub(crate) fn install_for_transfer() -> Result<()> {
    install_missing(TRANSFER_PROGRAMS)
}

/// Where sshd is, which is unpacked and not installed: that would start it.
pub(crate) fn sshd(root: &Path) -> Result<PathBuf> {
    let program = servers::Program::install(root, "sshd", Origin::Debian(&["openssh-server"]))?;
    Ok(program.path().to_owned())
}

/// Where the programs of Magic Wormhole are.
pub(crate) fn wormhole(root: &Path) -> Result<PathBuf> {
    python::install_wormhole(&tools_dir(root)?)
}

/// Where sendme is, which is built: that takes minutes once.
pub(crate) fn sendme(root: &Path) -> Result<PathBuf> {
    let program = servers::Program::install(root, "sendme", Origin::Crate("0.37.1"))?;
    Ok(program.path().to_owned())
}

/// Installs what is missing of that which only `cargo xtask e2e` calls.
pub(crate) fn install_for_e2e() -> Result<()> {
    install_for_deb()?;
    install_missing(E2E_PROGRAMS)
}

/// Where the build systems are that are tried with a server as their cache. Debian's are in PATH.
pub(crate) struct BuildClients {
    /// A `node_modules`.
    pub(crate) npm: PathBuf,
    /// Of programs.
    pub(crate) python: PathBuf,
}

/// Installs what is missing of that which only checks with build systems call.
pub(crate) fn build_clients(root: &Path) -> Result<BuildClients> {
    install_missing(BUILD_PROGRAMS)?;
    let tools_dir = tools_dir(root)?;
    Ok(BuildClients {
        npm: npm::install_build_clients(&tools_dir)?,
        python: python::install_build_clients(&tools_dir)?,
    })
}

/// Where the right cargo-deny is, or will be once it is installed.
pub(crate) fn deny(root: &Path) -> Result<PathBuf> {
    match find_program(DENY).filter(|program| is_deny(program)) {
        Some(program) => Ok(program),
        None => Ok(tools_dir(root)?.join("bin").join(DENY)),
    }
}

fn run_quietly(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn tools_dir(root: &Path) -> Result<PathBuf> {
    Ok(metadata::target_dir(root)?.join("tools"))
}

fn install_missing(programs: &[Program]) -> Result<()> {
    let missing: Vec<&Program> =
        programs.iter().filter(|program| find_program(program.name).is_none()).collect();
    if missing.is_empty() { Ok(()) } else { install_packages(&missing) }
}

fn install_packages(missing: &[&Program]) -> Result<()> {
    for program in missing {
        println!("{} is missing (package {}): {}", program.name, program.package, program.why);
    }
    let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    let by_hand = format!("install these packages and run this again: {}", packages.join(" "));
    if find_program("apt-get").is_none() {
        bail!("there is no apt-get here; {by_hand}");
    }
    let Some(prefix) = root_prefix() else { bail!("neither root nor password-free sudo; {by_hand}") };
    for arguments in
        [&["update", "--quiet"][..], &["install", "--quiet", "--yes", "--no-install-recommends"][..]]
    {
        let with_packages = if arguments[0] == "install" { &packages[..] } else { &[] };
        let line = [prefix, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"], arguments, with_packages]
            .concat();
        println!("$ {}", line.join(" "));
        let status =
            Command::new(line[0]).args(&line[1..]).stdin(Stdio::null()).status().context("apt-get")?;
        ensure!(status.success(), "apt-get {} failed; {by_hand}", arguments[0]);
    }
    for program in missing {
        ensure!(
            find_program(program.name).is_some(),
            "package {} did not bring {}",
            program.package,
            program.name
        );
    }
    Ok(())
}

/// What to put before a command to run it as root: nothing, `sudo`, or `None` when there is no way.
pub(crate) fn root_prefix() -> Option<&'static [&'static str]> {
    let output = Command::new("id").arg("--user").output().ok()?;
    if output.stdout.trim_ascii() == b"0" {
        return Some(&[]);
    }
    let sudo = Command::new("sudo").args(["-n", "true"]).stdin(Stdio::null()).stderr(Stdio::null()).status();
    sudo.is_ok_and(|status| status.success()).then_some(&["sudo", "-n"])
}

/// Looks in PATH, and where Debian keeps root's programs, which a user's PATH leaves out.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = [PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")];
    std::env::split_paths(&path).chain(system).map(|dir| dir.join(name)).find(|program| program.is_file())
}

fn is_deny(program: &Path) -> bool {
    let Ok(output) = Command::new(program).arg("--version").output() else { return false };
    output.status.success() && output.stdout.trim_ascii() == format!("{DENY} {DENY_VERSION}").as_bytes()
}

/// Builds cargo-deny into the target directory, where it touches nobody's own tools.
fn install_deny(tools_dir: &Path) -> Result<()> {
    println!("building {DENY} {DENY_VERSION} into {}", tools_dir.display());
    let status = Command::new(crate::ci::cargo())
        .args([OsStr::new("install"), OsStr::new("--quiet"), OsStr::new("--locked")])
        .args([
            OsStr::new("--version"),
            OsStr::new(DENY_VERSION),
            OsStr::new("--root"),
            tools_dir.as_os_str(),
        ])
        .arg(DENY)
        // It runs for half a second: building it optimised would cost minutes.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .stdin(Stdio::null())
        .status()
        .context("cargo install")?;
    ensure!(status.success(), "cargo install {DENY} failed");
    Ok(())
}

#[cfg(test)]
mod tests;
