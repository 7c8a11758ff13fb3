use super::Landings;

const FIRST_LIFE: &str = "\
2026-01-01T00:00:00.000000Z DEBUG a segment landed upload=00ff index=0
2026-01-01T00:00:00.000000Z DEBUG the peer went away peer=127.0.0.1:9 error=index=7
2026-01-01T00:00:00.000000Z DEBUG a segment landed upload=00ff index=2
";
const SECOND_LIFE: &str = "\
2026-01-01T00:00:01.000000Z DEBUG a segment landed upload=00ff index=2
2026-01-01T00:00:01.000000Z DEBUG a segment landed upload=00ff index=1
2026-01-01T00:00:01.000000Z DEBUG stored upload=00ff digest=sha256:aa size=9 received=5 hashed=4
";

#[test]
fn landings_are_counted_over_all_lives() {
    let mut landings = Landings::default();
    assert_eq!(landings.add(FIRST_LIFE), 2);
    assert_eq!((landings.missing_count(3), landings.repeated_count(), landings.stored), (1, 0, None));
    assert_eq!(landings.add(SECOND_LIFE), 2);
    assert_eq!((landings.missing_count(3), landings.repeated_count()), (0, 1));
    assert_eq!(landings.stored, Some((5, 4)));
    assert_eq!(landings.missing_count(5), 2);
}
