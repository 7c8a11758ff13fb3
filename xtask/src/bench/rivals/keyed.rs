//! What a build system keeps in a cache over HTTP: the names are Bazel's.

use std::fs;

use anyhow::{Context, Result};

use super::contender::Contender;
use super::library::many;
use super::stand::Stand;
use crate::bench::stream::{Body, Stream};
use crate::filler::Filler;

/// Which names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Blobs under their digests.
    Cas,
    /// Results of actions, under keys.
    Ac,
}

/// Something under its name.
pub(super) struct Keyed {
    pub(super) target: String,
    body: Vec<u8>,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Cas, Self::Ac];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cas => "cas",
            Self::Ac => "ac",
        }
    }
}

impl Keyed {
    pub(super) fn put(&self, stream: &mut Stream) -> Result<()> {
        stream.put(&self.target, &Body::Bytes(&self.body))
    }
}

/// Things of one kind and size, and those that results refer to.
pub(super) struct Batch {
    outputs: Vec<Keyed>,
    pub(super) all: Vec<Keyed>,
}

impl Batch {
    pub(super) fn make(stand: &Stand, kind: Kind, size: u64, count: usize) -> Result<Self> {
        let name = format!("keyed-{size}-{count}");
        let dir = stand.scratch.join(&name);
        fs::create_dir_all(&dir)?;
        let seed = SEED + (size << 20);
        match kind {
            Kind::Cas => Ok(Self { outputs: Vec::new(), all: blobs(&dir, &name, seed, count, size)? }),
            Kind::Ac => {
                let outputs = blobs(&dir, "output", SEED, OUTPUT_COUNT, OUTPUT_SIZE)?;
                let all = (0..count).map(|index| result(index, size, &outputs)).collect::<Result<_>>()?;
                Ok(Self { outputs, all })
            }
        }
    }

    /// Puts what results refer to.
    pub(super) fn put_outputs(&self, contender: &Contender) -> Result<()> {
        let mut stream = contender.connect()?;
        self.outputs.iter().try_for_each(|output| output.put(&mut stream))
    }
}

fn blobs(dir: &std::path::Path, name: &str, seed: u64, count: usize, size: u64) -> Result<Vec<Keyed>> {
    let keyed = |blob: super::library::Blob| {
        let hex = blob.digest.strip_prefix("sha256:").context("it is by SHA-256")?;
        Ok(Keyed { target: format!("/cas/{hex}"), body: blob.read()? })
    };
    many(dir, name, seed, count, size)?.into_iter().map(keyed).collect()
}

/// An ActionResult (remote_execution.proto of the Remote Execution API, version 2) of `size` bytes: two outputs, and the rest
/// on standard output.
fn result(index: usize, size: u64, outputs: &[Keyed]) -> Result<Keyed> {
    let mut body = Vec::new();
    for nth in [index, index + 1] {
        let output = &outputs[nth % outputs.len()];
        let hex = output.target.strip_prefix("/cas/").context("an output is a blob")?;
        let mut digest = field(1, hex.as_bytes());
        digest.extend([0x10]);
        varint(&mut digest, output.body.len());
        let file = [field(1, format!("out/{nth}").as_bytes()), field(2, &digest)].concat();
        body.extend(field(2, &file));
    }
    let size = usize::try_from(size)?;
    // A tag and a length of up to three bytes come before.
    let mut stdout = vec![0; size.saturating_sub(body.len() + 4)];
    Filler::new(SEED + index as u64).fill(&mut stdout);
    body.extend(field(5, &stdout));
    let mut filler = Filler::new(SEED + index as u64);
    let key: String = (0..4).map(|_| format!("{:016x}", filler.number())).collect();
    Ok(Keyed { target: format!("/ac/{key}"), body })
}

/// A field of bytes in the wire format of protocol buffers.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    varint(&mut field, bytes.len());
    field.extend(bytes);
    field
}

fn varint(target: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        target.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    target.push(u8::try_from(number).expect("seven bits"));
}

/// Of those that results refer to.
const OUTPUT_COUNT: usize = 64;
const OUTPUT_SIZE: u64 = 1 << 10;

/// Away from those of the library.
const SEED: u64 = 1 << 32;
