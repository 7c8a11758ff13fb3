//! Bytes that no filesystem can compress or share, made faster than a disk takes them.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

/// A stream of bytes that look random, the same for the same seed: Xorshift64*.
pub(crate) struct Filler {
    /// Never 0.
    state: u64,
}

impl Filler {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// A number of 64 bits.
    pub(crate) fn number(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn fill(&mut self, buffer: &mut [u8]) {
        for word in buffer.chunks_mut(8) {
            let bytes = self.number().to_le_bytes();
            word.copy_from_slice(&bytes[..word.len()]);
        }
    }

    /// Makes a file of `size` bytes.
    pub(crate) fn write_file(&mut self, path: &Path, size: u64) -> Result<()> {
        let mut file = File::create(path).with_context(|| path.display().to_string())?;
        self.write(&mut file, size).with_context(|| path.display().to_string())
    }

    /// Writes `len` bytes.
    pub(crate) fn write(&mut self, target: &mut impl Write, len: u64) -> Result<()> {
        let mut buffer = vec![0; BUFFER_LEN];
        let mut left = len;
        while left > 0 {
            let len = usize::try_from(left).map_or(BUFFER_LEN, |left| left.min(BUFFER_LEN));
            self.fill(&mut buffer[..len]);
            target.write_all(&buffer[..len])?;
            left -= len as u64;
        }
        Ok(())
    }
}

/// Makes a file of text.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<()> {
    let mut file = File::create(path).with_context(|| path.display().to_string())?;
    file.write_all(text.as_bytes()).with_context(|| path.display().to_string())
}

const BUFFER_LEN: usize = 1 << 20;

#[cfg(test)]
mod tests;
