//! Packages from npm, in a directory of their own below the target directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{Program, install_missing};
use crate::filler::write_text;

/// A package, and the one version of it that tests were written for.
struct Package {
    name: &'static str,
    version: &'static str,
    why: &'static str,
}

const BUILD_CLIENTS: &[Package] = &[
    Package { name: "@bazel/bazel-linux_x64", version: "2.1.0", why: "a real Bazel with its own Java" },
    Package { name: "@moonrepo/core-linux-x64-gnu", version: "2.5.5", why: "moon itself" },
    Package { name: "turbo", version: "2.11.11", why: "Turborepo" },
    Package { name: "nx", version: "24.0.6", why: "Nx" },
];

const PROGRAMS: &[Program] = &[
    Program { name: "node", package: "nodejs", why: "Nx is written for it" },
    Program { name: "npm", package: "npm", why: "some build systems are packed for it" },
];

/// Installs what is missing of the build systems that npm has, and answers their `node_modules`.
pub(super) fn install_build_clients(tools_dir: &Path) -> Result<PathBuf> {
    let dir = tools_dir.join("npm");
    let modules = dir.join("node_modules");
    if BUILD_CLIENTS.iter().all(|package| is_there(&modules, package)) {
        return Ok(modules);
    }
    install_missing(PROGRAMS)?;
    for Package { name, version, why } in BUILD_CLIENTS {
        println!("installing {name} {version} into {}: {why}", dir.display());
    }
    fs::create_dir_all(&dir)?;
    // Without one npm looks for the package it is in, upwards.
    write_text(&dir.join("package.json"), "{ \"private\": true }\n")?;
    let wanted = BUILD_CLIENTS.iter().map(|package| format!("{}@{}", package.name, package.version));
    let mut npm = Command::new("npm");
    // What packages would run of their own when they are installed is not needed.
    npm.args(["install", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"]).args(wanted);
    let status = npm.current_dir(&dir).stdin(Stdio::null()).status().context("npm")?;
    ensure!(status.success(), "{npm:?} failed");
    Ok(modules)
}

fn is_there(modules: &Path, package: &Package) -> bool {
    let said = fs::read(modules.join(package.name).join("package.json")).unwrap_or_default();
    let described: serde_json::Value = serde_json::from_slice(&said).unwrap_or_default();
    described["version"] == package.version
}
