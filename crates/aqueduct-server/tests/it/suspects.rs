//! Blobs that an unclean stop left in doubt.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use aqueduct_blob::Digest;
use aqueduct_store::SyncPolicy;
use tempfile::TempDir;

use crate::fixture::{Fixture, pattern};

const HOST: &str = "Host: localhost\r\n";

/// What a kill at this moment would leave: a copy of everything, with the change times of now.
pub(crate) fn image(root: &Path) -> TempDir {
    let image = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let copied = Command::new("cp").arg("-a").arg(root.join(".")).arg(image.path()).status().unwrap();
    assert!(copied.success());
    image
}

/// Where a blob lies.
pub(crate) fn path(image: &TempDir, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    image.path().join("blobs/sha256").join(&hex[..2]).join(&hex[2..])
}

#[test]
fn suspects_are_hashed_once_for_all_who_wait_and_served_only_if_right() {
    let before =
        Fixture::over(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap(), SyncPolicy::None, |_| {});
    let bytes = pattern(9 << 20);
    let (right, wrong, small) = (before.put(&bytes), before.put(&bytes[1..]), before.put(b"small"));
    let image = image(before.root());
    let path = path(&image, &wrong);
    let torn = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &torn).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(&[0; 4096], 5 << 20).unwrap();
    drop(file);

    let server = Fixture::over(image, SyncPolicy::None, |_| {});
    let mut peers: Vec<_> = (0..24).map(|_| server.connect()).collect();
    for (number, peer) in peers.iter_mut().enumerate() {
        let name = if number % 2 == 0 { right } else { wrong };
        peer.say(&format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}Range: bytes=100-199\r\n\r\n"));
    }
    for (number, peer) in peers.iter_mut().enumerate() {
        let reply = peer.reply();
        if number % 2 == 0 {
            assert!(reply.status == 206 && reply.body == bytes[100..200]);
        } else {
            reply.assert_problem(404, "absent");
        }
    }
    assert!(server.has(&small));
    let ask = serde_json::json!({ "digests": [right.to_string(), wrong.to_string()] }).to_string();
    let request = format!("POST /blobs/missing HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n{ask}", ask.len());
    assert_eq!(server.ask(&request).json()["missing"], serde_json::json!([wrong.to_string()]));
    // What was damaged can be replaced.
    assert_eq!(server.put(&bytes[1..]), wrong);
    assert!(server.has(&wrong));
}
