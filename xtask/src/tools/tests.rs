use std::path::Path;

use super::{
    BUILD_PROGRAMS, DEB_PROGRAMS, E2E_PROGRAMS, PROGRAMS, Program, TRANSFER_PROGRAMS, find_program, is_deny,
};

#[test]
fn a_program_in_the_path_is_found_and_another_is_not() {
    assert!(find_program("sh").is_some_and(|path| path.is_absolute()));
    assert_eq!(find_program("no-program-of-this-name"), None);
}

#[test]
fn another_program_is_not_taken_for_cargo_deny() {
    assert!(!is_deny(Path::new("/bin/echo")));
    assert!(!is_deny(Path::new("/bin/absent")));
}

#[test]
fn each_program_is_listed_once_with_its_reason() {
    let lists = [PROGRAMS, DEB_PROGRAMS, TRANSFER_PROGRAMS, E2E_PROGRAMS, BUILD_PROGRAMS];
    let programs: Vec<&Program> = lists.into_iter().flatten().collect();
    for (index, program) in programs.iter().enumerate() {
        assert!(!program.why.is_empty(), "{}", program.name);
        assert!(programs[..index].iter().all(|earlier| earlier.name != program.name), "{}", program.name);
    }
}
