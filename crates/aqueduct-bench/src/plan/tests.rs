use super::*;
use crate::arm::arms;

fn plan(choice: &Choice) -> Plan {
    Plan::new(arms(), choice).unwrap()
}

#[test]
fn arms_are_chosen_by_group_or_by_part_of_their_name() {
    let names = |words: &[&str]| {
        let wanted = words.iter().map(|&word| word.to_owned()).collect();
        let plan = plan(&Choice { wanted, ..Choice::default() });
        plan.arms.iter().map(Arm::full_name).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]).len(), arms().len());
    assert_eq!(names(&["hash/blake3"]), ["hash/blake3", "hash/blake3, all cores"]);
    assert_eq!(names(&["reflink", "relay/copy"]), ["relay/copy", "local/reflink"]);
    let wanted = vec!["send".to_owned(), "frobnicate".to_owned()];
    let unknown = Plan::new(arms(), &Choice { wanted, ..Choice::default() }).unwrap_err();
    assert_eq!(unknown, UnknownWork("frobnicate".to_owned()));
}

#[test]
fn the_name_of_a_group_is_that_group_and_no_more() {
    for group in Group::ALL {
        let plan = plan(&Choice { wanted: vec![group.to_string()], ..Choice::default() });
        let count = arms().iter().filter(|arm| arm.group == group).count();
        assert_eq!(plan.arms.len(), count, "{group}");
        assert!(plan.arms.iter().all(|arm| arm.group == group), "{group}: {:?}", plan.arms);
    }
}

#[test]
fn no_two_arms_have_one_name() {
    let mut names: Vec<_> = arms().iter().map(Arm::full_name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn small_sizes_come_first_and_arms_follow_each_other() {
    let plan = plan(&Choice::default());
    let order: Vec<_> = plan.cases.iter().map(|case| (case.temperature, case.size, case.arm)).collect();
    assert!(order.is_sorted());
    for group in Group::ALL {
        let of_group = |case: &&Case| plan.arms[case.arm].group == group;
        assert!(plan.cases.iter().filter(of_group).count() >= 3, "{group} has sizes");
    }
    let largest = plan.cases.iter().map(|case| case.size).max();
    assert_eq!(largest, Some(1 << 30));
}

#[test]
fn the_table_of_2008_has_its_own_sizes_unless_others_are_asked_for() {
    let sizes_of = |choice: &Choice| {
        let plan = plan(choice);
        let is_sendfile = |case: &&Case| plan.arms[case.arm].name == "sendfile";
        plan.cases.iter().filter(is_sendfile).map(|case| case.size).collect::<Vec<_>>()
    };
    let wanted = vec!["send/sendfile".to_owned()];
    let usual = sizes_of(&Choice { wanted: wanted.clone(), ..Choice::default() });
    assert!(VINTAGE_SIZES.iter().all(|size| usual.contains(size)));
    let quick = sizes_of(&Choice { wanted: wanted.clone(), is_quick: true, ..Choice::default() });
    assert_eq!(VINTAGE_SIZES.iter().filter(|size| quick.contains(size)).count(), 2);
    assert_eq!(sizes_of(&Choice { wanted, sizes: vec![5, 5], ..Choice::default() }), [5, 5], "hot and cold");
}

#[test]
fn a_sample_is_bounded_by_its_bytes_and_by_its_files() {
    let plan = plan(&Choice::default());
    for &case in &plan.cases {
        let operations = plan.operations(case, u64::MAX);
        assert!((1..=4096).contains(&operations));
        assert!(operations == 1 || operations * case.size <= USUAL.hot_len);
        let keeps_files = matches!(plan.arms[case.arm].group, Group::Receive | Group::Local);
        assert!(!keeps_files || operations <= USUAL.file_count_max, "all are open at once");
    }
    let empty = Case { size: 0, ..plan.cases[0] };
    assert!(plan.operations(empty, 0) >= 1);
    let small = Case { size: 1 << 20, ..plan.cases[0] };
    assert!(plan.operations(small, 9 << 20) <= 9 && plan.operations(small, 9 << 20) > 1);
}
