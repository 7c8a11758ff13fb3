//! A port that somebody has is an error, and never a second listener beside the first.

use std::net::TcpListener;

use anyhow::{Context, Result, ensure};

use super::curl;
use crate::e2e::{Ground, Report};
use crate::server::{Server, refused};

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("taken ports");
    let Ground { program, dir } = *ground;
    let server = Server::start(program, &dir.join("first"))?;
    let address = server.address().strip_prefix("http://").context("that is how it begins")?;
    let said = refused(program, &dir.join("second"), address)?;
    ensure!(said.contains(address), "a server on another's port: {said}");
    // Where both listened, every other connection would go to the one that is gone.
    for _ in 0..ASK_COUNT {
        curl::insist_on_health(server.address())?;
    }
    report.ok(&format!("a second server on the same port ends at once: {}", said.trim_end()));
    server.stop()?;

    let stranger = TcpListener::bind("127.0.0.1:0")?;
    let address = stranger.local_addr()?.to_string();
    let said = refused(program, &dir.join("second"), &address)?;
    ensure!(said.contains(&address), "a server on a stranger's port: {said}");
    report.ok("so does a server on the port of another program");
    Ok(())
}

const ASK_COUNT: u32 = 16;
