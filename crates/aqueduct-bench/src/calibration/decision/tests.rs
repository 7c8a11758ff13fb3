use super::Verdict::{Even, Large, Small};
use super::*;

/// At 1, 2, 4, 8, ...
fn decided(default: u64, verdicts: &[Verdict]) -> u64 {
    let at = (0..).map(|power| 1 << power);
    decide(default, &at.zip(verdicts.iter().copied()).collect::<Vec<_>>())
}

#[test]
fn without_a_clear_difference_the_default_stays() {
    for default in [0, 1, 4, 5, 1000] {
        assert_eq!(decided(default, &[Even; 6]), default);
        assert_eq!(decided(default, &[]), default);
    }
    assert_eq!(decided(4, &[Small, Small, Small, Large, Large]), 4, "what agrees with it");
}

#[test]
fn what_is_clear_moves_it_as_far_as_it_is_clear() {
    assert_eq!(decided(0, &[Small, Small, Even, Large]), 2);
    assert_eq!(decided(0, &[Small, Even, Small, Even, Large]), 4, "what lies between is no worse");
    assert_eq!(decided(4, &[Small, Small, Small, Small, Small]), 16);
    assert_eq!(decided(16, &[Small, Small, Large, Large, Large, Large]), 2);
    assert_eq!(decided(16, &[Small, Even, Large, Even, Large, Large]), 2);
    assert_eq!(decided(4, &[Large, Large, Large, Large]), 0);
    assert_eq!(decided(3, &[Small, Small, Small, Large]), 4, "a default between two sizes");
}

#[test]
fn what_the_other_way_is_ahead_at_is_not_jumped_over() {
    assert_eq!(decided(0, &[Large, Small, Small]), 0);
    assert_eq!(decided(0, &[Small, Large, Small]), 1);
    assert_eq!(decided(8, &[Large, Large, Small, Even, Large]), 8);
}

#[test]
fn what_speaks_for_more_and_for_less_says_nothing() {
    assert_eq!(decided(4, &[Small, Even, Large, Small, Small]), 4);
}

#[test]
fn a_difference_is_clear_if_samples_do_not_mix_and_medians_are_apart() {
    let spread = |samples: [f64; 5]| Spread::of(samples);
    let base = spread([1.0, 1.01, 1.02, 1.1, 1.1]);
    assert_eq!(Verdict::of(&spread([0.7, 0.7, 0.8, 0.9, 0.9]), &base), Small);
    assert_eq!(Verdict::of(&base, &spread([0.7, 0.7, 0.8, 0.9, 0.9])), Large);
    assert_eq!(
        Verdict::of(&spread([0.7, 0.7, 0.8, 0.9, 9.0]), &base),
        Small,
        "a moment in which something else ran"
    );
    assert_eq!(Verdict::of(&spread([0.5, 0.5, 0.6, 1.02, 1.1]), &base), Even, "a quarter among the others");
    assert_eq!(Verdict::of(&spread([0.9, 0.97, 0.98, 0.99, 0.99]), &base), Even, "by less than the margin");
    assert_eq!(Verdict::of(&base, &base), Even);
}

/// Two ways that cost the same, measured with noise of twice what is least: in a thousand runs the default holds nearly
/// always.
#[test]
fn noise_alone_rarely_moves_it() {
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(state >> 33).unwrap()) / f64::from(1_u32 << 31)
    };
    let mut moved = 0;
    for _ in 0..1000 {
        let mut spread = || Spread::of([(); 15].map(|()| 0.5 + noise()));
        let verdicts: Vec<_> = (0..10).map(|power| (1 << power, Verdict::of(&spread(), &spread()))).collect();
        moved += usize::from(decide(16, &verdicts) != 16);
    }
    assert!(moved < 50, "{moved} of 1000");
}
