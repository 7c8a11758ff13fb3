//! Standard output: results, and nothing else.

use std::io::{self, BufWriter, Stdout, Write};

use serde_json::Value;

use crate::fault::Fault;
use crate::voice::Voice;

/// Lines on standard output. Once whoever reads them is gone they go nowhere, which is no error.
#[derive(Debug)]
pub(crate) struct Output<'a> {
    voice: &'a Voice,
    stdout: BufWriter<Stdout>,
    is_gone: bool,
}

impl<'a> Output<'a> {
    pub(crate) fn new(voice: &'a Voice) -> Self {
        Self { voice, stdout: BufWriter::new(io::stdout()), is_gone: false }
    }

    /// Whether nobody reads any more: work that is done for its lines may stop.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Prints a line, which holds no newline.
    pub(crate) fn line(&mut self, line: impl AsRef<[u8]>) -> Result<(), Fault> {
        let line = line.as_ref();
        self.write(|stdout| {
            stdout.write_all(line)?;
            stdout.write_all(b"\n")
        })
    }

    /// Prints a value on a line of its own.
    pub(crate) fn json(&mut self, value: &Value) -> Result<(), Fault> {
        self.line(value.to_string())
    }

    /// Prints text as it is.
    pub(crate) fn text(&mut self, text: &[u8]) -> Result<(), Fault> {
        self.write(|stdout| stdout.write_all(text))
    }

    /// Hands over what was printed so far.
    pub(crate) fn flush(&mut self) -> Result<(), Fault> {
        self.write(Write::flush)
    }

    fn write(&mut self, write: impl FnOnce(&mut BufWriter<Stdout>) -> io::Result<()>) -> Result<(), Fault> {
        if self.is_gone {
            return Ok(());
        }
        match self.voice.around_bar(|| write(&mut self.stdout)) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_gone = true;
                Ok(())
            }
            written => written.map_err(Fault::local("write to standard output")),
        }
    }
}
