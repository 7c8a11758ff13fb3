use super::*;
use crate::chain::INITIAL_STATE;

/// One lane, and whatever else this machine can do, whether or not it would be chosen.
pub(crate) fn every_width() -> Vec<Lanes> {
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut, reason = "there is one width"))]
    let mut widths = vec![Lanes::ONE];
    #[cfg(target_arch = "x86_64")]
    {
        let level = Level::new();
        widths.extend(level.as_avx2().map(|avx2| Lanes(Width::Eight(avx2))));
        widths.extend(level.as_avx512().map(|avx512| Lanes(Width::Sixteen(avx512))));
    }
    widths
}

/// A block that is like no other.
fn block(number: usize) -> Block {
    let mut block = [0; 64];
    for (place, byte) in block.iter_mut().enumerate() {
        *byte = u8::try_from((number * 89 + place * 41 + number * place / 7) % 251).unwrap();
    }
    block
}

#[test]
fn any_count_of_chains_goes_on_from_its_states_as_one_by_one() {
    const BLOCK_COUNT: usize = 3;
    for lanes in every_width() {
        for count in 0..=2 * LANES_MAX + 1 {
            let blocks: Vec<Block> = (0..count * BLOCK_COUNT).map(block).collect();
            let runs: Vec<&[Block]> = blocks.chunks(BLOCK_COUNT).collect();
            let mut expected = vec![INITIAL_STATE; count];
            for (number, state) in expected.iter_mut().enumerate() {
                compress256(state, &[block(1000 + number)]);
            }
            let mut states = expected.clone();
            for (state, run) in expected.iter_mut().zip(&runs) {
                compress256(state, run);
            }
            lanes.compress(&mut states, &runs);
            assert_eq!(states, expected, "{count} chains, {lanes:?}");
        }
    }
}

#[test]
fn no_block_changes_nothing() {
    for lanes in every_width() {
        let mut states = [INITIAL_STATE; LANES_MAX];
        lanes.compress(&mut states, &[[].as_slice(); LANES_MAX]);
        assert_eq!(states, [INITIAL_STATE; LANES_MAX], "{lanes:?}");
    }
}

#[test]
fn the_width_that_is_detected_exists_on_this_machine() {
    let widths = every_width();
    assert!(widths.iter().any(|lanes| lanes.count() == Lanes::detect().count()));
    assert!(widths.iter().all(|lanes| (1..=lanes.count()).contains(&lanes.worth())));
    assert!(widths.iter().all(|lanes| lanes.count() <= LANES_MAX));
}
