use super::{Appetite, OFFER_LEN_MAX, OFFER_LEN_MIN};

#[test]
fn an_offer_follows_what_was_taken() {
    let mut appetite = Appetite::new();
    assert_eq!(appetite.len(), OFFER_LEN_MAX);
    appetite.learn(OFFER_LEN_MAX, 100_000);
    assert_eq!(appetite.len(), 7 * OFFER_LEN_MIN, "rounded up");
    appetite.learn(appetite.len(), appetite.len());
    assert_eq!(appetite.len(), 14 * OFFER_LEN_MIN);
    appetite.learn(10, 10);
    assert_eq!(appetite.len(), 14 * OFFER_LEN_MIN, "a small offer that was taken proves nothing");
    appetite.learn(appetite.len(), 0);
    assert_eq!(appetite.len(), OFFER_LEN_MIN);
    for _ in 0..20 {
        appetite.learn(appetite.len(), appetite.len());
    }
    assert_eq!(appetite.len(), OFFER_LEN_MAX);
    appetite.learn(usize::MAX, usize::MAX - 1);
    assert_eq!(appetite.len(), OFFER_LEN_MAX);
}
