use super::*;

#[test]
fn a_code_is_found_again_by_its_number() {
    for code in Code::all() {
        assert_eq!(Code::from_number(code.number()), code);
    }
}

#[test]
fn no_number_and_no_name_is_given_twice() {
    for (index, (code, number, name)) in TABLE.into_iter().enumerate() {
        let after = &TABLE[index + 1..];
        assert!(after.iter().all(|other| other.0 != code && other.1 > number && other.2 != name));
    }
}

#[test]
fn a_number_that_is_not_known_is_kept() {
    assert_eq!(Code::from_number(0), Code::Unknown(0));
    assert_eq!(Code::from_number(-1).number(), -1);
    assert_eq!(Code::Unknown(i32::MAX).to_string(), "code 2147483647");
}

#[test]
fn a_code_is_written_as_the_specification_names_it() {
    assert_eq!(Code::NoSpace.to_string(), "NO_SPACE");
}
