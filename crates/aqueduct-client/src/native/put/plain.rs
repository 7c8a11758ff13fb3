//! Files of one segment.

use aqueduct_blob::Digest;
use aqueduct_flow::Carried;
use aqueduct_wire::native::{Ask, Put};

use super::AGAIN_COUNT_MAX;
use crate::error::{Error, ErrorKind};
use crate::native::NativeClient;
use crate::native::line::Line;
use crate::source::Source;
use crate::uploaded::{Observe, Uploaded};

impl NativeClient {
    pub(super) fn put_plain(
        &self,
        digest: &Digest,
        source: &Source,
        observe: &mut Observe<'_>,
    ) -> Result<Uploaded, Error> {
        let mut again_left = AGAIN_COUNT_MAX;
        let (is_new, sent, carried) = loop {
            let put = self.persist(|line, _| self.put_plain_over(line, digest, source));
            match put {
                // Damaged on its way, unless it is the source that changed.
                Err(error) if error.kind() == ErrorKind::Mismatch && !source.has_changed()? => {
                    if again_left == 0 {
                        return Err(error);
                    }
                    again_left -= 1;
                }
                Err(error) if error.kind() == ErrorKind::Mismatch => return Err(Error::changed()),
                put => break put?,
            }
        };
        if source.has_changed()? {
            return Err(Error::changed());
        }
        observe(sent);
        Ok(Uploaded { digest: *digest, size: source.size(), is_new, sent, carried })
    }

    fn put_plain_over(
        &self,
        line: &mut Line,
        digest: &Digest,
        source: &Source,
    ) -> Result<(bool, u64, Carried), Error> {
        let size = source.size();
        let put =
            Put { algorithm: digest.algorithm(), digest: Some(*digest), size: Some(size), upload: None };
        let task = line.task();
        line.say_extent(task, Ask::Put(put), source.extent(0..size));
        let heard = line.hear(self.site.answer_wait(size))?;
        if heard.task != task || heard.payload_len > 0 {
            return Err(line.nonsense("it answers what was not asked"));
        }
        let is_new = self.stored(&heard.say, digest)?;
        Ok((is_new, size - line.unsent().min(size), *line.carried()))
    }
}
