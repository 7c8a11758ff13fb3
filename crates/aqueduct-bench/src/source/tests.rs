use super::*;

fn cached(source: &Source) -> u64 {
    cachestat(source.file(), &WHOLE).unwrap().cached
}

/// A filesystem in memory, or a kernel that does not count, has nothing that is known to be cold.
#[test]
fn no_page_of_a_cooled_file_is_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let ground = Ground::open(dir.path()).unwrap();
    for size in [1, 5000, 3 << 20, (9 << 20) + 1] {
        let source = Source::of_size(&ground, size).unwrap();
        match source.cool() {
            Ok(()) => {
                assert_eq!(cached(&source), 0, "{size} bytes");
                source.warm(size).unwrap();
                assert!(cached(&source) >= size.div_ceil(64 << 10), "{size} bytes are read again");
                source.cool().unwrap();
                assert_eq!(cached(&source), 0, "{size} bytes, again");
            }
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
                let asked = cachestat(source.file(), &WHOLE);
                assert!(asked.is_err() || asked.is_ok_and(|found| found.cached > 0), "{error}");
            }
        }
    }
}

#[test]
fn a_file_in_memory_is_not_called_cold() {
    let ground = Ground::open(Path::new("/dev/shm")).unwrap();
    let error = Source::of_size(&ground, 5000).unwrap().cool().unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::Unsupported, KEPT));
}
