//! Blobs that come in as many bodies as it takes: uploads that are gone on with where they ended.
//!
//! The store keeps segments. What came of one that is not whole waits in memory for the next body, so that short bodies get
//! somewhere; when that is lost, with the process or because others need the place, an upload falls back to the end
//! of its last whole segment.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aqueduct_blob::{SEGMENT_LEN, UploadId};
use aqueduct_flow::ReceiveRoute;
use aqueduct_store::{FinishError, Landed, Price, Published, Receiving, Resumed, Store, Upload, UploadPlan};
use aqueduct_sys::random_bytes;

use crate::asked::Door;
use crate::body::Body;
use crate::close::Close;
use crate::connection::Connection;
use crate::descriptors::UPLOAD_DESCRIPTOR_COUNT;
use crate::door::{Name, Outcome, Place, Progress, Refusal, UploadIntent, UploadOutcome, Write};
use crate::inbox::Inbox;
use crate::pour::Stop;
use crate::segment::Segment;
use crate::server::Shared;
use crate::stored::note_upload;
use crate::upload::{self, Begun, Sink, Uploaded};
use crate::work;

/// Does what a peer asks of an upload. `waits` says that it sends nothing before it is told to.
pub(crate) async fn serve(
    connection: Connection,
    shared: &Arc<Shared>,
    intent: UploadIntent,
    body: Body,
    waits: bool,
) -> Result<Uploaded, Close> {
    if let Some(digest) = intent.digest() {
        shared.clear_doubt(digest).await?;
    }
    let outcome = match intent {
        UploadIntent::Append { place, offset } => {
            let len = body.left();
            let begin = move |shared: &Shared| append(shared, place, offset, len);
            return upload::receive(connection, shared, body, waits, begin).await;
        }
        intent => {
            let job = Arc::clone(shared);
            shared.writers.run(move || act(&job, intent)).await?
        }
    };
    Ok(Uploaded { connection, body, outcome, was_continued: false })
}

/// Does what needs no body. For workers.
fn act(shared: &Shared, intent: UploadIntent) -> Outcome {
    let done = match intent {
        UploadIntent::Offer => Ok(UploadOutcome::Offer { size_max: shared.options.blob_size_max() }),
        UploadIntent::Begin { size, name } => begin(shared, size, name),
        UploadIntent::Look(place) => look(&shared.store, place).map(UploadOutcome::At),
        UploadIntent::Drop(place) => drop_upload(&shared.store, place),
        UploadIntent::Append { .. } => unreachable!("it has a body"),
    };
    done.map_or_else(Outcome::Refused, Outcome::Upload)
}

/// Goes on with an upload at `offset`. For workers.
fn append(shared: &Shared, place: Place, offset: u64, body_len: Option<u64>) -> Begun<Appending> {
    let begun = match find(&shared.store, place) {
        Ok(Found::Open(upload)) => {
            Appending::begin(shared, upload, offset).and_then(|appending| {
                // Before the peer is told to send it.
                match appending.admit(body_len.unwrap_or_default()) {
                    Ok(()) => Ok(Begun::Under(appending)),
                    Err(refusal) => {
                        appending.give_up();
                        Err(refusal)
                    }
                }
            })
        }
        // Whatever comes is dropped, as that of a put is, so its offset does not matter either.
        Ok(Found::Stored(published)) if matches!(place, Place::Blob(_)) || offset == published.size => {
            let progress = Progress::Stored(published);
            Ok(Begun::Over(Outcome::Upload(UploadOutcome::Appended { progress, expires: None })))
        }
        Ok(Found::Stored(published)) => Err(Refusal::WrongOffset { offset: published.size }),
        Err(refusal) => Err(refusal),
    };
    begun.unwrap_or_else(|refusal| Begun::Over(Outcome::Refused(refusal)))
}

/// What comes next of an upload.
struct Appending {
    store: Store,
    upload: Upload,
    /// Where the next byte belongs.
    offset: u64,
    /// The segment that it belongs to, once a byte has come.
    current: Option<Segment>,
    route: ReceiveRoute,
    expiry: Duration,
    has_moved: bool,
    /// Room for the files of the upload; it goes with the segment when that is parked.
    price: Option<Price>,
}

impl Appending {
    fn begin(shared: &Shared, upload: Upload, offset: u64) -> Result<Self, Refusal> {
        let reached = upload.offset();
        if reached != offset {
            return Err(Refusal::WrongOffset { offset: reached });
        }
        let route = shared.options.receive_route_for(Some(SEGMENT_LEN));
        let free = Arc::clone(&shared.descriptors).try_acquire_many_owned(UPLOAD_DESCRIPTOR_COUNT);
        let (current, price): (_, Price) = if let Ok(permit) = free {
            (None, Box::new(permit))
        } else if let Some((receiving, price)) = unpark(&upload, offset) {
            // It has paid for its files, and does not wait any longer.
            (Some(Segment::new(receiving, route, Door::Uploads)), price)
        } else {
            let permit = shared.take_descriptors(UPLOAD_DESCRIPTOR_COUNT).ok_or(Refusal::TooManyUploads)?;
            (None, Box::new(permit))
        };
        Ok(Self {
            store: shared.store.clone(),
            upload,
            offset,
            current,
            route,
            expiry: shared.options.upload_expiry(),
            has_moved: false,
            price: Some(price),
        })
    }

    /// The receiver of the next byte: one that waits in the middle of its segment, or that of a new one. The offset was right
    /// when the body began, so whoever prevents it came since.
    fn receiver(&self) -> Result<Receiving, Stop> {
        if !self.offset.is_multiple_of(SEGMENT_LEN) {
            let (receiving, _) = unpark(&self.upload, self.offset).ok_or(Stop::TakenOver)?;
            return Ok(receiving);
        }
        self.upload.receive(self.offset / SEGMENT_LEN).map_err(|error| {
            tracing::debug!(upload = %self.upload.id(), %error, "an upload is not gone on with");
            Stop::TakenOver
        })
    }

    /// Ends a segment that is whole.
    fn land(&mut self) -> Result<(), Stop> {
        let Some(segment) = self.current.take_if(|segment| segment.is_whole()) else { return Ok(()) };
        match segment.land().map_err(|error| Stop::Refused(error.into()))? {
            Landed::Held => Ok(()),
            Landed::TakenOver => Err(Stop::TakenOver),
            Landed::Failed => Err(Stop::Refused(Refusal::WrongOffset { offset: self.upload.offset() })),
        }
    }

    fn park(&mut self) {
        let rest = self.current.take().map(Segment::into_rest);
        // What is another's now would only be in the way of what that one keeps.
        if let Some(receiving) = rest.filter(|receiving| !receiving.is_taken_over())
            && let Some(price) = self.price.take()
        {
            self.upload.park(receiving, price);
        }
    }
}

/// What waits for the byte at `offset`, in the middle of its segment. What waits for another one, which is not where the
/// upload goes on any more, is given up.
fn unpark(upload: &Upload, offset: u64) -> Option<(Receiving, Price)> {
    upload.unpark().filter(|(receiving, _)| receiving.offset() == offset)
}

impl Sink for Appending {
    fn admit(&self, len: u64) -> Result<(), Refusal> {
        let size = self.upload.plan().size;
        if len > size - self.offset { Err(Refusal::PastTheEnd { size }) } else { Ok(()) }
    }

    fn pour(&mut self, inbox: &mut Inbox, stream: &impl AsFd, len_max: usize) -> Result<Option<usize>, Stop> {
        if self.current.is_none() {
            self.current = Some(Segment::new(self.receiver()?, self.route, Door::Uploads));
        }
        let moved = self.current.as_mut().expect("it is there now").pour(inbox, stream, len_max)?;
        if let Some(moved) = moved {
            self.offset += moved as u64;
            self.has_moved = true;
            self.land()?;
        }
        Ok(moved)
    }

    fn lost(&self) -> u64 {
        self.current.as_ref().map_or(0, Segment::lost)
    }

    /// Keeps what came, and makes it a blob if that is all.
    fn finish(mut self) -> Outcome {
        self.park();
        match reached(&self.store, &self.upload, self.offset) {
            Ok(progress) => {
                let is_kept_longer = self.has_moved && matches!(progress, Progress::Open { .. });
                let expires = is_kept_longer.then(|| expires(self.expiry)).flatten();
                Outcome::Upload(UploadOutcome::Appended { progress, expires })
            }
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    fn give_up(mut self) {
        self.park();
    }
}

/// What there is where a peer looks for an upload.
enum Found {
    Open(Upload),
    Stored(Published),
}

fn find(store: &Store, place: Place) -> Result<Found, Refusal> {
    let found = match place {
        Place::Blob(digest) => work::present(store, digest)?.map(Found::Stored),
        Place::Id(id) => store.find_upload(id)?.map(|resumed| match resumed {
            Resumed::Stored(published) => Found::Stored(published),
            Resumed::Open(upload) => Found::Open(upload),
        }),
    };
    found.ok_or(Refusal::NoSuchUpload)
}

/// An upload that is whole is made a blob by whoever looks: the process may have ended before it was.
fn look(store: &Store, place: Place) -> Result<Progress, Refusal> {
    match find(store, place)? {
        Found::Stored(published) => Ok(Progress::Stored(published)),
        Found::Open(upload) => reached(store, &upload, upload.offset()),
    }
}

fn reached(store: &Store, upload: &Upload, offset: u64) -> Result<Progress, Refusal> {
    let UploadPlan { size, digest, .. } = upload.plan();
    if offset < size {
        return Ok(Progress::Open { offset, size, digest });
    }
    match upload.finish(None) {
        Ok(published) => {
            note_upload(upload, &published);
            Ok(Progress::Stored(published))
        }
        // Somebody who sends it by checkpoints found something wrong meanwhile.
        Err(FinishError::Missing(_) | FinishError::Broken(_)) => {
            Err(Refusal::WrongOffset { offset: upload.offset() })
        }
        Err(FinishError::Mismatch { expected, actual }) => {
            // Nothing that could still come would make it right.
            store.drop_upload(upload.id())?;
            Err(Refusal::Mismatch { expected, actual })
        }
        Err(FinishError::Gone) => Err(Refusal::NoSuchUpload),
        Err(FinishError::Publish(error)) => Err(error.into()),
    }
}

/// Begins an upload, unless there is nothing to be sent.
fn begin(shared: &Shared, size: u64, name: Name) -> Result<UploadOutcome, Refusal> {
    let limit = shared.options.blob_size_max();
    if size > limit {
        return Err(Refusal::TooLarge { limit });
    }
    let store = &shared.store;
    if let Name::Given(digest) = name
        && let Some(published) = work::present(store, digest)?.filter(|published| published.size == size)
    {
        return Ok(over(published));
    }
    if size == 0 {
        let write = Write::unconditional(name, Door::Uploads);
        return match work::begin(store, write, Some(0))? {
            work::Begun::Present(published) => Ok(over(published)),
            work::Begun::Staging(staging) => work::publish(*staging, write).map(over),
        };
    }
    let id = UploadId::new(random_bytes().map_err(|error| work::fault("draw an id", &error.into()))?);
    let (algorithm, digest) = match name {
        Name::Given(digest) => (digest.algorithm(), Some(digest)),
        Name::Found(algorithm) => (algorithm, None),
    };
    let progress = match store.upload(id, &UploadPlan { algorithm, digest, size })? {
        Resumed::Open(_) => Progress::Open { offset: 0, size, digest },
        Resumed::Stored(published) => Progress::Stored(published),
    };
    Ok(UploadOutcome::Begun {
        place: Place::Id(id),
        progress,
        expires: expires(shared.options.upload_expiry()),
    })
}

fn over(published: Published) -> UploadOutcome {
    let place = Place::Blob(published.digest);
    UploadOutcome::Begun { place, progress: Progress::Stored(published), expires: None }
}

fn drop_upload(store: &Store, place: Place) -> Result<UploadOutcome, Refusal> {
    let was_there = match place {
        Place::Id(id) => store.drop_upload(id)?,
        // Nothing was kept, and the blob is not the upload's.
        Place::Blob(digest) => work::present(store, digest)?.is_some(),
    };
    if was_there { Ok(UploadOutcome::Dropped) } else { Err(Refusal::NoSuchUpload) }
}

/// Until when an upload is kept that something came of now. `None` where that is past what a date can say.
fn expires(expiry: Duration) -> Option<SystemTime> {
    if expiry > EXPIRY_SHOWN_MAX {
        return None;
    }
    SystemTime::now().checked_add(expiry)
}

/// A century. HTTP's dates end with the year 9999.
const EXPIRY_SHOWN_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
