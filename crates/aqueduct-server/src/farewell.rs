//! Connections that there is no room for: they are told so in the protocol that they speak, and closed.
//!
//! To leave them in the kernel's queue would look to them like a server that hangs, and they would wait there behind those that
//! gave up long ago; whoever is told can go elsewhere, or come back.

use std::time::Duration;

use aqueduct_wire::native::{self, Answer, Code, Say, TaskId, greeting};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::asked::Who;
use crate::connection::{Connection, TLS_ALERT};
use crate::discard;
use crate::door::{Outcome, Refusal};
use crate::guests::Farewell;
use crate::inbox::Inbox;
use crate::reply::{self, Manner};
use crate::request::TLS_HANDSHAKE;
use crate::server::Shared;

/// Tells a peer that there is no room for it, if it says anything that can be answered before its time is up.
pub(crate) async fn say(stream: TcpStream, shared: &Shared, who: Who, _place: Farewell) {
    let _ = timeout(PATIENCE, say_at_once(stream, shared, who)).await;
}

async fn say_at_once(stream: TcpStream, shared: &Shared, who: Who) {
    let mut first = [0];
    let Ok(1) = stream.peek(&mut first).await else { return };
    let mut connection = Connection { stream, inbox: Inbox::default(), who: Box::new(who) };
    let said = match first[0] {
        native::FIRST_BYTE => reply::say(&mut connection, shared, native_words()).await,
        TLS_HANDSHAKE => reply::say(&mut connection, shared, TLS_ALERT.to_vec()).await,
        _ => {
            let answer = shared.voice().answer(&Outcome::Refused(Refusal::TooManyConnections));
            let manner = Manner { head_only: false, connection: Some("close") };
            let queue = reply::queue(shared, answer, None, manner);
            reply::drive(&connection.stream, shared, queue).await.map(drop)
        }
    };
    if said.is_ok() {
        discard::linger(&mut connection, PATIENCE).await;
    }
}

fn native_words() -> Vec<u8> {
    let mut words = greeting().to_vec();
    let message = Refusal::TooManyConnections.problem().detail;
    Answer { task: TaskId::CONNECTION, say: Say::Closing { code: Code::Busy, message } }.write(0, &mut words);
    words
}

/// What a peer may take to say what it wants, and to read that it does not get it.
const PATIENCE: Duration = Duration::from_secs(2);
