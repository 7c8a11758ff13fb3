//! Action results and trees as protobuf.
//!
//! Read field by field, and not by way of `prost::Message`, which skips fields that it does not know, as text has many that is
//! no message at all; and which makes values of a hundred bytes out of two, as often as a stranger repeats them.

use aqueduct_blob::Digest;

use super::{BadActionResult, NOTHING, References, digest_of};
use crate::build_cache::limits::REFERENCE_COUNT_MAX;

/// `ActionResult` has the fields 2 to 12, and 1 is reserved. Others would be of a later version of the API, and might be
/// references.
pub(super) fn action_references(body: &[u8]) -> Result<References, BadActionResult> {
    if body.is_empty() {
        return Err(BadActionResult::Empty);
    }
    let mut references = References::default();
    let (mut stdout, mut stderr) = (RawDigest::default(), RawDigest::default());
    for field in Fields(body) {
        match field? {
            (2, value) => references.add_blob(output_file(value.bytes()?)?)?,
            (3, value) => output_directory(value.bytes()?, &mut references)?,
            // exit_code
            (4, value) => drop(value.varint()?),
            // stdout_raw, stderr_raw
            (5 | 7, value) => drop(value.bytes()?),
            (6, value) => stdout.merge(value.bytes()?)?,
            (8, value) => stderr.merge(value.bytes()?)?,
            // execution_metadata: what is in there is of no account, but that it is a message.
            (9, value) => Fields(value.bytes()?).try_for_each(|field| field.map(drop))?,
            // output_file_symlinks, output_directory_symlinks, output_symlinks
            (10..=12, value) => output_symlink(value.bytes()?)?,
            _ => return Err(BadActionResult::UnknownField),
        }
    }
    references.add_blob(stdout.digest()?)?;
    references.add_blob(stderr.digest()?)?;
    Ok(references)
}

/// `Tree` has a root and its children, which are `Directory`s.
pub(super) fn tree_references(body: &[u8]) -> Result<Vec<Digest>, BadActionResult> {
    if body.is_empty() {
        return Err(BadActionResult::Empty);
    }
    let mut blobs = Vec::new();
    for field in Fields(body) {
        match field? {
            (1 | 2, value) => directory(value.bytes()?, &mut blobs)?,
            _ => return Err(BadActionResult::UnknownField),
        }
    }
    Ok(blobs)
}

/// The digest of an `OutputFile`. Its bytes may be there as well, but a client that has no use for those asks for the blob.
fn output_file(body: &[u8]) -> Result<Option<Digest>, BadActionResult> {
    let (mut path, mut digest) = (&[][..], RawDigest::default());
    for field in Fields(body) {
        match field? {
            (1, value) => path = value.text()?,
            (2, value) => digest.merge(value.bytes()?)?,
            _ => {}
        }
    }
    named(path)?;
    digest.digest()?.ok_or(BadActionResult::NoDigest).map(Some)
}

/// An `OutputDirectory`, whose path is empty where it is the whole working directory.
fn output_directory(body: &[u8], references: &mut References) -> Result<(), BadActionResult> {
    let (mut tree, mut root) = (RawDigest::default(), RawDigest::default());
    for field in Fields(body) {
        match field? {
            (1, value) => drop(value.text()?),
            (3, value) => tree.merge(value.bytes()?)?,
            (5, value) => root.merge(value.bytes()?)?,
            _ => {}
        }
    }
    references.add_directory(tree.digest()?, root.digest()?)
}

fn output_symlink(body: &[u8]) -> Result<(), BadActionResult> {
    let mut path = &[][..];
    for field in Fields(body) {
        match field? {
            (1, value) => path = value.text()?,
            (2, value) => drop(value.text()?),
            _ => {}
        }
    }
    named(path)
}

/// A `Directory`: the digests of its files. Those of its directories are of messages that are in the tree itself.
fn directory(body: &[u8], blobs: &mut Vec<Digest>) -> Result<(), BadActionResult> {
    for field in Fields(body) {
        match field? {
            (1, value) => {
                if blobs.len() == REFERENCE_COUNT_MAX {
                    return Err(BadActionResult::TooMany);
                }
                blobs.extend(node(value.bytes()?)?.filter(|it| *it != NOTHING));
            }
            (2, value) => drop(node(value.bytes()?)?),
            // symlinks; node_properties
            (3 | 5, value) => drop(value.bytes()?),
            _ => return Err(BadActionResult::UnknownField),
        }
    }
    Ok(())
}

/// A `FileNode` or a `DirectoryNode`.
fn node(body: &[u8]) -> Result<Option<Digest>, BadActionResult> {
    let (mut name, mut digest) = (&[][..], RawDigest::default());
    for field in Fields(body) {
        match field? {
            (1, value) => name = value.text()?,
            (2, value) => digest.merge(value.bytes()?)?,
            _ => {}
        }
    }
    named(name)?;
    digest.digest()?.ok_or(BadActionResult::NoDigest).map(Some)
}

fn named(path: &[u8]) -> Result<(), BadActionResult> {
    if path.is_empty() { Err(BadActionResult::NoPath) } else { Ok(()) }
}

/// A `Digest`. One that is there several times is merged, as protobuf wants it of every message.
#[derive(Default)]
struct RawDigest<'b> {
    hash: &'b [u8],
    size: i64,
}

impl<'b> RawDigest<'b> {
    fn merge(&mut self, body: &'b [u8]) -> Result<(), BadActionResult> {
        for field in Fields(body) {
            match field? {
                (1, value) => self.hash = value.text()?,
                (2, value) => self.size = value.varint()?.cast_signed(),
                _ => {}
            }
        }
        Ok(())
    }

    fn digest(&self) -> Result<Option<Digest>, BadActionResult> {
        digest_of(self.hash, self.size)
    }
}

/// The fields of a message, in the order in which they come: numbers and values.
struct Fields<'b>(&'b [u8]);

enum Value<'b> {
    Varint(u64),
    /// A text, bytes or a message.
    Bytes(&'b [u8]),
    /// 4 or 8 bytes, which nothing that is looked at here has.
    Fixed,
}

impl<'b> Iterator for Fields<'b> {
    type Item = Result<(u32, Value<'b>), BadActionResult>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.take_field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(BadActionResult::NotProtobuf))
    }
}

impl<'b> Fields<'b> {
    fn take_field(&mut self) -> Option<(u32, Value<'b>)> {
        let key = u32::try_from(self.take_varint()?).ok()?;
        let number = key >> 3;
        let value = match key & 7 {
            0 => Value::Varint(self.take_varint()?),
            1 => self.take_bytes(8).map(|_| Value::Fixed)?,
            2 => {
                let len = usize::try_from(self.take_varint()?).ok()?;
                Value::Bytes(self.take_bytes(len)?)
            }
            5 => self.take_bytes(4).map(|_| Value::Fixed)?,
            // Groups, which version 3 of the language does not have; and two numbers without meaning.
            _ => return None,
        };
        (number != 0).then_some((number, value))
    }

    fn take_bytes(&mut self, len: usize) -> Option<&'b [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Seven bits a byte, the lowest first; the highest bit of a byte says that another one follows.
    fn take_varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = u64::from(self.take_bytes(1)?[0]);
            let bits = byte & 0x7f;
            // Of the tenth byte only one bit has room.
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

impl<'b> Value<'b> {
    fn varint(self) -> Result<u64, BadActionResult> {
        if let Self::Varint(number) = self { Ok(number) } else { Err(BadActionResult::WrongType) }
    }

    fn bytes(self) -> Result<&'b [u8], BadActionResult> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(BadActionResult::WrongType) }
    }

    /// The bytes of a `string`, which are UTF-8.
    fn text(self) -> Result<&'b [u8], BadActionResult> {
        self.bytes().and_then(|bytes| {
            if str::from_utf8(bytes).is_ok() { Ok(bytes) } else { Err(BadActionResult::WrongType) }
        })
    }
}
