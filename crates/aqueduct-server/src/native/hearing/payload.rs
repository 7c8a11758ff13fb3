//! What follows a head: bytes of blobs, received by workers, and a turn at a time.

use std::io;
use std::mem;
use std::sync::Arc;

use aqueduct_blob::Digest;
use aqueduct_wire::native::{Code, Put, TaskId};
use tokio::net::TcpStream;

use super::super::putting::{self, After, Halt, Opened, Poured, Putting};
use super::super::refusal::refused;
use super::super::small::Small;
use super::super::{Ended, Talk};
use super::{Hearing, READ_LEN, closing};
use crate::close::Close;
use crate::deadline::Expired;
use crate::descriptors::UPLOAD_DESCRIPTOR_COUNT;
use crate::discard::discard;
use crate::door::Refusal;
use crate::inbox::Inbox;
use crate::scratch::with_scratch;
use crate::server::Shared;
use crate::tokens::Right;

impl Hearing {
    pub(super) async fn begin_put(
        &mut self,
        task: TaskId,
        put: Put,
        len: u64,
        is_whole: bool,
    ) -> Result<(), Ended> {
        // Whoever sends several at once has this time for all of them; what comes after them has its own.
        if self.puts.waiting().next().is_none() {
            self.pace = self.shared.options.body_pace();
        }
        if let Err(say) = self.admit(Right::Write) {
            self.talk.end(task, say);
            return self.skip(len).await;
        }
        let limit = self.shared.options.blob_size_max();
        if put.size.unwrap_or(len) > limit {
            self.talk.end(task, refused(&Refusal::TooLarge { limit }));
            return self.skip(len).await;
        }
        if is_whole && len <= Small::LEN_MAX {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            self.wait_for(len).await?;
            self.small.add(task, &put, &mut self.inbox, len);
            if self.small.is_enough() {
                self.store_small().await;
            }
            return Ok(());
        }
        // Those that came before are not kept waiting by one that may take long.
        self.flush().await;
        match self.open(put).await? {
            Opened::Over(say) => {
                self.talk.end(task, say);
                self.skip(len).await
            }
            Opened::Open { putting, say } => {
                if let Some(say) = say {
                    self.talk.say(task, say);
                }
                self.puts.insert(task, putting);
                self.pour(task, 0, len).await?;
                if is_whole {
                    self.finish(task, None).await;
                }
                Ok(())
            }
        }
    }

    async fn open(&self, put: Put) -> Result<Opened, Ended> {
        let share = self.shared.descriptor_share / UPLOAD_DESCRIPTOR_COUNT as usize;
        if self.puts.count() >= PUT_COUNT_MAX.min(share) {
            return Ok(Opened::Over(putting::too_many()));
        }
        if self.shared.are_overloaded(&self.shared.writers) {
            return Ok(Opened::Over(refused(&Refusal::Overloaded)));
        }
        let shared = Arc::clone(&self.shared);
        self.shared.writers.run(move || putting::open(&shared, &put)).await.map_err(Ended::Gone)
    }

    /// Receives a payload of `len` bytes for a put, which belong at `offset` of its blob.
    pub(super) async fn pour(&mut self, task: TaskId, offset: u64, len: u64) -> Result<(), Ended> {
        let mut left = len;
        let mut is_promised = false;
        self.flush_before(len).await;
        while left > 0 {
            // A task that was refused a moment ago is told no more.
            let Some(putting) = self.puts.take(task) else { return self.skip(left).await };
            let inbox = mem::take(&mut self.inbox);
            let (shared, stream) = (Arc::clone(&self.shared), Arc::clone(&self.stream));
            let at = offset + (len - left);
            let turn = move || putting.pour(&shared, inbox, &stream, at, left);
            let poured = self.shared.writers.run(turn).await.map_err(Ended::Gone)?;
            let Poured { putting, inbox, say, moved, after } = poured;
            self.inbox = inbox;
            left -= moved;
            self.pace.moved(moved);
            for say in say {
                self.talk.say(task, say);
            }
            match after {
                After::More => self.puts.insert(task, putting),
                After::Blocked => {
                    self.puts.insert(task, putting);
                    if is_promised && moved == 0 {
                        // splice(2) finds nothing before an urgent byte, and read(2) skips it: tcp(7).
                        self.read_on().await?;
                        is_promised = false;
                    } else {
                        // Nothing else looks at the socket meanwhile.
                        unless_late(self.pace.wait(self.stream.peek(&mut [0])).await)?;
                        is_promised = true;
                    }
                }
                After::Unwanted => {
                    self.puts.insert(task, putting);
                    return self.skip(left).await;
                }
                After::Halt(halt) => {
                    self.shared.writers.leave(move || drop(putting));
                    match halt {
                        Halt::Said(say) => self.talk.end(task, say),
                        Halt::Gone(error) => return Err(Ended::Gone(Close::PeerGone(error))),
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes what a peer says of a checkpoint list.
    pub(super) async fn claim(
        &mut self,
        task: TaskId,
        first: u64,
        entries: Vec<[u8; 32]>,
    ) -> Result<(), Ended> {
        let Some(putting) = self.puts.take(task) else { return Ok(()) };
        let claim = move || (putting.claim(first, &entries), putting);
        let (claimed, putting) = self.shared.writers.run(claim).await.map_err(Ended::Gone)?;
        match claimed {
            Ok(say) => {
                self.puts.insert(task, putting);
                if let Some(say) = say {
                    self.talk.say(task, say);
                }
            }
            Err(say) => {
                self.shared.writers.leave(move || drop(putting));
                self.talk.end(task, say);
            }
        }
        Ok(())
    }

    /// Ends a put that was sent whole.
    pub(super) async fn finish(&mut self, task: TaskId, digest: Option<Digest>) {
        let Some(putting) = self.puts.take(task) else { return };
        match putting {
            Putting::Plain(plain) => {
                let named = plain.named(digest);
                self.end_put(named, move |_, talk| talk.end(task, plain.finish(digest))).await;
            }
            Putting::Segmented(segmented) => {
                let ending = segmented.ending();
                let named = ending.named(digest);
                self.puts.insert(task, Putting::Segmented(segmented));
                self.end_put(named, move |shared, talk| ending.finish(shared, talk, task, digest.as_ref()))
                    .await;
            }
        }
    }

    /// Has a worker publish a blob of this name and size. A suspect that is as large is hashed before, by those who hash
    /// suspects: writers have other things to do. Nobody waits for it here.
    async fn end_put(
        &self,
        named: Option<(Digest, u64)>,
        publish: impl FnOnce(&Arc<Shared>, &Arc<Talk>) + Send + 'static,
    ) {
        let Some((digest, size)) = named.filter(|_| self.shared.store.has_suspects()) else {
            return self.employ(&self.shared.writers, publish).await;
        };
        let job = self.job().await;
        tokio::spawn(async move {
            // What it came to, whoever publishes finds out.
            let _ = job.shared.clear_rival(digest, size).await;
            let writers = job.shared.writers.clone();
            job.leave_to(&writers, publish);
        });
    }

    /// Waits until as much of a payload has been read ahead.
    async fn wait_for(&mut self, len: usize) -> Result<(), Ended> {
        self.flush_before(len as u64).await;
        while self.inbox.bytes().len() < len {
            let read = self.read_on().await?;
            self.pace.moved(read);
        }
        Ok(())
    }

    /// Reads what there is of a payload, and perhaps of what follows.
    async fn read_on(&mut self) -> Result<u64, Ended> {
        let read = unless_late(self.pace.wait(read(&self.stream, &mut self.inbox, READ_LEN)).await)?;
        match read {
            0 => Err(Ended::Gone(Close::PeerGone(io::ErrorKind::UnexpectedEof.into()))),
            read => Ok(read),
        }
    }

    /// Hands out what was gathered, if the payload that comes next may keep it waiting.
    async fn flush_before(&mut self, len: u64) {
        if (self.inbox.bytes().len() as u64) < len {
            self.flush().await;
        }
    }

    /// Forgets bytes that nobody wants.
    pub(super) async fn skip(&mut self, len: u64) -> Result<(), Ended> {
        let ahead =
            usize::try_from(len).map_or(self.inbox.bytes().len(), |len| len.min(self.inbox.bytes().len()));
        self.inbox.take(ahead);
        let mut left = len - ahead as u64;
        self.flush_before(left).await;
        while left > 0 {
            let skipped = unless_late(self.pace.wait(discard(&self.stream, left)).await)?;
            if skipped == 0 {
                return Err(Ended::Gone(Close::PeerGone(io::ErrorKind::UnexpectedEof.into())));
            }
            left -= skipped;
            self.pace.moved(skipped);
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// Reads up to `len_max` bytes into the inbox, once there are any; 0 is the end.
pub(super) async fn read(stream: &TcpStream, inbox: &mut Inbox, len_max: usize) -> io::Result<u64> {
    loop {
        stream.readable().await?;
        let read = with_scratch(len_max, |scratch| {
            let len = stream.try_read(scratch)?;
            inbox.push(&scratch[..len]);
            io::Result::Ok(len as u64)
        });
        match read {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            read => return read,
        }
    }
}

pub(super) fn unless_late<T>(waited: Result<io::Result<T>, Expired>) -> Result<T, Ended> {
    match waited {
        Err(Expired) => Err(too_slow()),
        Ok(Err(error)) => Err(Ended::Gone(Close::PeerGone(error))),
        Ok(Ok(value)) => Ok(value),
    }
}

pub(super) fn too_slow() -> Ended {
    closing(Code::TooSlow, "send what is announced at once, and nothing if there is nothing")
}

/// A peer that has more of them on the way than this is asked to end some: each has files open.
const PUT_COUNT_MAX: usize = 64;
