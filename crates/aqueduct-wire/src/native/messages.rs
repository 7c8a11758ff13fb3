//! The messages of `docs/aqueduct.proto` as protobuf has them: every field may be missing, and every number and length
//! be anything. A test compares these with that file.
//!
//! Written by hand in the form of the derive, so that no compiler of schemas is needed to build this.

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Digest {
    #[prost(int32, tag = "1")]
    pub(super) algorithm: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Range {
    #[prost(uint64, tag = "1")]
    pub(super) offset: u64,
    #[prost(uint64, tag = "2")]
    pub(super) len: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Request {
    #[prost(uint64, tag = "1")]
    pub(super) task: u64,
    #[prost(oneof = "Ask", tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15")]
    pub(super) ask: Option<Ask>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Ask {
    #[prost(message, tag = "2")]
    Hello(Hello),
    #[prost(message, tag = "3")]
    Put(Put),
    #[prost(message, tag = "4")]
    Data(Data),
    #[prost(message, tag = "5")]
    Checkpoints(Checkpoints),
    #[prost(message, tag = "6")]
    End(End),
    #[prost(message, tag = "7")]
    Leave(Leave),
    #[prost(message, tag = "8")]
    Cancel(Cancel),
    #[prost(message, tag = "9")]
    Get(Get),
    #[prost(message, tag = "10")]
    Has(Has),
    #[prost(message, tag = "11")]
    Stat(Stat),
    #[prost(message, tag = "12")]
    List(List),
    #[prost(message, tag = "13")]
    Remove(Remove),
    #[prost(message, tag = "14")]
    ListUploads(ListUploads),
    #[prost(message, tag = "15")]
    DropUpload(DropUpload),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Hello {
    #[prost(string, tag = "1")]
    pub(super) agent: String,
    #[prost(string, tag = "2")]
    pub(super) token: String,
    #[prost(string, repeated, tag = "3")]
    pub(super) capabilities: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Put {
    #[prost(int32, tag = "1")]
    pub(super) algorithm: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) digest: Option<Digest>,
    #[prost(uint64, optional, tag = "3")]
    pub(super) size: Option<u64>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) upload: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Data {
    #[prost(uint64, tag = "1")]
    pub(super) offset: u64,
    #[prost(bool, tag = "2")]
    pub(super) end: bool,
    #[prost(uint64, tag = "3")]
    pub(super) size: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Checkpoints {
    #[prost(uint64, tag = "1")]
    pub(super) first: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) entries: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct End {
    #[prost(message, optional, tag = "1")]
    pub(super) digest: Option<Digest>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Leave {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Cancel {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Get {
    #[prost(message, optional, tag = "1")]
    pub(super) digest: Option<Digest>,
    #[prost(message, repeated, tag = "2")]
    pub(super) ranges: Vec<Range>,
    #[prost(bool, tag = "3")]
    pub(super) checkpoints: bool,
    #[prost(bool, tag = "4")]
    pub(super) list_only: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Has {
    #[prost(int32, tag = "1")]
    pub(super) algorithm: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) digests: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Stat {
    #[prost(message, optional, tag = "1")]
    pub(super) digest: Option<Digest>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct List {
    #[prost(message, optional, tag = "1")]
    pub(super) after: Option<Digest>,
    #[prost(uint32, tag = "2")]
    pub(super) limit: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Remove {
    #[prost(message, optional, tag = "1")]
    pub(super) digest: Option<Digest>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ListUploads {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) after: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub(super) limit: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DropUpload {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) upload: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Answer {
    #[prost(uint64, tag = "1")]
    pub(super) task: u64,
    #[prost(oneof = "Say", tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17")]
    pub(super) say: Option<Say>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Say {
    #[prost(message, tag = "2")]
    Welcome(Welcome),
    #[prost(message, tag = "3")]
    Closing(Closing),
    #[prost(message, tag = "4")]
    Opened(Opened),
    #[prost(message, tag = "5")]
    Again(Again),
    #[prost(message, tag = "6")]
    Stored(Stored),
    #[prost(message, tag = "7")]
    Found(Found),
    #[prost(message, tag = "8")]
    Checkpoints(Checkpoints),
    #[prost(message, tag = "9")]
    Data(Data),
    #[prost(message, tag = "10")]
    Done(Done),
    #[prost(message, tag = "11")]
    Presence(Presence),
    #[prost(message, tag = "12")]
    Described(Described),
    #[prost(message, tag = "13")]
    Listed(Listed),
    #[prost(message, tag = "14")]
    Removed(Removed),
    #[prost(message, tag = "15")]
    Uploads(Uploads),
    #[prost(message, tag = "16")]
    Dropped(Dropped),
    #[prost(message, tag = "17")]
    Refused(Refused),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Welcome {
    #[prost(string, tag = "1")]
    pub(super) agent: String,
    #[prost(string, repeated, tag = "2")]
    pub(super) capabilities: Vec<String>,
    #[prost(uint32, tag = "3")]
    pub(super) task_count_max: u32,
    #[prost(uint64, tag = "4")]
    pub(super) blob_size_max: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Closing {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Opened {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) upload: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    pub(super) verified: Vec<Range>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Again {
    #[prost(uint64, repeated, tag = "1")]
    pub(super) segments: Vec<u64>,
    #[prost(bool, tag = "2")]
    pub(super) checkpoints: bool,
    #[prost(bool, tag = "3")]
    pub(super) after_end: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Stored {
    #[prost(message, optional, tag = "1")]
    pub(super) digest: Option<Digest>,
    #[prost(uint64, tag = "2")]
    pub(super) size: u64,
    #[prost(bool, tag = "3")]
    pub(super) is_new: bool,
    #[prost(uint64, tag = "4")]
    pub(super) received: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Found {
    #[prost(uint64, tag = "1")]
    pub(super) size: u64,
    #[prost(uint64, tag = "2")]
    pub(super) checkpoint_count: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Done {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Presence {
    #[prost(bool, repeated, tag = "1")]
    pub(super) present: Vec<bool>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Described {
    #[prost(uint64, tag = "1")]
    pub(super) size: u64,
    #[prost(int64, tag = "2")]
    pub(super) published: i64,
    #[prost(uint64, tag = "3")]
    pub(super) checkpoint_count: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Listed {
    #[prost(message, repeated, tag = "1")]
    pub(super) blobs: Vec<Blob>,
    #[prost(message, optional, tag = "2")]
    pub(super) next: Option<Digest>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Blob {
    #[prost(message, optional, tag = "1")]
    pub(super) digest: Option<Digest>,
    #[prost(uint64, tag = "2")]
    pub(super) size: u64,
    #[prost(int64, tag = "3")]
    pub(super) published: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Removed {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Uploads {
    #[prost(message, repeated, tag = "1")]
    pub(super) uploads: Vec<Upload>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) next: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Upload {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) id: Vec<u8>,
    #[prost(int32, tag = "2")]
    pub(super) algorithm: i32,
    #[prost(message, optional, tag = "3")]
    pub(super) digest: Option<Digest>,
    #[prost(uint64, tag = "4")]
    pub(super) size: u64,
    #[prost(uint64, tag = "5")]
    pub(super) verified: u64,
    #[prost(int64, tag = "6")]
    pub(super) used: i64,
    #[prost(message, optional, tag = "7")]
    pub(super) stored: Option<Digest>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Dropped {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Refused {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, optional, tag = "3")]
    pub(super) actual: Option<Digest>,
}

#[cfg(test)]
mod tests;
