//! The messages of `docs/transfer.md` as protobuf has them: every field may be missing, and every number and length be
//! anything.
//!
//! Written by hand in the form of the derive, so that no compiler of schemas is needed to build this.

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Word {
    #[prost(oneof = "Said", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19")]
    pub(super) said: Option<Said>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Said {
    #[prost(message, tag = "1")]
    Open(Open),
    #[prost(message, tag = "2")]
    Challenge(Challenge),
    #[prost(message, tag = "3")]
    Proof(Proof),
    #[prost(message, tag = "4")]
    Offer(Offer),
    #[prost(message, tag = "5")]
    Accept(Accept),
    #[prost(message, tag = "6")]
    Entries(Entries),
    #[prost(message, tag = "7")]
    Pack(Pack),
    #[prost(message, tag = "8")]
    Bytes(Bytes),
    #[prost(message, tag = "9")]
    Sum(Sum),
    #[prost(message, tag = "10")]
    Whole(Whole),
    #[prost(message, tag = "11")]
    Changed(Changed),
    #[prost(message, tag = "12")]
    End(End),
    #[prost(message, tag = "13")]
    Ask(Ask),
    #[prost(message, tag = "14")]
    Held(Held),
    #[prost(message, tag = "15")]
    Verified(Verified),
    #[prost(message, tag = "16")]
    Again(Again),
    #[prost(message, tag = "17")]
    Skip(Skip),
    #[prost(message, tag = "18")]
    Done(Done),
    #[prost(message, tag = "19")]
    Failed(Failed),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Open {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) nonce: Vec<u8>,
    #[prost(int32, tag = "2")]
    pub(super) role: i32,
    #[prost(uint32, tag = "3")]
    pub(super) stream: u32,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) attempt: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Challenge {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) nonce: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) proof: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Proof {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) proof: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Offer {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) transfer: Vec<u8>,
    #[prost(int32, tag = "2")]
    pub(super) algorithm: i32,
    #[prost(int32, tag = "3")]
    pub(super) verify: i32,
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub(super) names: Vec<Vec<u8>>,
    #[prost(uint64, optional, tag = "5")]
    pub(super) size: Option<u64>,
    #[prost(uint64, optional, tag = "6")]
    pub(super) file_count: Option<u64>,
    #[prost(uint32, tag = "7")]
    pub(super) stream_count: u32,
    #[prost(uint64, optional, tag = "8")]
    pub(super) room: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Accept {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) attempt: Vec<u8>,
    #[prost(bool, tag = "2")]
    pub(super) resumes: bool,
    #[prost(bool, tag = "3")]
    pub(super) in_order: bool,
    #[prost(uint32, tag = "4")]
    pub(super) stream_count: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Time {
    #[prost(sint64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(uint32, tag = "2")]
    pub(super) nanoseconds: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Xattr {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) name: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Owner {
    #[prost(uint32, tag = "1")]
    pub(super) user: u32,
    #[prost(uint32, tag = "2")]
    pub(super) group: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Entry {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
    #[prost(uint64, tag = "2")]
    pub(super) parent: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) name: Vec<u8>,
    #[prost(uint32, tag = "4")]
    pub(super) mode: u32,
    #[prost(message, optional, tag = "5")]
    pub(super) mtime: Option<Time>,
    #[prost(message, optional, tag = "6")]
    pub(super) owner: Option<Owner>,
    #[prost(message, repeated, tag = "7")]
    pub(super) xattrs: Vec<Xattr>,
    #[prost(oneof = "Kind", tags = "8, 9, 10, 11, 12")]
    pub(super) kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Kind {
    #[prost(message, tag = "8")]
    Directory(Directory),
    #[prost(message, tag = "9")]
    Regular(Regular),
    #[prost(message, tag = "10")]
    Stream(Stream),
    #[prost(bytes, tag = "11")]
    Symlink(Vec<u8>),
    #[prost(uint64, tag = "12")]
    HardLink(u64),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Directory {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Stream {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Regular {
    #[prost(uint64, tag = "1")]
    pub(super) size: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) identity: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Entries {
    #[prost(message, repeated, tag = "1")]
    pub(super) entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Pack {
    #[prost(message, repeated, tag = "1")]
    pub(super) files: Vec<Entry>,
    /// 32 bytes, or none at all.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) check: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Bytes {
    #[prost(uint64, tag = "1")]
    pub(super) entry: u64,
    #[prost(uint64, tag = "2")]
    pub(super) offset: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Sum {
    #[prost(uint64, tag = "1")]
    pub(super) entry: u64,
    #[prost(uint64, tag = "2")]
    pub(super) index: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) before: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) after: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Whole {
    #[prost(uint64, tag = "1")]
    pub(super) entry: u64,
    #[prost(uint64, tag = "2")]
    pub(super) size: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) digest: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Changed {
    #[prost(uint64, tag = "1")]
    pub(super) entry: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct End {
    #[prost(uint64, tag = "1")]
    pub(super) file_count: u64,
    #[prost(uint64, tag = "2")]
    pub(super) left_count: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Ask {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) identities: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Held {
    #[prost(message, repeated, tag = "1")]
    pub(super) files: Vec<HeldFile>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HeldFile {
    #[prost(uint32, tag = "1")]
    pub(super) place: u32,
    #[prost(bool, tag = "2")]
    pub(super) whole: bool,
    /// First segments, and how many: pairs.
    #[prost(uint64, repeated, tag = "3")]
    pub(super) segments: Vec<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Verified {
    #[prost(uint64, tag = "1")]
    pub(super) len: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Again {
    #[prost(uint64, tag = "1")]
    pub(super) entry: u64,
    #[prost(uint64, repeated, tag = "2")]
    pub(super) segments: Vec<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Skip {
    #[prost(uint64, tag = "1")]
    pub(super) entry: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Done {
    #[prost(uint64, tag = "1")]
    pub(super) file_count: u64,
    #[prost(uint64, tag = "2")]
    pub(super) failed_count: u64,
    #[prost(bool, tag = "3")]
    pub(super) is_synced: bool,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) digest: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Failed {
    #[prost(int32, tag = "1")]
    pub(super) failure: i32,
    #[prost(string, tag = "2")]
    pub(super) why: String,
}
