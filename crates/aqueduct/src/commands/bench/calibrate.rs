//! `bench --calibrate`: what the thresholds of a server should be here, written down beside its store.

use std::io::Write;
use std::time::Duration;

use aqueduct_bench::calibrate;
use aqueduct_client::Landing;
use aqueduct_server::CalibrationFile;
use aqueduct_store::{Absent, Options, Store};
use serde_json::json;

use super::while_showing;
use crate::directories;
use crate::fault::Fault;
use crate::flags::Bench;
use crate::output::Output;
use crate::text::shown;
use crate::voice::Voice;

pub(super) fn run(bench: &Bench, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    let directory = bench.store.clone().map_or_else(directories::store, Ok)?;
    // A server may have it open: it is not opened where it is there. And what is no store must not become none for ever.
    if !Store::is_at(&directory)? {
        Store::open(&directory, Absent::Make, Options::default())?.close()?;
    }
    let path = CalibrationFile::path(&directory);
    let landed = |source| Fault::Landing { path: shown(&path), source };
    let time = bench.time.map(Duration::from_secs);
    // Before anything is measured: what cannot be written must not cost a minute.
    let landing = Landing::begin(&path).map_err(landed)?;
    let found = while_showing(voice, |clock, tell| calibrate(&directory, time, clock, tell))?;
    let is_written = !found.is_empty();
    if is_written {
        let file = CalibrationFile(found.thresholds());
        landing.file().write_all(file.to_string().as_bytes()).map_err(landed)?;
        // A power cut must not leave half of it.
        let _ = landing.land(true, true).map_err(landed)?;
    }
    if json {
        let mut object = found.json();
        object["file"] = json!(is_written.then(|| path.to_string_lossy()));
        output.json(&object)?;
    } else {
        output.text(found.text().as_bytes())?;
    }
    if !is_written {
        return Err(Fault::NothingMeasured);
    }
    if !json {
        output.line("")?;
        output.line(format!(
            "Written to {}. A server of this store goes by it when it next starts.",
            shown(&path)
        ))?;
    }
    Ok(())
}
