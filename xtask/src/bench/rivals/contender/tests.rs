#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use super::super::rival;
use super::Places;

#[test]
fn every_place_of_every_configuration_is_filled_in() {
    for rival in rival::ALL {
        let places =
            Places::choose(rival, Path::new("/usr/sbin/x"), Path::new("/r"), Path::new("/d")).unwrap();
        let texts = [rival.config].into_iter().chain(rival.arguments.iter().copied());
        for text in texts.map(|text| places.fill(text)) {
            // What begins with a number sign is for the reader.
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            let left: Vec<&str> = lines.filter(|line| line.contains('@')).collect();
            assert!(left.is_empty(), "{}: {left:?}", rival.name);
        }
    }
}

#[test]
fn modules_lie_beside_the_program_wherever_it_was_unpacked() {
    let places =
        |rival| Places::choose(rival, Path::new("/x/usr/sbin/y"), Path::new("/r"), Path::new("/d")).unwrap();
    assert_eq!(places(&rival::LIGHTTPD).fill("@MODULES@"), "/x/usr/lib/lighttpd");
    assert_eq!(places(&rival::APACHE).fill("@MODULES@"), "/x/usr/lib/apache2/modules");
}
