//! The device as a file: as much of the protocol of FUSE as one file takes, spoken from a thread of this program.
//!
//! The file is opened with `FOPEN_DIRECT_IO`: no page cache is between the loop device and the log, so the log has every
//! write and every sync in the order in which the kernel did them. See fuse(4) and include/uapi/linux/fuse.h. A crate
//! would bring thirty others for these ten requests.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, ensure};
use rustix::mount::{MountFlags, mount};

use super::device::{Device, SIZE};

/// The filesystem with the file in it. `mount::unmount_all` takes it away, and the thread then ends.
pub(super) struct Fuse {
    file: PathBuf,
}

impl Fuse {
    /// Mounts it at `dir`, and serves it as long as it is mounted.
    pub(super) fn mount(device: Arc<Device>, dir: &Path) -> Result<Self> {
        ensure!(rustix::process::geteuid().is_root(), "this takes root: it mounts a filesystem of its own");
        let fuse = File::options()
            .read(true)
            .write(true)
            .open(FUSE)
            .with_context(|| format!("{FUSE}: is the kernel built with FUSE?"))?;
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", fuse.as_raw_fd());
        let options = std::ffi::CString::new(options)?;
        mount("aqueduct-device", dir, "fuse", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())
            .with_context(|| format!("mount {}", dir.display()))?;
        thread::spawn(move || serve(fuse, &device));
        Ok(Self { file: dir.join(NAME) })
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }
}

/// Answers until it is unmounted.
fn serve(mut fuse: File, device: &Device) {
    let mut buffer = vec![0; REQUEST_LEN_MAX];
    loop {
        let len = match fuse.read(&mut buffer) {
            Ok(len) => len,
            // A request that was interrupted before it was read.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Interrupted) => continue,
            Err(_) => return,
        };
        let request = Request(&buffer[..len]);
        let reply = match answer(&request, device) {
            Answer::Nothing => continue,
            Answer::Error(errno) => framed(-errno, &request, &[]),
            Answer::Bytes(bytes) => framed(0, &request, &bytes),
        };
        // Who asked may have gone meanwhile, ENOENT.
        let _ = fuse.write(&reply);
    }
}

/// A request: `fuse_in_header`, and what its kind has behind that.
struct Request<'a>(&'a [u8]);

impl Request<'_> {
    fn u32(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.0[at..at + 4].try_into().expect("four bytes"))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_ne_bytes(self.0[at..at + 8].try_into().expect("eight bytes"))
    }

    fn code(&self) -> u32 {
        self.u32(4)
    }

    fn unique(&self) -> u64 {
        self.u64(8)
    }

    fn node(&self) -> u64 {
        self.u64(16)
    }

    fn behind(&self, at: usize) -> &[u8] {
        &self.0[HEADER_LEN + at..]
    }
}

enum Answer {
    Bytes(Vec<u8>),
    /// Its number.
    Error(i32),
    /// The kernel waits for none.
    Nothing,
}

fn answer(request: &Request<'_>, device: &Device) -> Answer {
    // Of reads and writes: which file, from where, how much.
    let place = || (request.u64(HEADER_LEN + 8), request.u32(HEADER_LEN + 16) as usize);
    match request.code() {
        code::INIT => Answer::Bytes(init(request)),
        code::LOOKUP if request.behind(0).strip_suffix(b"\0") == Some(NAME.as_bytes()) => {
            let mut entry = Reply::default();
            // The node, its generation, how long that is valid: for long, nothing changes.
            entry.u64s(&[FILE_NODE, 0, VALID_SECONDS, VALID_SECONDS]).u32s(&[0, 0]).attributes(FILE_NODE);
            Answer::Bytes(entry.0)
        }
        code::LOOKUP => Answer::Error(rustix::io::Errno::NOENT.raw_os_error()),
        code::GETATTR | code::SETATTR => {
            let mut said = Reply::default();
            said.u64s(&[VALID_SECONDS]).u32s(&[0, 0]).attributes(request.node());
            Answer::Bytes(said.0)
        }
        code::OPEN => {
            let mut opened = Reply::default();
            opened.u64s(&[0]).u32s(&[FOPEN_DIRECT_IO, 0]);
            Answer::Bytes(opened.0)
        }
        code::READ => {
            let (offset, len) = place();
            let left = usize::try_from(SIZE.saturating_sub(offset)).expect("less than a device");
            Answer::Bytes(device.read(offset, len.min(left)))
        }
        code::WRITE => {
            let (offset, len) = place();
            device.write(offset, &request.behind(WRITE_LEN)[..len]);
            let mut written = Reply::default();
            written.u32s(&[request.u32(HEADER_LEN + 16), 0]);
            Answer::Bytes(written.0)
        }
        code::FSYNC => {
            device.flush();
            Answer::Bytes(Vec::new())
        }
        code::RELEASE | code::FLUSH | code::ACCESS | code::DESTROY => Answer::Bytes(Vec::new()),
        code::STATFS => Answer::Bytes(vec![0; STATFS_LEN]),
        code::FORGET | code::BATCH_FORGET | code::INTERRUPT => Answer::Nothing,
        // Whatever else there is, holes and extended attributes among it.
        _ => Answer::Error(rustix::io::Errno::NOSYS.raw_os_error()),
    }
}

fn init(request: &Request<'_>) -> Vec<u8> {
    let readahead = request.u32(HEADER_LEN + 8);
    let mut said = Reply::default();
    said.u32s(&[MAJOR, MINOR, readahead, BIG_WRITES | MAX_PAGES]);
    // Two numbers of 16 bits: how many requests may wait in the background. The next is how exact times are.
    said.u32s(&[BACKGROUND | (BACKGROUND << 16), WRITE_LEN_MAX, 1]);
    // And how many pages a request may have.
    said.u32s(&[WRITE_LEN_MAX / 4096, 0]).u32s(&[0; 7]);
    said.0
}

fn framed(error: i32, request: &Request<'_>, bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(REPLY_HEADER_LEN + bytes.len()).expect("a reply is short");
    [&len.to_ne_bytes()[..], &error.to_ne_bytes(), &request.unique().to_ne_bytes(), bytes].concat()
}

/// What is said, field by field.
#[derive(Default)]
struct Reply(Vec<u8>);

impl Reply {
    fn u64s(&mut self, numbers: &[u64]) -> &mut Self {
        numbers.iter().for_each(|number| self.0.extend(number.to_ne_bytes()));
        self
    }

    fn u32s(&mut self, numbers: &[u32]) -> &mut Self {
        numbers.iter().for_each(|number| self.0.extend(number.to_ne_bytes()));
        self
    }

    /// `fuse_attr`.
    fn attributes(&mut self, node: u64) {
        let (size, mode) = if node == FILE_NODE { (SIZE, 0o100_600) } else { (0, 0o040_700) };
        self.u64s(&[node, size, size / 512, 0, 0, 0]);
        // Three parts of times, mode, links, owner, group, device, the length of a block, flags.
        self.u32s(&[0, 0, 0, mode, 1, 0, 0, 0, 4096, 0]);
    }
}

/// What is asked, `enum fuse_opcode`.
mod code {
    pub(super) const LOOKUP: u32 = 1;
    pub(super) const FORGET: u32 = 2;
    pub(super) const GETATTR: u32 = 3;
    pub(super) const SETATTR: u32 = 4;
    pub(super) const OPEN: u32 = 14;
    pub(super) const READ: u32 = 15;
    pub(super) const WRITE: u32 = 16;
    pub(super) const STATFS: u32 = 17;
    pub(super) const RELEASE: u32 = 18;
    pub(super) const FSYNC: u32 = 20;
    pub(super) const FLUSH: u32 = 25;
    pub(super) const INIT: u32 = 26;
    pub(super) const ACCESS: u32 = 34;
    pub(super) const INTERRUPT: u32 = 36;
    pub(super) const DESTROY: u32 = 38;
    pub(super) const BATCH_FORGET: u32 = 42;
}

const FUSE: &str = "/dev/fuse";

const NAME: &str = "device";

/// The root is 1.
const FILE_NODE: u64 = 2;

/// The version that these structures are of.
const MAJOR: u32 = 7;
const MINOR: u32 = 31;

const FOPEN_DIRECT_IO: u32 = 1;
const BIG_WRITES: u32 = 1 << 5;
const MAX_PAGES: u32 = 1 << 22;

const BACKGROUND: u32 = 64;

const WRITE_LEN_MAX: u32 = 1 << 20;

/// Of `fuse_in_header`, `fuse_out_header`, `fuse_write_in` and `fuse_kstatfs`.
const HEADER_LEN: usize = 40;
const REPLY_HEADER_LEN: usize = 16;
const WRITE_LEN: usize = 40;
const STATFS_LEN: usize = 80;

/// Of the largest write.
const REQUEST_LEN_MAX: usize = (1 << 20) + 4096;

const VALID_SECONDS: u64 = 3600;
