use super::{Census, Flip, Part};
use crate::proxy::Direction;

/// A greeting, a header of a byte and a payload of two.
fn said() -> Vec<u8> {
    let mut bytes = vec![0; 8];
    bytes.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 9, 7, 7]);
    bytes
}

#[test]
fn one_bit_is_flipped_once_and_all_bytes_are_counted() {
    let flip = Flip { direction: Direction::ToServer, part: Part::Payload, at: 1, bit: 3 };
    let census = Census::new(Some(flip));
    let mut heard = said();
    census.alter(Direction::ToServer)(&mut heard);
    assert_eq!(heard[..30], said()[..30]);
    assert_eq!(heard[30], 7 ^ 8);
    for direction in [Direction::ToServer, Direction::ToClient] {
        let mut heard = said();
        census.alter(direction)(&mut heard);
        assert_eq!(heard, said());
    }
    assert_eq!(census.count(Direction::ToServer, Part::Head), 58);
    assert_eq!(census.count(Direction::ToServer, Part::Payload), 4);
    assert_eq!(census.count(Direction::ToClient, Part::Payload), 2);
}

#[test]
fn a_bit_of_a_head_is_found_in_any_connection() {
    let flip = Flip { direction: Direction::ToServer, part: Part::Head, at: 29, bit: 0 };
    let census = Census::new(Some(flip));
    let (mut first, mut second) = (said(), said());
    census.alter(Direction::ToServer)(&mut first);
    census.alter(Direction::ToServer)(&mut second);
    assert_eq!(first, said());
    assert_eq!((second[0], &second[1..]), (1, &said()[1..]));
}
