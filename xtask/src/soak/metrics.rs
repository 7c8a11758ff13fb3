//! What the server says to Prometheus after it has met everybody: held against the rules, and against what has happened.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::http::Http;

pub(super) fn check(host: &str, promtool: &Path) -> Result<()> {
    let page = Http::connect(host, None)?.ask("GET", "/metrics", "", &[])?.expect(200)?.body;
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("promtool")?;
    // It reads all of it before it says anything.
    child.stdin.take().context("it was piped")?.write_all(&page)?;
    let said = child.wait_with_output()?;
    let complaints =
        [said.stdout, said.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    ensure!(said.status.success() && complaints.is_empty(), "promtool complains:\n{complaints}");
    let page = String::from_utf8(page)?;
    for series in HAPPENED {
        let values = page.lines().filter(|line| line.starts_with(series));
        let sum: f64 = values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum();
        ensure!(sum > 0.0, "{series} counted nothing:\n{page}");
    }
    println!("promtool has no complaint about {} lines of metrics", page.lines().count());
    Ok(())
}

/// What a soak does to every server.
const HAPPENED: &[&str] = &[
    "aqueduct_requests_total{door=\"blobs\",outcome=\"ok\",verb=\"get\"}",
    "aqueduct_requests_total{door=\"blobs\",outcome=\"refused\"",
    "aqueduct_requests_total{door=\"blobs\",outcome=\"gone\"",
    "aqueduct_requests_total{door=\"uploads\",outcome=\"ok\"",
    "aqueduct_requests_total{door=\"native\",outcome=\"ok\",verb=\"put\"}",
    "aqueduct_sent_bytes_total{door=\"blobs\",route=\"sendfile\"}",
    "aqueduct_received_bytes_total{door=\"uploads\"",
    "aqueduct_received_bytes_total{door=\"native\"",
    "aqueduct_request_duration_seconds_count{door=\"blobs\",verb=\"put\"}",
    "aqueduct_connections_rejected_total",
    "aqueduct_stored_blobs_total",
    "aqueduct_syncs_total",
    "aqueduct_store_blobs ",
    "process_resident_memory_bytes",
];
