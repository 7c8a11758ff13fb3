use std::os::unix::fs::FileExt;

use redb::StorageBackend;

use super::Overlay;

/// The same calls on an overlay and on a file give the same bytes, and the file below stays as it was.
#[test]
fn an_overlay_is_read_as_a_file_would_be_and_changes_none() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..200 {
        let (below, beside) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let len = random.usize(..20_000);
        let start: Vec<u8> = std::iter::repeat_with(|| random.u8(1..)).take(len).collect();
        below.write_all_at(&start, 0).unwrap();
        beside.write_all_at(&start, 0).unwrap();
        let overlay = Overlay::new(below.try_clone().unwrap()).unwrap();
        for _ in 0..10 {
            if random.bool() {
                let len = random.u64(..30_000);
                overlay.set_len(len).unwrap();
                beside.set_len(len).unwrap();
            } else {
                let bytes = vec![random.u8(1..); random.usize(..9000)];
                let offset = random.u64(..=overlay.len().unwrap());
                overlay.write(offset, &bytes).unwrap();
                beside.write_all_at(&bytes, offset).unwrap();
            }
            let len = beside.metadata().unwrap().len();
            assert_eq!(overlay.len().unwrap(), len);
            let mut seen = [vec![0; usize::try_from(len).unwrap()], vec![0; usize::try_from(len).unwrap()]];
            overlay.read(0, &mut seen[0]).unwrap();
            beside.read_exact_at(&mut seen[1], 0).unwrap();
            assert!(seen[0] == seen[1]);
            overlay.read(len, &mut [0]).unwrap_err();
        }
        let mut after = vec![0; start.len()];
        below.read_exact_at(&mut after, 0).unwrap();
        assert!(after == start && below.metadata().unwrap().len() == start.len() as u64);
    }
}
