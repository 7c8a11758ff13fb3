//! What is done about a frame, once it is known what it may do.

use std::iter;

use aqueduct_wire::http1::Credentials;
use aqueduct_wire::native::{Code, Hello, Request, Say, TaskId, Turn, Welcome, limits};

use super::super::Ended;
use super::super::answering::Question;
use super::super::refusal::{refusal, refused};
use super::super::small::Small;
use super::Hearing;
use crate::asked::Kind;
use crate::connection::let_go;
use crate::tokens::Right;

impl Hearing {
    pub(super) async fn act(&mut self, request: Request, payload_len: u64) -> Result<(), Ended> {
        let turn = self.talk.session().take(request, payload_len).map_err(Ended::Closing)?;
        match turn {
            Turn::Hello(hello) => self.hello(hello),
            Turn::Begin { task, ask } => {
                self.is_bulky = false;
                let question = Question { task, ask };
                self.talk.accounts.begun(task, question.counted_as(), question.digest());
                self.begin(question).await;
            }
            Turn::BeginPut { task, put, len, is_whole } => {
                self.talk.accounts.begun(task, Kind::NativePut, put.digest);
                // Of an upload all is still to come.
                self.is_bulky = put.upload.is_some() || len > Small::LEN_MAX;
                self.begin_put(task, put, len, is_whole).await?;
            }
            Turn::Data { task, offset, len, is_last } => {
                self.is_bulky = len > Small::LEN_MAX;
                self.pour(task, offset, len).await?;
                if is_last {
                    self.finish(task, None).await;
                }
            }
            Turn::Checkpoints { task, first, entries } => {
                // Who only hashes for a while, because the bytes are here already, is at work.
                self.pace = self.shared.options.body_pace();
                self.claim(task, first, entries).await?;
            }
            Turn::End { task, digest } => self.finish(task, digest).await,
            Turn::Leave { task } => {
                self.puts.drop(task);
                self.talk.end(task, Say::Done);
            }
            Turn::Cancel { task } => {
                if self.puts.drop(task) {
                    self.talk.end(task, refusal(Code::Cancelled, "cancelled, as asked"));
                } else if let Some(sending) = self.talk.outbox.cancel(task) {
                    let_go(&self.shared, Some(sending.into_found()));
                }
            }
            Turn::Refuse { task, code, message, skip } => {
                self.puts.drop(task);
                // The session has forgotten it already.
                let say = Say::Refused { code, message, actual: None };
                self.talk.accounts.refused(task, &say);
                self.talk.outbox.end(task, say);
                self.skip(skip).await?;
            }
            Turn::Skip { len } => self.skip(len).await?,
        }
        Ok(())
    }

    fn hello(&mut self, hello: Hello) {
        self.credentials = hello.token.map(Credentials::Bearer);
        let welcome = Welcome {
            agent: AGENT.to_owned(),
            capabilities: Vec::new(),
            task_count_max: u32::try_from(limits::TASK_COUNT_MAX).unwrap_or(u32::MAX),
            blob_size_max: self.shared.options.blob_size_max(),
        };
        self.talk.outbox.say(TaskId::CONNECTION, Say::Welcome(welcome));
    }

    /// Whether the peer may do what needs `right`, and may still begin anything.
    pub(super) fn admit(&self, right: Right) -> Result<(), Say> {
        if self.is_stopping {
            return Err(refusal(Code::Stopping, "this server is about to stop; ask again when it is back"));
        }
        self.shared.admission.admit_with(self.credentials.as_ref(), right).map_err(|error| refused(&error))
    }

    /// Begins what needs no bytes of the peer's.
    async fn begin(&mut self, question: Question) {
        if let Err(refused) = self.admit(question.right()) {
            self.talk.end(question.task, refused);
        } else if let Some(bytes) = question.cached(&self.shared) {
            self.talk.end_with(&mut iter::once((question.task, bytes)));
        } else {
            self.ask(question).await;
        }
    }
}

const AGENT: &str = concat!("aqueduct/", env!("CARGO_PKG_VERSION"));
