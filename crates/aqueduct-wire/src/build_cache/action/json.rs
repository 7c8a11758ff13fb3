//! Action results as the JSON of protobuf: names in camel case, or as they are in the schema; `null` for what is not there;
//! integers as numbers or texts.
//!
//! Each element of a list becomes what it refers to as soon as it is read, and unknown fields are skipped, so that a long body
//! does not become something much larger in memory. Unknown fields are no error, since the forms of this JSON differ more
//! than those of protobuf do.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::{BadActionResult, References, digest_of};

pub(super) fn action_references(body: &[u8]) -> Result<References, BadActionResult> {
    if body.is_empty() {
        return Err(BadActionResult::Empty);
    }
    let Object(result) = serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => BadActionResult::WrongType,
        Category::Syntax | Category::Eof | Category::Io => BadActionResult::NotJson,
    })?;
    ActionResult::references(result)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionResult {
    #[serde(alias = "output_files")]
    output_files: Option<List<OutputFile>>,
    #[serde(alias = "output_directories")]
    output_directories: Option<List<OutputDirectory>>,
    #[serde(alias = "output_file_symlinks")]
    output_file_symlinks: Option<List<OutputSymlink>>,
    #[serde(alias = "output_directory_symlinks")]
    output_directory_symlinks: Option<List<OutputSymlink>>,
    #[serde(alias = "output_symlinks")]
    output_symlinks: Option<List<OutputSymlink>>,
    #[serde(alias = "exit_code")]
    exit_code: Option<Integer>,
    #[serde(alias = "stdout_raw")]
    stdout_raw: Option<String>,
    #[serde(alias = "stdout_digest")]
    stdout_digest: Option<Object<RawDigest>>,
    #[serde(alias = "stderr_raw")]
    stderr_raw: Option<String>,
    #[serde(alias = "stderr_digest")]
    stderr_digest: Option<Object<RawDigest>>,
    #[serde(alias = "execution_metadata")]
    execution_metadata: Option<Object<Anything>>,
}

impl ActionResult {
    fn references(self) -> Result<References, BadActionResult> {
        let links = [self.output_file_symlinks, self.output_directory_symlinks, self.output_symlinks];
        let links = links.into_iter().flatten().map(|list| list.found);
        let lists =
            [self.output_files.map(|list| list.found), self.output_directories.map(|list| list.found)];
        let has_others = self.exit_code.is_some()
            || self.stdout_raw.is_some()
            || self.stderr_raw.is_some()
            || self.execution_metadata.is_some();
        let mut is_empty = !has_others && self.stdout_digest.is_none() && self.stderr_digest.is_none();
        let mut references = References::default();
        for found in lists.into_iter().flatten().chain(links) {
            references.append(found?)?;
            is_empty = false;
        }
        references.add_blob(RawDigest::digest(self.stdout_digest)?)?;
        references.add_blob(RawDigest::digest(self.stderr_digest)?)?;
        if is_empty { Err(BadActionResult::Empty) } else { Ok(references) }
    }
}

/// An element of a list.
trait Output {
    fn add_to(self, references: &mut References) -> Result<(), BadActionResult>;
}

#[derive(Deserialize)]
struct OutputFile {
    #[serde(default)]
    path: String,
    digest: Option<Object<RawDigest>>,
}

impl Output for OutputFile {
    fn add_to(self, references: &mut References) -> Result<(), BadActionResult> {
        if self.path.is_empty() {
            return Err(BadActionResult::NoPath);
        }
        references.add_blob(Some(RawDigest::digest(self.digest)?.ok_or(BadActionResult::NoDigest)?))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutputDirectory {
    #[serde(alias = "tree_digest")]
    tree_digest: Option<Object<RawDigest>>,
    #[serde(alias = "root_directory_digest")]
    root_directory_digest: Option<Object<RawDigest>>,
}

impl Output for OutputDirectory {
    fn add_to(self, references: &mut References) -> Result<(), BadActionResult> {
        references.add_directory(
            RawDigest::digest(self.tree_digest)?,
            RawDigest::digest(self.root_directory_digest)?,
        )
    }
}

#[derive(Deserialize)]
struct OutputSymlink {
    #[serde(default)]
    path: String,
}

impl Output for OutputSymlink {
    fn add_to(self, _: &mut References) -> Result<(), BadActionResult> {
        if self.path.is_empty() { Err(BadActionResult::NoPath) } else { Ok(()) }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDigest {
    hash: Option<String>,
    #[serde(alias = "size_bytes")]
    size_bytes: Option<Integer>,
}

impl RawDigest {
    fn digest(it: Option<Object<Self>>) -> Result<Option<aqueduct_blob::Digest>, BadActionResult> {
        let Some(Object(Self { hash, size_bytes })) = it else { return Ok(None) };
        digest_of(hash.unwrap_or_default().as_bytes(), size_bytes.map_or(0, |size| size.0))
    }
}

/// What a list of outputs refers to. Of one with an element that is wrong, only that is kept.
struct List<T> {
    found: Result<References, BadActionResult>,
    of: PhantomData<T>,
}

impl<'de, T: Output + Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Self { found: Ok(References::default()), of: PhantomData })
    }
}

impl<'de, T: Output + Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Self, A::Error> {
        while let Some(Object(element)) = elements.next_element::<Object<T>>()? {
            self.found = self.found.and_then(|mut found| element.add_to(&mut found).map(|()| found));
        }
        Ok(self)
    }
}

/// An object, and no list of the values of its fields, which serde would take as well.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// An object whose fields are of no account.
#[derive(Deserialize)]
struct Anything {}

/// A number, or a text that spells one, as 64 bits have to be written.
struct Integer(i64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerVisitor)
    }
}

struct IntegerVisitor;

impl Visitor<'_> for IntegerVisitor {
    type Value = Integer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Integer, E> {
        Ok(Integer(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Integer, E> {
        number.try_into().map(Integer).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Integer, E> {
        text.parse().map(Integer).map_err(E::custom)
    }
}
