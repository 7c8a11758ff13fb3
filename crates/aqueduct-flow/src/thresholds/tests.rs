use super::*;

const SOME: Thresholds =
    Thresholds { memory_size_max: 64 << 10, copy_len_max: 16 << 10, receive_copy_len_max: 1 << 20 };

#[test]
fn what_is_short_is_copied_where_nothing_else_is_asked_for() {
    for (len, route) in
        [(0, SendRoute::Copy), (16 << 10, SendRoute::Copy), ((16 << 10) + 1, SendRoute::Sendfile)]
    {
        assert_eq!(SOME.send_route(SendRoute::Sendfile, len), route, "{len}");
    }
    for wish in [SendRoute::Copy, SendRoute::Splice, SendRoute::Mmap] {
        assert_eq!(SOME.send_route(wish, 1), wish);
    }
    let (copy, splice) = (ReceiveRoute::Copy, ReceiveRoute::Splice);
    for (len, route) in [(Some(1 << 20), copy), (Some((1 << 20) + 1), splice), (None, splice)] {
        assert_eq!(SOME.receive_route(splice, len), route, "{len:?}");
    }
    assert_eq!(SOME.receive_route(ReceiveRoute::Mmap, Some(1)), ReceiveRoute::Mmap);
}

#[test]
fn a_threshold_of_nothing_is_never_reached() {
    let none = Thresholds { memory_size_max: 0, copy_len_max: 0, receive_copy_len_max: 0 };
    assert_eq!(none.send_route(SendRoute::Sendfile, 1), SendRoute::Sendfile);
    assert_eq!(none.receive_route(ReceiveRoute::Splice, Some(1)), ReceiveRoute::Splice);
}

#[test]
fn they_are_said_in_units_that_fit() {
    let said = "from memory up to 64 KiB, by copy up to 16 KiB, received by copy up to 1 MiB";
    assert_eq!(SOME.to_string(), said);
    let odd = Thresholds { memory_size_max: 0, copy_len_max: 1000, receive_copy_len_max: 1025 };
    assert_eq!(odd.to_string(), "from memory up to 0 B, by copy up to 1000 B, received by copy up to 1025 B");
}
