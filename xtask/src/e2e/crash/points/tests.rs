use super::{choose, spread};
use crate::e2e::crash::device::Device;

#[test]
fn points_are_in_order_and_of_every_kind() {
    let device = Device::default();
    device.log();
    for _ in 0..50 {
        device.write(0, &[1; 100]);
        device.flush();
    }
    let points = choose(&device, &[vec![3, 7, 200], vec![11]], 60, 5, 1);
    assert!(points.is_sorted_by_key(|point| point.at));
    assert!(points.iter().all(|point| point.at <= 60));
    assert!([3, 7, 11].iter().all(|at| points.iter().any(|point| point.at == *at)));
    assert_eq!(points.len(), 5 * 2 + 3 * 2 + 5);
}

#[test]
fn few_moments_are_all_taken_and_many_evenly() {
    assert_eq!(spread(&[1, 2, 3], 10).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(spread(&[1, 2, 3, 4, 5, 6], 3).collect::<Vec<_>>(), [1, 3, 5]);
}
