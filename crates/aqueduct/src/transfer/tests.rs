use std::path::Path;

use super::*;

#[test]
fn a_path_is_printed_as_it_is_found_from_here() {
    let [below, here] = ["out", ""].map(|place| Prefix::Below(PathBuf::from(place)));
    let instead = Prefix::InPlaceOfFirst(PathBuf::from("out/copy"));
    assert_eq!(below.path(b"photos/a"), Path::new("out/photos/a"));
    assert_eq!(here.path(b"photos/a"), Path::new("photos/a"));
    assert_eq!(instead.path(b"photos/a"), Path::new("out/copy/a"));
    assert_eq!(instead.path(b"model.bin"), Path::new("out/copy"));
}
