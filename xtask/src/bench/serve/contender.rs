//! A server that is measured.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::cpu::Meter;
use super::nginx::Nginx;
use crate::server::Server;

/// A running server, and what it takes.
pub(super) struct Contender {
    kind: Kind,
    meter: Meter,
}

enum Kind {
    Aqueduct { server: Server, sync: &'static str },
    Nginx(Nginx),
}

impl Contender {
    pub(super) fn aqueduct(program: &Path, store: &Path, sync: &'static str) -> Result<Self> {
        let server = Server::start_by(Command::new(program), store, &["--sync", sync])?;
        let meter = Meter::of(server.pid())?;
        Ok(Self { kind: Kind::Aqueduct { server, sync }, meter })
    }

    pub(super) fn nginx(program: &Path, dir: &Path) -> Result<Self> {
        let nginx = Nginx::start(program, dir)?;
        let meter = Meter::of(nginx.pid())?;
        Ok(Self { kind: Kind::Nginx(nginx), meter })
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(super) fn is_nginx(&self) -> bool {
        matches!(self.kind, Kind::Nginx(_))
    }

    /// Whether it answers for an upload only once that is on the medium.
    pub(super) fn is_syncing(&self) -> bool {
        matches!(self.kind, Kind::Aqueduct { sync: "full", .. })
    }

    /// With what it does about an upload, where that is the question.
    pub(super) fn name(&self, is_upload: bool) -> String {
        match (&self.kind, is_upload) {
            (Kind::Aqueduct { .. }, false) => "aqueduct".to_owned(),
            (Kind::Nginx(_), false) => "nginx".to_owned(),
            (Kind::Aqueduct { sync, .. }, true) => format!("aqueduct, checked, sync {sync}"),
            (Kind::Nginx(_), true) => "nginx, unchecked, no sync".to_owned(),
        }
    }

    pub(super) fn address(&self) -> &str {
        match &self.kind {
            Kind::Aqueduct { server, .. } => server.address(),
            Kind::Nginx(nginx) => nginx.address(),
        }
    }

    /// Where a blob is to be had, below the address.
    pub(super) fn target(&self, digest: &str) -> String {
        match &self.kind {
            Kind::Aqueduct { .. } => format!("/blobs/{digest}"),
            Kind::Nginx(_) => format!("/{}", digest.replace(':', "-")),
        }
    }

    pub(super) fn url(&self, digest: &str) -> String {
        format!("{}{}", self.address(), self.target(digest))
    }

    /// Ends it, and insists that ours ends well.
    pub(super) fn stop(self) -> Result<()> {
        match self.kind {
            Kind::Aqueduct { server, .. } => server.stop(),
            Kind::Nginx(nginx) => fs::remove_dir_all(nginx.root()).context("nginx's files"),
        }
    }
}
