//! Messages of every kind, for properties that hold for all of them.

use std::ops::Range;

use aqueduct_blob::{Algorithm, Digest, UploadId};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::limits::{LIST_COUNT_MAX, UPLOAD_LIST_COUNT_MAX};
use super::*;

pub(super) fn request() -> impl Strategy<Value = Request> {
    (any::<u64>(), ask()).prop_map(|(task, ask)| Request { task: TaskId(task), ask })
}

pub(super) fn answer() -> impl Strategy<Value = Answer> {
    (any::<u64>(), say()).prop_map(|(task, say)| Answer { task: TaskId(task), say })
}

pub(super) fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        hello().prop_map(Ask::Hello),
        put().prop_map(Ask::Put),
        any::<u64>().prop_map(|offset| Ask::Data { offset }),
        checkpoints().prop_map(|(first, entries)| Ask::Checkpoints { first, entries }),
        option::of(digest()).prop_map(|digest| Ask::End { digest }),
        Just(Ask::Leave),
        Just(Ask::Cancel),
        get().prop_map(Ask::Get),
        digests().prop_map(|digests| Ask::Has { digests }),
        digest().prop_map(|digest| Ask::Stat { digest }),
        (option::of(digest()), 1..=LIST_COUNT_MAX).prop_map(|(after, limit)| Ask::List { after, limit }),
        digest().prop_map(|digest| Ask::Remove { digest }),
        (option::of(upload_id()), 1..=UPLOAD_LIST_COUNT_MAX)
            .prop_map(|(after, limit)| Ask::ListUploads { after, limit }),
        upload_id().prop_map(|upload| Ask::DropUpload { upload }),
    ]
}

fn say() -> impl Strategy<Value = Say> {
    prop_oneof![
        welcome().prop_map(Say::Welcome),
        (code(), text()).prop_map(|(code, message)| Say::Closing { code, message }),
        (upload_id(), ranges()).prop_map(|(upload, verified)| Say::Opened { upload, verified }),
        (vec(any::<u64>(), 0..10), any::<(bool, bool)>()).prop_map(|(segments, (checkpoints, after_end))| {
            Say::Again { segments, checkpoints, after_end }
        }),
        (digest(), any::<u64>(), any::<bool>(), any::<u64>())
            .prop_map(|(digest, size, is_new, received)| Say::Stored { digest, size, is_new, received }),
        any::<(u64, u64)>().prop_map(|(size, checkpoint_count)| Say::Found { size, checkpoint_count }),
        checkpoints().prop_map(|(first, entries)| Say::Checkpoints { first, entries }),
        any::<(u64, u64, bool)>().prop_map(|(offset, size, end)| Say::Data { offset, size, end }),
        Just(Say::Done),
        vec(any::<bool>(), 0..100).prop_map(|present| Say::Presence { present }),
        any::<(u64, i64, u64)>().prop_map(|(size, published, checkpoint_count)| Say::Described {
            size,
            published,
            checkpoint_count
        }),
        (vec(listed_blob(), 0..5), option::of(digest()))
            .prop_map(|(blobs, next)| Say::Listed { blobs, next }),
        Just(Say::Removed),
        (vec(listed_upload(), 0..5), option::of(upload_id()))
            .prop_map(|(uploads, next)| Say::Uploads { uploads, next }),
        Just(Say::Dropped),
        (code(), text(), option::of(digest())).prop_map(|(code, message, actual)| Say::Refused {
            code,
            message,
            actual
        }),
    ]
}

fn hello() -> impl Strategy<Value = Hello> {
    let token = option::of(text().prop_filter("an empty token is none", |text| !text.is_empty()));
    (text(), token, vec(text(), 0..4)).prop_map(|(agent, token, capabilities)| Hello {
        agent,
        token,
        capabilities,
    })
}

fn put() -> impl Strategy<Value = Put> {
    let plain = (algorithm(), any::<Option<u64>>()).prop_map(|(algorithm, size)| (algorithm, size, None));
    let upload = (algorithm(), 1..=u64::MAX, upload_id())
        .prop_map(|(algorithm, size, upload)| (algorithm, Some(size), Some(upload)));
    (prop_oneof![plain, upload], any::<Option<[u8; 32]>>()).prop_map(|((algorithm, size, upload), value)| {
        Put { algorithm, digest: value.map(|value| Digest::new(algorithm, value)), size, upload }
    })
}

fn get() -> impl Strategy<Value = Get> {
    (digest(), ranges(), any::<bool>(), any::<bool>())
        .prop_map(|(digest, ranges, checkpoints, list_only)| Get { digest, ranges, checkpoints, list_only })
}

fn welcome() -> impl Strategy<Value = Welcome> {
    (text(), vec(text(), 0..4), any::<u32>(), any::<u64>()).prop_map(
        |(agent, capabilities, task_count_max, blob_size_max)| Welcome {
            agent,
            capabilities,
            task_count_max,
            blob_size_max,
        },
    )
}

fn listed_blob() -> impl Strategy<Value = ListedBlob> {
    (digest(), any::<u64>(), any::<i64>()).prop_map(|(digest, size, published)| ListedBlob {
        digest,
        size,
        published,
    })
}

fn listed_upload() -> impl Strategy<Value = ListedUpload> {
    let digests = (option::of(digest()), option::of(digest()));
    (upload_id(), algorithm(), digests, any::<(u64, u64, i64)>()).prop_map(
        |(id, algorithm, (digest, stored), (size, verified, used))| ListedUpload {
            id,
            algorithm,
            digest,
            size,
            verified,
            used,
            stored,
        },
    )
}

fn checkpoints() -> impl Strategy<Value = (u64, Vec<[u8; 32]>)> {
    (0..=u64::MAX - 5, vec(any::<[u8; 32]>(), 0..5))
}

fn digests() -> impl Strategy<Value = Vec<Digest>> {
    // Which algorithm no digests are of cannot be said.
    (algorithm(), vec(any::<[u8; 32]>(), 1..5)).prop_map(|(algorithm, values)| {
        values.into_iter().map(|value| Digest::new(algorithm, value)).collect()
    })
}

fn ranges() -> impl Strategy<Value = Vec<Range<u64>>> {
    vec((0..u64::from(u32::MAX), 1..u64::from(u32::MAX)), 0..5).prop_map(|pairs| {
        let mut end = 0;
        let mut next = |(gap, len)| {
            let start = end + gap;
            end = start + len;
            start..end
        };
        pairs.into_iter().map(&mut next).collect()
    })
}

fn digest() -> impl Strategy<Value = Digest> {
    (algorithm(), any::<[u8; 32]>()).prop_map(|(algorithm, value)| Digest::new(algorithm, value))
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    proptest::sample::select(&Algorithm::ALL[..])
}

fn upload_id() -> impl Strategy<Value = UploadId> {
    any::<[u8; 16]>().prop_map(UploadId::new)
}

fn code() -> impl Strategy<Value = Code> {
    any::<i32>().prop_map(Code::from_number)
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,16}"
}
