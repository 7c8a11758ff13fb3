//! A client over the native protocol, whose server answers whatever frames it likes: no answer ends the program or keeps it
//! for ever, and none makes it say what is not true. The checks of the frames are made here, so that bytes get past them.

#![no_main]

use std::sync::LazyLock;

use aqueduct_fuzz::{Feed, RudeServer, client, known, run_errand};
use aqueduct_wire::native::{Answer, Say, TaskId, Welcome, greeting};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (errand, mut rest) = bytes.split_at(bytes.len().min(ERRAND_LEN));
    let mut said = greeting().to_vec();
    if errand.first().is_none_or(|first| first & 128 == 0) {
        let (agent, capabilities) = ("rude".to_owned(), Vec::new());
        let welcome = Welcome { agent, capabilities, task_count_max: 100, blob_size_max: 1 << 40 };
        Answer { task: TaskId::CONNECTION, say: Say::Welcome(welcome) }.write(0, &mut said);
    }
    while let Some((frame, after)) = Frame::split(rest) {
        rest = after;
        frame.write(&mut said);
    }
    said.extend_from_slice(rest);
    SERVER.say(&said);
    let client = client(&format!("aqueduct://{}", SERVER.address()));
    run_errand(&client, &mut Feed(errand));
});

/// A frame as it is in the input: the length of its header, which blob its payload is of, how much of it, and its header.
struct Frame<'b> {
    header: &'b [u8],
    payload: &'b [u8],
}

impl<'b> Frame<'b> {
    fn split(bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let (&[header_len, blob, l0, l1], rest) = bytes.split_first_chunk()?;
        let (header, rest) = rest.split_at(rest.len().min(usize::from(header_len)));
        let blob = &known()[usize::from(blob) % known().len()].bytes;
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        Some((Self { header, payload: &blob[..len.min(blob.len())] }, rest))
    }

    fn write(&self, said: &mut Vec<u8>) {
        let begin = said.len();
        said.extend((self.header.len() as u32).to_be_bytes());
        said.extend((self.payload.len() as u64).to_be_bytes());
        said.extend(crc32fast::hash(self.header).to_be_bytes());
        said.extend(crc32fast::hash(&said[begin..]).to_be_bytes());
        said.extend(self.header);
        said.extend(self.payload);
    }
}

static SERVER: LazyLock<RudeServer> = LazyLock::new(RudeServer::listen);

/// What an errand is made from.
const ERRAND_LEN: usize = 6;
