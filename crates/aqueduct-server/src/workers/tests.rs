#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use super::*;

/// Of the thread that calls: the 19th field, see proc_pid_stat(5).
fn nice() -> i32 {
    let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().nth(16).unwrap().parse().unwrap()
}

#[test]
fn only_the_threads_of_a_patient_crew_give_way() {
    let usual = nice();
    let asking = Builder::new_current_thread().build().unwrap();
    for (crew, expected) in
        [(Crew::new("tested", 1).unwrap(), usual), (Crew::patient("tested", 1).unwrap(), usual.max(NICE))]
    {
        assert_eq!(asking.block_on(crew.workers().run(nice)).unwrap(), expected);
        assert_eq!(nice(), usual);
        crew.stop(Duration::from_secs(60));
    }
}
