use super::{Damage, NOTE_LEN_MAX, RANGE_COUNT_MAX};

#[test]
fn a_note_reads_as_it_was_written() {
    let damage = Damage { size: 9 << 20, ranges: vec![0..4 << 20, 8 << 20..9 << 20] };
    let note = damage.note(1_763_769_600);
    assert_eq!(
        note,
        "aqueduct damage\nfound 1763769600\nsize 9437184\nrange 0 4194304\nrange 8388608 9437184\n"
    );
    assert_eq!(Damage::parse(&note), Some(damage.ranges));
}

#[test]
fn half_a_note_and_another_text_say_nothing() {
    let note = Damage::whole(100).note(0);
    for len in 0..note.len() {
        assert_eq!(Damage::parse(&note[..len]).unwrap_or_default(), [], "{len}");
    }
    assert_eq!(Damage::parse("range 0 1\n"), None);
    assert_eq!(Damage::parse("aqueduct damage\nrange 0 x\n"), None);
}

#[test]
fn the_longest_note_is_read() {
    let far = u64::MAX - 4096;
    let ranges = (0..2 * RANGE_COUNT_MAX as u64).map(|index| far + 2 * index..far + 2 * index + 1);
    let note = Damage { size: u64::MAX, ranges: ranges.collect() }.note(i64::MIN);
    assert!((note.len() as u64) < NOTE_LEN_MAX);
    assert!(note.ends_with("more 1000\n"));
    assert_eq!(Damage::parse(&note).unwrap().len(), RANGE_COUNT_MAX);
}
