//! What is said on one connection: a greeting, then requests and replies, one after the other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_store::{EntryOutcome, Key};
use aqueduct_wire::crsh::{GREETING, Reply, parse_request};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::asked::{Asked, Kind, Verdict, Who};
use crate::close::Close;
use crate::connection::let_go;
use crate::door::{Outcome, Refusal};
use crate::inbox::Inbox;
use crate::look_again::look_again;
use crate::reply::log_sent;
use crate::server::{Shared, until_stop};

use super::call::Call;
use super::intent::Intent;
use super::put::put;
use super::{entry, send};

/// Serves a peer until one side has enough, or `stop` says that the server has.
pub(super) async fn serve(
    stream: UnixStream,
    who: Box<Who>,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) -> Close {
    let call = Call { stream, inbox: Inbox::default(), who };
    let mut call = match Box::pin(call.say_bytes(&shared, GREETING.to_vec())).await {
        Ok(call) => call,
        Err(close) => return close,
    };
    loop {
        let heard = match next(&mut call, &shared, &mut stop).await {
            Ok(heard) => heard,
            Err(close) => return close,
        };
        // Apart, because what answering takes would otherwise be kept for every connection that waits.
        call = match Box::pin(answer(call, &shared, heard)).await {
            Ok(call) => call,
            Err(close) => return close,
        };
        // Others have their turn, however much one peer asks at once.
        tokio::task::yield_now().await;
    }
}

/// What was heard; or why it is no request, and nobody knows where the next one begins.
type Heard = Result<Intent, String>;

/// Waits for a request.
async fn next(call: &mut Call, shared: &Shared, stop: &mut watch::Receiver<bool>) -> Result<Heard, Close> {
    if call.inbox.is_empty() {
        call.inbox.release();
        let deadlines = &shared.options.deadlines;
        let first = tokio::select! {
            // What came before the server was told to stop goes first.
            biased;
            first = timeout(IDLE, call.read_more(READ_LEN)) => first,
            // Whoever asks before it could know is answered.
            () = until_stop(stop) => match timeout(deadlines.idle_at_stop, call.read_more(READ_LEN)).await {
                Err(_) => return Err(Close::Clean),
                first => first,
            },
        };
        match first {
            Ok(Ok(_)) => {}
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(Close::Clean),
            Ok(Err(error)) => return Err(Close::PeerGone(error)),
            Err(_) => return Err(Close::Deadline("a request")),
        }
    }
    let heard = timeout(shared.options.deadlines.head, hear(call)).await;
    heard.map_err(|_| Close::Deadline("a request"))?.map_err(Close::PeerGone)
}

async fn hear(call: &mut Call) -> io::Result<Heard> {
    loop {
        match parse_request(call.inbox.bytes()) {
            Ok(Some((request, len))) => {
                let intent = Intent::of(&request).map_err(|error| error.to_string());
                call.inbox.take(len);
                return Ok(intent);
            }
            Ok(None) => call.read_more(READ_LEN).await.map(drop)?,
            Err(bad) => return Ok(Err(bad.to_string())),
        }
    }
}

async fn answer(mut call: Call, shared: &Arc<Shared>, heard: Heard) -> Result<Call, Close> {
    let kind = heard.as_ref().map_or(Kind::CacheOther, Intent::kind);
    let mut asked = Asked::new(&mut call.who, kind, None);
    respond(call, shared, heard, &mut asked).await.inspect_err(|close| asked.broke_off(close))
}

async fn respond(call: Call, shared: &Arc<Shared>, heard: Heard, asked: &mut Asked) -> Result<Call, Close> {
    match heard {
        Ok(Intent::Get(key)) => get(call, shared, key, asked).await,
        Ok(Intent::Put { key, overwrite, size }) => {
            let put = Box::pin(put(call, shared, asked, key, overwrite, size)).await?;
            let outcome = put.outcome.map(|outcome| match outcome {
                EntryOutcome::Kept => Reply::NotDone,
                _ => Reply::Done,
            });
            let call = say(put.call, shared, outcome, asked, put.received_len).await?;
            if put.is_whole { Ok(call) } else { Err(hang_up(call, shared, "a value that was refused").await) }
        }
        Ok(Intent::Remove(key)) => {
            let removed = entry::remove(shared, asked, key).await?;
            let outcome = removed.map(|was_here| if was_here { Reply::Done } else { Reply::NotDone });
            say(call, shared, outcome, asked, 0).await
        }
        Ok(Intent::Exists(key)) => {
            let exists = entry::exists(shared, asked, key).await?;
            say(call, shared, exists.map(Reply::Exists), asked, 0).await
        }
        Ok(Intent::Info) => {
            say(call, shared, Ok(Reply::Info { identity: IDENTITY, diagnostics: &[] }), asked, 0).await
        }
        // It is for a program that ccache started for itself, and this one has others to serve.
        Ok(Intent::Stop) => {
            say(call, shared, Ok(Reply::Done), asked, 0).await?;
            Err(Close::Clean)
        }
        Err(why) => {
            let call = call.say(shared, Reply::Failed(&why)).await?;
            asked.answered(Verdict::Refused, None, 0);
            Err(hang_up(call, shared, "what is no request").await)
        }
    }
}

async fn get(call: Call, shared: &Arc<Shared>, key: Key, asked: &mut Asked) -> Result<Call, Close> {
    let found = match entry::find(shared, asked, key).await? {
        Ok(Some(found)) => found,
        Ok(None) => return say(call, shared, Ok(Reply::NotDone), asked, 0).await,
        Err(refusal) => return say(call, shared, Err(refusal), asked, 0).await,
    };
    let size = found.size();
    let sent = send::send(call, shared, send::queue(shared, &found), size).await;
    let sent = sent.inspect_err(|close| look_again(shared, close, Some(&found)));
    let_go(shared, Some(found));
    let (call, carried) = sent?;
    log_sent(&carried);
    asked.answered(Verdict::Ok, None, size);
    Ok(call)
}

/// Says what came of a request, for which so many bytes were received.
async fn say(
    call: Call,
    shared: &Shared,
    outcome: Result<Reply<'static>, Refusal>,
    asked: &mut Asked,
    received_len: u64,
) -> Result<Call, Close> {
    let (call, verdict) = match outcome {
        Ok(reply) => {
            let is_absent = matches!(reply, Reply::NotDone | Reply::Exists(false));
            let verdict = if is_absent { Verdict::Absent } else { Verdict::Ok };
            (call.say(shared, reply).await?, verdict)
        }
        Err(refusal) => {
            let call = call.say(shared, Reply::Failed(&refusal.problem().detail)).await?;
            (call, Outcome::Refused(refusal).verdict())
        }
    };
    asked.answered(verdict, None, received_len);
    Ok(call)
}

/// Ends a connection whose next request would not be found.
async fn hang_up(call: Call, shared: &Shared, sent: &'static str) -> Close {
    call.linger(shared.options.deadlines.linger).await;
    Close::Protocol(sent)
}

/// What ccache logs of who serves it.
const IDENTITY: &str = concat!("aqueduct ", env!("CARGO_PKG_VERSION"));

/// ccache connects before it compiles, and brings the result by the same connection: longer than any compiler runs.
const IDLE: Duration = Duration::from_secs(6 * 60 * 60);

/// What is read at once: most requests with the values that follow, and no more than a head over HTTP may have.
const READ_LEN: usize = 16 << 10;
