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

#[test]
fn a_job_counts_until_it_is_done_even_if_nobody_waits_for_it_any_more() {
    let crew = Crew::new("tested", 1).unwrap();
    let asking = Builder::new_current_thread().build().unwrap();
    let workers = crew.workers();
    let (begin, begun) = std::sync::mpsc::channel::<()>();
    asking.block_on(async {
        let mut first = Box::pin(workers.run(move || begun.recv()));
        let second = Box::pin(workers.run(|| ()));
        tokio::select! {
            biased;
            _ = &mut first => panic!("it waits"),
            () = std::future::ready(()) => {}
        }
        assert_eq!(workers.job_count(), 1, "what was not handed in yet is no job");
        drop(first);
        assert_eq!(workers.job_count(), 1, "its worker goes on");
        begin.send(()).unwrap();
        second.await.unwrap();
    });
    assert_eq!(workers.job_count(), 0, "the one thread did them in order");
    crew.stop(Duration::from_secs(60));
}
