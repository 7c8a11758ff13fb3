use super::*;

fn glance() -> Glance {
    Glance {
        phase: Phase::Transfer,
        name: "model.bin".to_owned(),
        done: 3 << 30,
        verified: 2 << 30,
        total: Some(12 << 30),
        rate: 1 << 30,
        streams: 4,
        limit: Limit::ReceiverDisk,
    }
}

#[test]
fn a_line_says_how_far_how_fast_how_long_and_why_no_faster() {
    assert_eq!(
        glance().line(),
        "model.bin  25%  3.00 GiB of 12.00 GiB  1.00 GiB/s (8.6 Gbit/s)  4 streams  eta 9 s  limited by: receiver disk"
    );
    let unknown = Glance { total: None, streams: 1, limit: Limit::Unknown, ..glance() };
    assert_eq!(unknown.line(), "model.bin  3.00 GiB  1.00 GiB/s (8.6 Gbit/s)  1 stream");
    let planning =
        Glance { phase: Phase::Plan, name: String::new(), done: 0, total: None, rate: 0, ..unknown };
    assert_eq!(planning.line(), "plan  0 B  0 B/s (0 bit/s)  1 stream");
    assert_eq!(Glance { phase: Phase::Sync, ..glance() }.title(), "model.bin: sync");
}

#[test]
fn nothing_at_all_is_no_division_by_it() {
    let nothing = Glance { done: 0, total: Some(0), rate: 0, ..glance() };
    assert_eq!((nothing.percent(), nothing.eta()), (None, None));
    let more = Glance { done: u64::MAX, total: Some(1), ..glance() };
    assert_eq!((more.percent(), more.eta()), (Some(100), Some(Duration::ZERO)));
}
