//! The log of a server, on standard error: what happens, and beside it a line for each request, the access log.

use std::io;
use std::sync::{Arc, OnceLock};

use aqueduct_server::ACCESS_LOG;
use tracing::Subscriber;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::writer::OptionalWriter;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::flags::LogFormat;
use crate::voice::Voice;

/// The log, which goes on after this is dropped, but for the lines of the access log.
#[derive(Debug)]
pub(crate) struct Log {
    is_access_logged: bool,
    writer: Arc<OnceLock<NonBlocking>>,
}

/// Lines of the access log are written until this is dropped, and with that to the last.
#[derive(Debug)]
pub(crate) struct AccessLog(#[expect(dead_code, reason = "its end is what counts")] Option<WorkerGuard>);

impl Log {
    /// What happens is written down at once, so that nothing is missing after a crash.
    pub(crate) fn start(format: LogFormat, is_access_logged: bool, voice: &Voice) -> Self {
        let level = level(voice);
        let events = Targets::new().with_default(level).with_target(ACCESS_LOG, LevelFilter::OFF);
        let log = tracing_subscriber::registry().with(lines(format, voice, io::stderr).with_filter(events));
        let is_access_logged = is_access_logged && level >= LevelFilter::INFO;
        let writer = Arc::new(OnceLock::<NonBlocking>::new());
        if is_access_logged {
            let requests = Targets::new().with_target(ACCESS_LOG, LevelFilter::INFO);
            let writer = Arc::clone(&writer);
            let write = move || OptionalWriter::from(writer.get().cloned());
            log.with(lines(format, voice, write).with_filter(requests)).init();
        } else {
            log.init();
        }
        Self { is_access_logged, writer }
    }

    /// Begins the access log, if there is to be one, with the first thread of a server. It has one of its own: no request
    /// waits for it, and where standard error is not read for long its lines are lost.
    pub(crate) fn begin_requests(&self) -> AccessLog {
        AccessLog(self.is_access_logged.then(|| {
            let (writer, guard) = NonBlockingBuilder::default().finish(io::stderr());
            self.writer.get_or_init(|| writer);
            guard
        }))
    }
}

fn lines<S, W>(format: LogFormat, voice: &Voice, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).with_target(false);
    match format {
        LogFormat::Text => lines.with_ansi(voice.is_colored()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    }
}

fn level(voice: &Voice) -> LevelFilter {
    match voice.verbosity() {
        None => LevelFilter::WARN,
        Some(0) => LevelFilter::INFO,
        Some(1) => LevelFilter::DEBUG,
        Some(_) => LevelFilter::TRACE,
    }
}
