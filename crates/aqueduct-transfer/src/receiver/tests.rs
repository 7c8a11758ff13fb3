use std::fs;
use std::net::{TcpListener, TcpStream};

use aqueduct_blob::SEGMENT_LEN;
use aqueduct_wire::transfer::{Entry, EntryId, Identity, Kind, Meta};

use super::arrival::{Arrival, Place};
use super::segment::{Current, Said};
use super::*;
use crate::{Existing, Options, Peer, Preserve, Streams, Sync, Times};

struct Deaf;

impl Watch for Deaf {
    fn hear(&self, _: &Event<'_>) {}
}

#[test]
fn what_fails_when_the_last_segment_is_there_ends_the_attempt() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        streams: Streams::Auto,
        rate: None,
        times: Times::default(),
        dry_run: false,
        stop: Arc::default(),
    };
    let receive = Receive {
        from: Peer::Http(String::new()),
        to: Where::Directory(dir.path().to_owned()),
        existing: Existing::Refuse,
        preserve: Preserve::default(),
        sync: Sync::None,
        recheck: false,
        resume: true,
        count: None,
        expected: None,
        expected_size: None,
        options,
    };
    let offer = Offer {
        transfer: [1; 16],
        algorithm: Algorithm::Blake3,
        verify: Verify::None,
        names: vec![b"file".to_vec()],
        size: Some(SEGMENT_LEN),
        file_count: Some(1),
        stream_count: 1,
        room: None,
    };
    let gauge = Gauge::default();
    let receiver = Receiver {
        receive: &receive,
        gauge: &gauge,
        watch: &Deaf,
        throttle: None,
        has_passed: AtomicBool::new(false),
        is_stream: AtomicBool::new(false),
        begun: Mutex::default(),
        told: ToldFiles::default(),
    };
    let landing_options = LandingOptions {
        to: &receive.to,
        existing: receive.existing,
        sync: receive.sync,
        preserve: receive.preserve,
        recheck: receive.recheck,
        resume: receive.resume,
    };
    let landing = Landing::begin(&landing_options, &offer, &Deaf, &gauge).unwrap();
    let kind = Kind::Regular { size: SEGMENT_LEN, identity: Identity([1; 16]) };
    let entry =
        Entry { id: EntryId(1), parent: EntryId::ROOT, name: b"file".to_vec(), meta: Meta::default(), kind };
    let arriving = landing.file(&entry).unwrap().unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let patience = Patience {
        idle: Duration::from_secs(20),
        stop: Arc::default(),
        over: Arc::clone(&over),
        until: None,
        pulse: Arc::default(),
    };
    let attempt = Attempt {
        receiver: &receiver,
        offer,
        landing: Some(landing),
        resumes: false,
        ledger: Ledger::new(over),
        first: Arc::new(Line::new(stream, patience.clone()).unwrap()),
        patience,
    };
    let arrival = Arc::new(Arrival::new(&entry, Place::File(arriving), None, &[]));
    arrival.tell_whole(None);
    let taken = Current::begin(&arrival, SEGMENT_LEN, 0).unwrap();
    // Whoever gives it its size and its times does not find it.
    let mut arrived = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    fs::remove_file(arrived.find(|path| path.extension() == Some("part".as_ref())).unwrap()).unwrap();
    let said = Said { before: [0; 32], after: [0; 32] };
    attempt.judge(taken, &said).unwrap_err();
}
