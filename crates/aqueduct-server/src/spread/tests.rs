use std::net::TcpListener;

use super::*;
use crate::asked::Peer;
use crate::guests::Guests;

/// The counts after so many connections came to the first of `places`.
fn counts(places: &[Place], count: usize) -> Vec<usize> {
    for _ in 0..count {
        match places[0].other() {
            None => places[0].came(),
            Some(other) => other.hand(connection()).expect("it is there"),
        }
    }
    places.iter().map(Place::count).collect()
}

/// Some connection or other.
fn connection() -> Handed {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let stream = TcpStream::connect(address).expect("somebody listens");
    let guest = Guests::new(usize::MAX, None).admit(Peer::Host(address)).expect("there is room");
    Handed { stream, guest }
}

fn places(count: usize) -> Vec<Place> {
    Place::each(NonZeroUsize::new(count).expect("some"))
}

#[test]
fn of_few_connections_nobody_has_more_than_its_share_wherever_they_come() {
    for place_count in 1..=4 {
        for count in 0..=SLACK * place_count {
            let counts = counts(&places(place_count), count);
            assert_eq!(counts.iter().sum::<usize>(), count);
            assert!(counts.iter().all(|had| *had <= count.div_ceil(place_count)), "{count}: {counts:?}");
        }
    }
}

#[test]
fn of_many_connections_nobody_has_clearly_more_than_another() {
    let counts = counts(&places(2), 1000);
    assert_eq!(counts[0] + counts[1], 1000);
    assert!(counts[0] > counts[1] && counts[0] <= counts[1] + counts[1] / SLACK + 1, "{counts:?}");
}

#[test]
fn a_place_that_became_free_is_taken_again() {
    let places = places(2);
    assert_eq!(counts(&places, 4), [2, 2]);
    places[1].left();
    places[1].left();
    assert_eq!(counts(&places, 2), [2, 2]);
    places[0].left();
    assert!(places[0].other().is_none(), "here is as good");
}

#[tokio::test]
async fn what_was_handed_over_before_the_end_is_not_lost() {
    let mut places = places(2);
    assert_eq!(counts(&places, 4), [2, 2]);
    assert!(places[1].last_handed().await.is_some());
    assert!(places[1].last_handed().await.is_some());
    assert!(places[1].last_handed().await.is_none());
}

#[tokio::test]
async fn what_is_handed_to_a_reactor_that_ends_comes_back() {
    let mut places = places(2);
    places[0].came();
    assert!(places[1].last_handed().await.is_none());
    assert!(places[0].other().expect("it has fewer").hand(connection()).is_err());
    assert_eq!(places[1].count(), 0);
}
