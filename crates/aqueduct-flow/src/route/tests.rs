use super::{Carried, Route};

#[test]
fn a_tally_names_what_carried_and_nothing_else() {
    let mut carried = Carried::default();
    assert_eq!((carried.to_string(), carried.main_route()), ("nothing".to_owned(), None));
    carried.add(Route::Copy, 5);
    carried.add(Route::Sendfile, 3);
    carried.add(Route::Copy, 1);
    assert_eq!(carried.to_string(), "sendfile 3, copy 6");
    assert_eq!(carried.main_route(), Some(Route::Copy));
    assert_eq!((carried.by(Route::Copy), carried.by(Route::Splice), carried.total()), (6, 0, 9));
    carried += carried;
    assert_eq!(carried.to_string(), "sendfile 6, copy 12");
}

#[test]
fn every_route_has_its_place_in_the_tally() {
    for (place, route) in Route::ALL.into_iter().enumerate() {
        assert_eq!(route as usize, place);
        let mut carried = Carried::default();
        carried.add(route, 1);
        assert_eq!(carried.main_route(), Some(route));
    }
    let names: Vec<_> = Route::ALL.iter().map(Route::to_string).collect();
    assert_eq!(names, ["reflink", "copy_file_range", "sendfile", "splice", "mmap", "copy"]);
    assert_eq!(format!("{:>8}|", Route::Mmap), "    mmap|");
}
