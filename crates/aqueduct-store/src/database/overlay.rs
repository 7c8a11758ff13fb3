//! A database file of which nothing is changed: what is written stays in memory.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use redb::StorageBackend;

use crate::poison::lock;

/// Lets redb repair and check a file as if it could write to it.
#[derive(Debug)]
pub(super) struct Overlay {
    file: File,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    len: u64,
    /// Up to here, what was not written is what the file has; behind it, zeroes.
    backed_len: u64,
    /// What was written, by the number of the page.
    pages: HashMap<u64, Page>,
}

type Page = Box<[u8; PAGE_LEN]>;

impl Overlay {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, state: Mutex::new(State { len, backed_len: len, pages: HashMap::new() }) })
    }

    /// A page as it is now.
    fn page(&self, state: &State, number: u64) -> io::Result<Page> {
        if let Some(page) = state.pages.get(&number) {
            return Ok(page.clone());
        }
        let mut page = Box::new([0; PAGE_LEN]);
        let start = number * PAGE_LEN as u64;
        let len = state.backed_len.saturating_sub(start).min(PAGE_LEN as u64);
        let len = usize::try_from(len).expect("it is no more than a page");
        self.file.read_exact_at(&mut page[..len], start)?;
        Ok(page)
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.state).len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = lock(&self.state);
        if offset.saturating_add(out.len() as u64) > state.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (number, within, piece) in pieces(offset, out) {
            piece.copy_from_slice(&self.page(&state, number)?[within..within + piece.len()]);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.len = len;
        state.backed_len = state.backed_len.min(len);
        state.pages.retain(|number, _| number * (PAGE_LEN as u64) < len);
        if let Some(page) = state.pages.get_mut(&(len / PAGE_LEN as u64)) {
            let within = usize::try_from(len % PAGE_LEN as u64).expect("it is less than a page");
            page[within..].fill(0);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = lock(&self.state);
        let mut bytes = data.to_vec();
        for (number, within, piece) in pieces(offset, &mut bytes) {
            let mut page = self.page(&state, number)?;
            page[within..within + piece.len()].copy_from_slice(piece);
            state.pages.insert(number, page);
        }
        state.len = state.len.max(offset + data.len() as u64);
        Ok(())
    }
}

/// The parts of `bytes` that lie in one page each: its number, and where in it.
fn pieces(offset: u64, bytes: &mut [u8]) -> impl Iterator<Item = (u64, usize, &mut [u8])> {
    let (mut offset, mut left) = (offset, bytes);
    std::iter::from_fn(move || {
        let within = usize::try_from(offset % PAGE_LEN as u64).expect("it is less than a page");
        let number = offset / PAGE_LEN as u64;
        let len = left.len().min(PAGE_LEN - within);
        let (piece, rest) = std::mem::take(&mut left).split_at_mut(len);
        (offset, left) = (offset + len as u64, rest);
        (len > 0).then_some((number, within, piece))
    })
}

/// As redb has it, so that most writes are whole ones.
const PAGE_LEN: usize = 4096;

#[cfg(test)]
mod tests;
