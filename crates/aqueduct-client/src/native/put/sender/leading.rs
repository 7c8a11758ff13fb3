//! The line that leads: it ends the upload, and takes it up again until the server has stored the blob.

use std::time::{Duration, Instant};

use aqueduct_wire::native::{Ask, Say};

use super::{Open, Opened, Sender, Sent, Told, WATCH_EVERY};
use crate::error::Error;
use crate::uploaded::Observe;

impl Sender<'_> {
    /// Sends, over new lines where one breaks, until the server has stored the blob.
    pub(in crate::native::put) fn lead(mut self, observe: &mut Observe<'_>) -> Result<Sent, Error> {
        self.is_leading = true;
        let mut told = Told { observe, ledger: self.shared.ledger, base: None, len: 0 };
        loop {
            match self.lead_over_one_line(&mut told) {
                Err(error) => self.shared.client.wait_after(error, &mut self.patience)?,
                sent => return sent,
            }
        }
    }

    fn lead_over_one_line(&mut self, told: &mut Told<'_>) -> Result<Sent, Error> {
        let mut open = match self.open()? {
            Opened::Stored(sent) => return Ok(sent),
            Opened::Open(open) => open,
        };
        told.base.get_or_insert(self.verified_len);
        told.tell();
        let sent = self.lead_over(&mut open, told);
        self.shared.ledger.add_carried(open.line.carried());
        // An answer that is still due would be taken for that of the next question.
        if sent.is_ok() && !open.is_asking {
            self.shared.client.keep(open.line);
        }
        sent
    }

    fn lead_over(&mut self, open: &mut Open, told: &mut Told<'_>) -> Result<Sent, Error> {
        let ledger = self.shared.ledger;
        loop {
            if let Some(sent) = self.send_all(open, told)? {
                return Ok(sent);
            }
            if ledger.has_side_lines() {
                if let Some(sent) = self.show_life(open)? {
                    return Ok(sent);
                }
                ledger.wait_for_side_lines(WATCH_EVERY);
                continue;
            }
            let Some(digest) = ledger.digest()? else {
                match self.wait_for_entries(open)? {
                    Some(sent) => return Ok(sent),
                    None => continue,
                }
            };
            open.line.say(open.task, Ask::End { digest: Some(digest) });
            open.has_ended = true;
            let wait = self.shared.client.site.answer_wait(self.shared.source.size());
            loop {
                let heard = open.line.hear(wait)?;
                // What was asked for before the server heard of the end is asked for once more then.
                let is_answer = matches!(heard.say, Say::Again { after_end: true, .. });
                if let Some(sent) = self.heard(open, &heard)? {
                    return Ok(sent);
                }
                if is_answer {
                    break;
                }
            }
        }
    }

    /// Says nothing new while others send: who is silent for long is taken for dead.
    fn show_life(&mut self, open: &mut Open) -> Result<Option<Sent>, Error> {
        if open.shown.elapsed() >= LIFE_EVERY {
            open.shown = Instant::now();
            open.line.say(open.task, Ask::Checkpoints { first: 0, entries: Vec::new() });
        }
        while let Some(heard) = open.line.send_down_to(0)? {
            if let Some(sent) = self.heard(open, &heard)? {
                return Ok(Some(sent));
            }
        }
        Ok(None)
    }
}

/// A server waits for a minute.
const LIFE_EVERY: Duration = Duration::from_secs(20);
