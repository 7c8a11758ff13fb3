//! What `cargo metadata` says about the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// A package of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// For tests and benches only.
    pub(crate) is_dev: bool,
}

pub(crate) fn packages(root: &Path) -> Result<Vec<Package>> {
    parse_packages(&ask(root)?).context("cargo metadata: an answer of unknown shape")
}

pub(crate) fn target_dir(root: &Path) -> Result<PathBuf> {
    let answer = ask(root)?;
    answer["target_directory"].as_str().map(PathBuf::from).context("cargo metadata: no target_directory")
}

/// The version of a package of the workspace.
pub(crate) fn version(root: &Path, package: &str) -> Result<String> {
    let answer = ask(root)?;
    let mut packages = answer["packages"].as_array().into_iter().flatten();
    let version = packages.find(|it| it["name"] == package).and_then(|it| it["version"].as_str());
    Ok(version.with_context(|| format!("cargo metadata: no version of {package}"))?.to_owned())
}

fn ask(root: &Path) -> Result<Value> {
    let answer = Command::new(crate::ci::cargo())
        .args(["metadata", "--no-deps", "--format-version=1", "--locked"])
        .current_dir(root)
        .output()
        .context("cargo metadata")?;
    ensure!(answer.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&answer.stderr).trim());
    Ok(serde_json::from_slice(&answer.stdout)?)
}

fn parse_packages(answer: &Value) -> Option<Vec<Package>> {
    let parse_dependency = |dependency: &Value| {
        Some(Dependency {
            name: dependency["name"].as_str()?.to_owned(),
            is_dev: dependency["kind"].as_str() == Some("dev"),
        })
    };
    let parse_package = |package: &Value| {
        Some(Package {
            name: package["name"].as_str()?.to_owned(),
            dependencies: package["dependencies"]
                .as_array()?
                .iter()
                .map(parse_dependency)
                .collect::<Option<_>>()?,
        })
    };
    answer["packages"].as_array()?.iter().map(parse_package).collect()
}
