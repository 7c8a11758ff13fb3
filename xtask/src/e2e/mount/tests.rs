use std::path::Path;

use super::mounts_below;

#[test]
fn what_was_mounted_last_is_unmounted_first() {
    let mounts = "\
/dev/vda / ext4 rw 0 0
/dev/loop0 /scratch/xfs xfs rw 0 0
/dev/loop1 /scratch/xfs/in\\040side btrfs rw 0 0
/dev/loop2 /scratch-of-others ext4 rw 0 0
";
    let expected = [Path::new("/scratch/xfs/in side"), Path::new("/scratch/xfs")];
    assert_eq!(mounts_below(mounts, Path::new("/scratch")), expected);
}
