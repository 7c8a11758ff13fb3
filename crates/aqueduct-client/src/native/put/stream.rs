//! Streams, whose size nobody knows: in frames, hashed on their way through.

use std::io::Read;

use aqueduct_blob::{Algorithm, Hasher};
use aqueduct_flow::Carried;
use aqueduct_wire::native::{Ask, Put};

use crate::error::Error;
use crate::native::NativeClient;
use crate::stream::{READ_LEN, read};
use crate::uploaded::{Observe, Uploaded};

impl NativeClient {
    /// Sends a stream to its end. It cannot be read twice, so that what breaks is not taken up again.
    pub(crate) fn put_stream(
        &self,
        algorithm: Algorithm,
        source: &mut dyn Read,
        observe: &mut Observe<'_>,
    ) -> Result<Uploaded, Error> {
        // Whoever makes the stream may take its time to begin, which a server does not wait for.
        let mut buffer = vec![0; READ_LEN];
        let mut len = read(source, &mut buffer)?;
        // Not a kept one, which may be closed already: there is no second try.
        let mut line = self.open()?;
        let mut hasher = Hasher::new(algorithm);
        let task = line.task();
        line.say(task, Ask::Put(Put { algorithm, digest: None, size: None, upload: None }));
        let mut early = None;
        while len > 0 && early.is_none() {
            let piece = &buffer[..len];
            line.say_with(task, Ask::Data { offset: hasher.size() }, piece);
            hasher.update(piece);
            early = line.send_down_to(0)?;
            observe(len as u64);
            len = if early.is_none() { read(source, &mut buffer)? } else { 0 };
        }
        let size = hasher.size();
        let digest = hasher.finish().digest;
        let heard = match early {
            Some(heard) => heard,
            None => {
                line.say(task, Ask::End { digest: Some(digest) });
                line.hear(self.site.answer_wait(size))?
            }
        };
        if heard.task != task || heard.payload_len > 0 {
            return Err(line.nonsense("it answers what was not asked"));
        }
        let is_new = self.stored(&heard.say, &digest)?;
        self.keep(line);
        Ok(Uploaded { digest, size, is_new, sent: size, carried: Carried::default() })
    }
}
