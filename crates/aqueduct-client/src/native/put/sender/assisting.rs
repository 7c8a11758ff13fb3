//! A line beside the one that leads: it sends what that one has left.

use aqueduct_wire::native::{Ask, Say};

use super::{Open, Opened, Sender, Shared, Told};
use crate::error::Error;

impl Sender<'_> {
    /// Sends segments beside the line that leads, once there may be another line, and as long as there are any.
    pub(in crate::native::put) fn assist(mut self) {
        let Shared { client, ledger, .. } = self.shared;
        ledger.wait_for_todo();
        let Some(_slot) = client.slots.further(|| ledger.is_worth_sharing()) else { return };
        if !ledger.begin_side_line() {
            return;
        }
        while let Err(error) = self.assist_over_one_line() {
            if client.wait_after(error, &mut self.patience).is_err() {
                // What it is, the line that leads will find out.
                break;
            }
        }
        self.shared.ledger.put_back(self.in_flight.drain(..));
        self.shared.ledger.end_side_line();
    }

    fn assist_over_one_line(&mut self) -> Result<(), Error> {
        let Opened::Open(mut open) = self.open()? else { return Ok(()) };
        let assisted = self.assist_over(&mut open);
        self.shared.ledger.add_carried(open.line.carried());
        assisted
    }

    fn assist_over(&mut self, open: &mut Open) -> Result<(), Error> {
        let mut nobody = |_| {};
        let mut told = Told { observe: &mut nobody, ledger: self.shared.ledger, base: None, len: 0 };
        if self.send_all(open, &mut told)?.is_some() || self.shared.ledger.is_over() {
            return Ok(());
        }
        // What it leaves is taken in when this is answered.
        open.line.say(open.task, Ask::Leave);
        loop {
            let heard = open.line.hear(self.shared.client.site.options.answer_timeout)?;
            if heard.task == open.task && heard.say == Say::Done {
                self.in_flight.clear();
                return Ok(());
            }
            if self.heard(open, &heard)?.is_some() {
                return Ok(());
            }
        }
    }
}
