//! The thresholds that were measured for a store, in a file beside it that may be deleted at any time.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use aqueduct_flow::Thresholds;

/// What a calibration found, as it is written down in a store's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalibrationFile(pub Thresholds);

/// Why a calibration counts for nothing.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what was written.
    #[error("{} is damaged; delete it, or run aqueduct bench --calibrate again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error(
        "{} is of format {found}, and this program knows format {FORMAT}; run aqueduct bench --calibrate again, or use a \
         newer aqueduct", path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The format that it names.
        found: u32,
    },
}

impl CalibrationFile {
    /// Where it is, in the directory of a store.
    #[must_use]
    pub fn path(store: &Path) -> PathBuf {
        store.join("calibration")
    }

    /// Reads the one of a store; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or says nothing that this program knows.
    pub fn load(store: &Path) -> Result<Option<Self>, CalibrationError> {
        let path = Self::path(store);
        let unreadable = |source| CalibrationError::Unreadable { path: path.clone(), source };
        match fs::metadata(&path) {
            Ok(found) if found.is_file() => {}
            // To open a pipe would wait for somebody to write to it.
            Ok(_) => return Err(CalibrationError::Damaged { path }),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        }
        let file = File::open(&path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(LEN_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
        match String::from_utf8(bytes).ok().and_then(|text| parse(&text)) {
            Some(Parsed::Known(thresholds)) => Ok(Some(Self(thresholds))),
            Some(Parsed::Newer(found)) => Err(CalibrationError::NewerFormat { path, found }),
            None => Err(CalibrationError::Damaged { path }),
        }
    }
}

/// As it is in the file.
impl fmt::Display for CalibrationFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Thresholds { memory_size_max, copy_len_max, receive_copy_len_max } = self.0;
        write!(
            f,
            "{HEADING}\nformat {FORMAT}\nmemory-max {memory_size_max}\ncopy-max {copy_len_max}\nreceive-copy-max \
             {receive_copy_len_max}\n"
        )
    }
}

enum Parsed {
    Known(Thresholds),
    Newer(u32),
}

/// A newer format may say anything after its second line.
fn parse(text: &str) -> Option<Parsed> {
    let mut lines = text.lines();
    if lines.next()? != HEADING {
        return None;
    }
    let format = lines.next()?.strip_prefix("format ")?.parse().ok()?;
    if format > FORMAT {
        return Some(Parsed::Newer(format));
    }
    let mut number = |name| lines.next()?.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
    let thresholds = Thresholds {
        memory_size_max: number("memory-max")?,
        copy_len_max: number("copy-max")?,
        receive_copy_len_max: number("receive-copy-max")?,
    };
    // Exactly so, to the last byte: a file that was cut short may end in a shorter number.
    (CalibrationFile(thresholds).to_string() == text).then_some(Parsed::Known(thresholds))
}

const HEADING: &str = "aqueduct calibration";

/// The format that this program writes, and the only one it reads.
const FORMAT: u32 = 1;

/// A calibration is five short lines; what is longer is none.
const LEN_MAX: u64 = 1024;

#[cfg(test)]
mod tests;
