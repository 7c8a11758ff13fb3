use super::{Device, Kept, SECTOR_LEN};

const LEN: usize = 4 * SECTOR_LEN;

fn first(device: &Device) -> Vec<u8> {
    device.read(0, LEN)
}

#[test]
fn what_was_written_is_read_back_from_anywhere() {
    let device = Device::default();
    device.write(5000, &[7; 9000]);
    let mut expected = vec![0; LEN];
    expected[5000..14_000].fill(7);
    assert_eq!(first(&device), expected);
    assert_eq!(device.read(4999, 3), [0, 7, 7]);
}

#[test]
fn a_cut_keeps_what_was_flushed_and_chooses_of_the_rest() {
    let device = Device::default();
    device.log();
    device.write(0, &[1; LEN]);
    device.flush();
    device.write(0, &[2; LEN]);
    assert_eq!((device.position(), device.flushes()), (3, vec![2]));
    device.cut(1, Kept::Nothing);
    assert_eq!(first(&device), [0; LEN]);
    device.cut(1, Kept::Everything);
    assert_eq!(first(&device), [1; LEN]);
    device.cut(3, Kept::Nothing);
    assert_eq!(first(&device), [1; LEN]);
    device.cut(3, Kept::Everything);
    assert_eq!(first(&device), [2; LEN]);
}

#[test]
fn a_torn_write_leaves_whole_sectors_of_either() {
    let device = Device::default();
    device.log();
    device.write(0, &[1; LEN]);
    device.flush();
    device.write(0, &[2; LEN]);
    let mut is_torn = false;
    for seed in 0..100 {
        device.cut(3, Kept::Some(seed));
        let bytes = first(&device);
        let sectors: Vec<&[u8]> = bytes.chunks(SECTOR_LEN).collect();
        assert!(sectors.iter().all(|sector| **sector == [1; SECTOR_LEN] || **sector == [2; SECTOR_LEN]));
        is_torn |= sectors.iter().any(|sector| *sector != sectors[0]);
    }
    assert!(is_torn);
}

#[test]
fn what_is_written_after_a_cut_is_gone_with_the_next() {
    let device = Device::default();
    device.write(0, &[3; LEN]);
    device.log();
    device.cut(0, Kept::Nothing);
    device.write(0, &[4; SECTOR_LEN]);
    device.flush();
    assert_eq!(first(&device)[..SECTOR_LEN], [4; SECTOR_LEN]);
    device.cut(0, Kept::Nothing);
    assert_eq!(first(&device), [3; LEN]);
}
