#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use aqueduct_blob::{Algorithm, UploadId};
use aqueduct_flow::Step;
use aqueduct_store::{Absent, Options, Resumed, Store, UploadPlan};
use tracing::level_filters::LevelFilter;

use super::*;

#[test]
fn a_segment_that_is_hashed_to_its_end_and_has_been_begun_anew_is_superseded() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Absent::Make, Options::default()).unwrap();
    let plan = UploadPlan { algorithm: Algorithm::Sha256, digest: None, size: 5 };
    let Resumed::Open(upload) = store.upload(UploadId::new([1; 16]), &plan).unwrap() else {
        panic!("nothing was sent")
    };
    let written = Written::default();
    let lines = Written::clone(&written);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || Written::clone(&lines))
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let filled = || {
            let mut receiving = upload.receive(0).unwrap();
            let step = receiving.fill(&mut |file, offset, observe| {
                file.write_all_at(b"bytes", offset)?;
                observe(b"bytes");
                Ok(Step::Moved(5))
            });
            assert_eq!(step.unwrap(), Step::Moved(5));
            Segment::new(receiving, ReceiveRoute::Copy, Door::Uploads)
        };
        let (older, newer) = (filled(), filled());
        assert_eq!(older.land().unwrap(), Landed::TakenOver);
        assert_eq!(newer.land().unwrap(), Landed::Held);
    });
    let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let outcomes: Vec<_> = written.lines().map(|line| line.split_once("outcome=").unwrap().1).collect();
    assert_eq!(outcomes, ["\"superseded\"", "\"held\""]);
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
