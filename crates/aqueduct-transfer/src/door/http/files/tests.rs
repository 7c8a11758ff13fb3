use std::io::Read;

use super::super::super::tests::{Terms, tcp_pair};
use super::*;
use crate::source::Seen;

#[test]
fn the_last_byte_counts_only_when_nothing_broke() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, &[1; 100]).unwrap();
    let shelf = Shelf::new([7; 16], &[file.path().to_owned()], &[]).unwrap();
    let names = [file.path().file_name().unwrap().as_encoded_bytes().to_vec()];
    let Some(Seen::File { opened, identity, stat }) = shelf.look.at(&names).unwrap() else { unreachable!() };
    let shown = Shown { names: &names, opened, identity, mtime: stat.mtime };
    let (ours, mut theirs) = tcp_pair();
    let terms = Terms::patient();
    let mut peer = Peer::new(&ours, terms.manner()).unwrap();

    let mut credit = Credit { shelf: &shelf, file: &shown, turn: shelf.begin(), waiting: VecDeque::new() };
    credit.send(&mut peer, b"head".to_vec(), vec![Piece::Part(0..100)]).unwrap();
    theirs.read_exact(&mut [0; 104]).unwrap();
    credit.note(&mut peer, false).unwrap();
    assert_eq!((terms.gauge.verified(), shelf.is_complete()), (99, false), "it may have read less");
    credit.note(&mut peer, true).unwrap();
    assert_eq!((terms.gauge.verified(), shelf.is_complete()), (100, true));
}
