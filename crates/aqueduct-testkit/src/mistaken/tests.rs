use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::{fs, io, thread};

use aqueduct_flow::Step;
use aqueduct_store::RealDisk;
use aqueduct_store::disk::Disk;

use super::{Mistake, MistakenDisk, without_bytes};

#[test]
fn every_mistake_is_found_by_its_name() {
    for (name, mistake) in Mistake::ALL {
        assert_eq!(name.parse(), Ok(mistake));
    }
    assert!("none".parse::<Mistake>().is_err());
}

#[test]
fn bytes_are_away_for_a_moment_and_come_back() -> io::Result<()> {
    let file = tempfile::tempfile()?;
    file.write_all_at(b"bytes", 0)?;
    let mut seen = [1; 5];
    without_bytes(&file, || file.read_exact_at(&mut seen, 0))?;
    assert_eq!(seen, [0; 5]);
    file.read_exact_at(&mut seen, 0)?;
    assert_eq!(&seen, b"bytes");
    Ok(())
}

#[test]
fn a_journal_is_known_from_its_name_and_from_nothing_else() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    fs::create_dir(directory.path().join("uploads"))?;
    let disk = MistakenDisk::new(RealDisk::make(directory.path())?, Some(Mistake::SkipJournalSync));
    let linked = |name: &str| -> io::Result<File> {
        let file = disk.stage_writable()?;
        disk.link(&file, Path::new(name))?;
        Ok(file)
    };
    assert!(disk.skips(&linked("uploads/a.journal")?)?);
    assert!(!disk.skips(&linked("uploads/a")?)?);
    assert!(!disk.skips(&linked("index.redb")?)?);
    // One that is opened later, too.
    let disk = MistakenDisk::new(RealDisk::make(directory.path())?, Some(Mistake::SkipJournalSync));
    let mut opened = disk.open_writable(Path::new("uploads/a.journal"))?.ok_or(io::ErrorKind::NotFound)?;
    assert!(disk.skips(&opened)?);
    assert_eq!(opened.read(&mut [0])?, 0);
    Ok(())
}

#[test]
fn what_is_written_to_an_upload_while_its_bytes_are_away_is_kept() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    fs::create_dir(directory.path().join("uploads"))?;
    let disk = MistakenDisk::new(RealDisk::make(directory.path())?, Some(Mistake::JournalBeforeBytes));
    let linked = |name: &str| -> io::Result<File> {
        let file = disk.stage_writable()?;
        disk.link(&file, Path::new(name))?;
        Ok(file)
    };
    let (upload, journal) = (linked("uploads/a")?, linked("uploads/a.journal")?);
    upload.write_all_at(b"first  ", 0)?;
    let segment = |file: &File| Ok(Step::Moved(file.write_at(b"second", 6)?));
    thread::scope(|scope| {
        let mut beside = None;
        let recorded = disk.write(&journal, 0, &mut |_| {
            assert_eq!(fs::read(directory.path().join("uploads/a"))?, [0; 7]);
            beside = Some(scope.spawn(|| disk.write(&upload, 6, &mut |file| segment(file))));
            Ok(Step::Moved(0))
        });
        assert!(matches!(recorded, Ok(Step::Moved(0))));
        let written = beside.map(thread::ScopedJoinHandle::join);
        assert!(matches!(written, Some(Ok(Ok(Step::Moved(6))))));
    });
    assert_eq!(fs::read(directory.path().join("uploads/a"))?, b"first second");
    Ok(())
}
