//! What `put` says.

use std::time::Instant;

use serde_json::{Value, json};

use super::{Outcome, Stored};
use crate::exit;
use crate::failures::Failures;
use crate::fault::Fault;
use crate::output::Output;
use crate::routes::Routes;
use crate::sources::Source;
use crate::text::{counted, digest_line, pace, path_members, shown};
use crate::voice::Voice;

#[derive(Debug)]
pub(super) struct Report<'a, 'b> {
    voice: &'a Voice,
    output: &'a mut Output<'b>,
    failures: Failures<'a>,
    began: Instant,
    count: usize,
    new_count: usize,
    size: u64,
    routes: Routes,
    /// `None` without `--json`.
    files: Option<Files>,
}

/// What goes into the one object.
#[derive(Debug, Default)]
struct Files {
    stored: Vec<Value>,
    failed: Vec<Value>,
}

impl<'a, 'b> Report<'a, 'b> {
    pub(super) fn new(json: bool, voice: &'a Voice, output: &'a mut Output<'b>, of: usize) -> Self {
        Self {
            voice,
            output,
            failures: Failures::new(voice, of),
            began: Instant::now(),
            count: 0,
            new_count: 0,
            size: 0,
            routes: Routes::default(),
            files: json.then(Files::default),
        }
    }

    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        self.output.flush()
    }

    /// Reports the next source; `None` is one that could not even be listed.
    pub(super) fn add(&mut self, source: Option<&Source>, outcome: Outcome) -> Result<(), Fault> {
        match (source, outcome) {
            (Some(source), Ok(stored)) => self.stored(source, &stored),
            (source, Err(fault)) => {
                self.failed(source, fault);
                Ok(())
            }
            (None, Ok(_)) => unreachable!("what could not be listed is not stored"),
        }
    }

    fn stored(&mut self, source: &Source, stored: &Stored) -> Result<(), Fault> {
        let Stored { digest, size, is_new, routes } = stored;
        self.count += 1;
        self.new_count += usize::from(*is_new);
        self.size += size;
        self.routes.add_all(routes);
        let digest = digest.to_string();
        match &mut self.files {
            None => self.output.line(digest_line(&digest, &source.path))?,
            Some(files) => {
                let mut file = json!({
                    "digest": digest, "size": size, "new": is_new, "carried": routes.json(),
                });
                path_members(&mut file, &source.path);
                files.stored.push(file);
            }
        }
        self.voice.detail(|| {
            let path = shown(&source.path);
            let outcome = if *is_new { "new" } else { "already there" };
            match routes.summary().as_str() {
                "" if *size == 0 => format!("{path}: {outcome}, empty"),
                "" => format!("{path}: {outcome}, not sent"),
                summary => format!("{path}: {outcome}, {summary}"),
            }
        });
        Ok(())
    }

    fn failed(&mut self, source: Option<&Source>, fault: Fault) {
        self.note(source, &fault);
        self.failures.add(fault);
    }

    /// Keeps a failure for the one object, and does not say it.
    pub(super) fn note(&mut self, source: Option<&Source>, fault: &Fault) {
        if let Some(files) = &mut self.files {
            let mut file = json!({ "error": fault.to_string(), "code": exit::code(fault).number() });
            if let Some(source) = source {
                path_members(&mut file, &source.path);
            }
            files.failed.push(file);
        }
    }

    /// Sums up, and fails if a source did.
    pub(super) fn finish(self, skipped: usize) -> Result<(), Fault> {
        let Self { voice, output, failures, began, count, new_count, size, routes, files } = self;
        let took = began.elapsed();
        if let Some(Files { stored, failed }) = files {
            output.json(&json!({
                "files": stored,
                "failed": failed,
                "skipped": skipped,
                "size": size,
                "new": new_count,
                "carried": routes.json(),
                "seconds": took.as_secs_f64(),
            }))?;
        }
        output.flush()?;
        if skipped > 0 {
            voice.say(&format!("{skipped} skipped: neither a file nor a directory, or the store itself"));
        }
        if count == 0 {
            return failures.finish();
        }
        let carried = match routes.summary() {
            summary if summary.is_empty() => String::new(),
            summary => format!("; carried by {summary}"),
        };
        voice.say(&format!(
            "{}, {}; {new_count} new, {} already there{carried}",
            counted(count, "file"),
            pace(size, took),
            count - new_count,
        ));
        failures.finish()
    }
}
