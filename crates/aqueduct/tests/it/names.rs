//! File names that are not words.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::fixture::Site;

const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn a_name_cannot_forge_a_line() {
    let site = Site::new();
    std::fs::create_dir(site.path("d")).unwrap();
    site.write(format!("d/x\n{ABC}  y"), "abc");
    site.write("d/\x1b[2Jred", "abc");
    let ran = site.run(&["put", "d", "-v"]).ok();
    let expected = format!("\\{ABC}  d/\\x1b[2Jred\n\\{ABC}  d/x\\n{ABC}  y\n");
    assert_eq!(ran.text(), expected);
    assert!(!ran.stderr.contains('\x1b'), "{:?}", ran.stderr);
}

#[test]
fn a_name_that_is_not_utf8_is_printed_as_it_is() {
    let site = Site::new();
    let name = OsStr::from_bytes(b"caf\xe9");
    site.write(name, "abc");
    let ran = site.run(&[OsStr::new("put"), name]).ok();
    assert_eq!(ran.stdout, [ABC.as_bytes(), b"  caf\xe9\n"].concat());
    let json = site.run(&[OsStr::new("put"), name, OsStr::new("--json")]).ok();
    let object: serde_json::Value = serde_json::from_str(json.text()).unwrap();
    assert_eq!(object["files"][0]["path_bytes"], serde_json::json!(b"caf\xe9"));
    site.run(&[OsStr::new("get"), OsStr::new(ABC), OsStr::new("-o"), OsStr::from_bytes(b"\xff")]).ok();
    assert_eq!(std::fs::read(site.path(OsStr::from_bytes(b"\xff"))).unwrap(), b"abc");
}
