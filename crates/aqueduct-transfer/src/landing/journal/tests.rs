use super::*;

const HEAD: Head =
    Head { transfer: *b"0123456789abcdef", algorithm: Algorithm::Sha256, verify: Verify::Full };
const PLACE: Place = [1; 16];
const OTHER: Place = [2; 16];
const IDENTITY: Identity = Identity([3; 16]);

fn record(index: u64) -> Record {
    Record { index, before: [4; 32], after: [5; 32] }
}

fn file() -> File {
    tempfile::tempfile().unwrap()
}

fn content(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// One of each.
fn entries() -> [Entry; 10] {
    [
        Entry::Session(Boot([6; 16])),
        Entry::Small { place: PLACE, identity: IDENTITY },
        Entry::Large { number: 7, place: OTHER, identity: IDENTITY, size: 10 << 20 },
        Entry::Segment { number: 7, record: record(2) },
        Entry::Segment { number: 7, record: record(0) },
        Entry::Dropped { number: 7, index: 0 },
        // Not all of it is there.
        Entry::Finished { number: 7 },
        // Neither of a segment that there is none of, nor of a file that was never named.
        Entry::Segment { number: 7, record: record(3) },
        Entry::Segment { number: 8, record: record(0) },
        Entry::Gone(PLACE),
    ]
}

#[test]
fn what_was_written_is_read() {
    let file = file();
    let journal = Journal::begin(file.try_clone().unwrap(), &HEAD).unwrap();
    entries().iter().try_for_each(|entry| journal.append(entry)).unwrap();
    assert_eq!(content(&file).len(), Head::LEN + CHECK_LEN, "entries wait for others");
    drop(journal);

    let told = read(&content(&file)).unwrap();
    assert_eq!((told.head, told.boot), (HEAD, Some(Boot([6; 16]))));
    assert_eq!(told.small, HashMap::new());
    let records = BTreeMap::from([(2, record(2))]);
    let large = Large { place: OTHER, identity: IDENTITY, size: 10 << 20, records, is_finished: false };
    assert_eq!(told.large, BTreeMap::from([(7, large)]));
}

#[test]
fn a_journal_goes_on_where_it_ended() {
    let file = file();
    for (place, rest) in [(PLACE, &b""[..]), (OTHER, b"what a torn write left")] {
        let journal = match read(&content(&file)) {
            None => Journal::begin(file.try_clone().unwrap(), &HEAD),
            Some(told) => Journal::resume(file.try_clone().unwrap(), &told),
        };
        journal.unwrap().append_now(&Entry::Small { place, identity: IDENTITY }).unwrap();
        let end = file.metadata().unwrap().len();
        file.write_all_at(rest, end).unwrap();
    }
    let told = read(&content(&file)).unwrap();
    assert_eq!(told.small, HashMap::from([(PLACE, IDENTITY), (OTHER, IDENTITY)]));
}

#[test]
fn a_journal_ends_where_a_byte_is_wrong() {
    let file = file();
    let journal = Journal::begin(file.try_clone().unwrap(), &HEAD).unwrap();
    entries().iter().try_for_each(|entry| journal.append_now(entry)).unwrap();
    let bytes = content(&file);
    let whole = read(&bytes).unwrap();
    assert_eq!(whole.end, bytes.len() as u64);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let told = read(&damaged);
        match told {
            None => assert!(at < Head::LEN + CHECK_LEN, "the head is read though byte {at} is wrong"),
            Some(told) => assert!(told.end <= at as u64, "{} bytes are read though {at} is wrong", told.end),
        }
        let cut = read(&bytes[..at]).map_or(0, |told| told.end);
        assert!(cut <= at as u64);
    }
}

#[test]
fn blocks_of_another_journal_are_none_of_this_one() {
    let (one, other) = (file(), file());
    let head = Head { transfer: [9; 16], ..HEAD };
    for (file, head) in [(&one, &HEAD), (&other, &head)] {
        let journal = Journal::begin(file.try_clone().unwrap(), head).unwrap();
        journal.append_now(&Entry::Small { place: PLACE, identity: IDENTITY }).unwrap();
    }
    let mut bytes = content(&one)[..Head::LEN + CHECK_LEN].to_vec();
    bytes.extend(&content(&other)[Head::LEN + CHECK_LEN..]);
    assert_eq!(read(&bytes).unwrap().small, HashMap::new());
}

#[test]
fn what_several_threads_append_is_all_there() {
    let file = file();
    let journal = Journal::begin(file.try_clone().unwrap(), &HEAD).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let journal = &journal;
            scope.spawn(move || {
                for at in 0..3000_u64 {
                    let mut place = [0; 16];
                    place[..8].copy_from_slice(&(thread * 3000 + at).to_be_bytes());
                    let entry = Entry::Small { place, identity: IDENTITY };
                    if at % 100 == 0 { journal.append_now(&entry) } else { journal.append(&entry) }.unwrap();
                }
            });
        }
    });
    journal.flush().unwrap();
    assert_eq!(read(&content(&file)).unwrap().small.len(), 12_000);
}

#[test]
fn what_cannot_be_written_waits_until_it_can() {
    // Nothing can be written to it.
    let full = File::options().read(true).write(true).open("/dev/full").unwrap();
    let file = file();
    let mut journal = Journal::begin(file.try_clone().unwrap(), &HEAD).unwrap();
    let there = mem::replace(&mut journal.file, full);
    for place in [PLACE, OTHER] {
        let error = journal.append_now(&Entry::Small { place, identity: IDENTITY }).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
    journal.file = there;
    journal.flush().unwrap();
    assert_eq!(read(&content(&file)).unwrap().small.len(), 2);
}
