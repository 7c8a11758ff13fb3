#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::sync::Arc;

use aqueduct_wire::native::Code;
use tracing::level_filters::LevelFilter;

use super::super::refusal::refusal;
use super::*;
use crate::asked::Peer;

const TASK: TaskId = TaskId(1);

/// What the access log says of a connection's tasks: of each its verb, the bytes that moved, and what came of it.
fn told(work: impl FnOnce(&Accounts)) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::INFO)
        .with_ansi(false)
        .with_writer(Arc::new(File::create(&path).unwrap()))
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        work(&Accounts::new(Box::new(Who::stranger(Peer::Host((Ipv4Addr::LOCALHOST, 1).into())))));
    });
    let log = fs::read_to_string(path).unwrap();
    let column = |line: &str, name: &str| {
        let (_, value) = line.split_once(&format!(" {name}=")).unwrap();
        value.split(' ').next().unwrap().trim_matches('"').to_owned()
    };
    log.lines().map(|line| ["verb", "bytes", "outcome"].map(|name| column(line, name)).join(" ")).collect()
}

#[test]
fn a_task_is_told_of_once_with_what_came_of_it() {
    let told = told(|accounts| {
        accounts.begun(TASK, Kind::NativeGet, None);
        accounts.ended(TASK, Verdict::Ok, 7);
        accounts.ended(TASK, Verdict::Failed, 0);
        accounts.left(&[TASK]);
        accounts.broke_off(&Close::Clean);
    });
    assert_eq!(told, ["get 7 ok"]);
}

#[test]
fn a_task_that_leaves_without_an_answer_was_given_up() {
    let told = told(|accounts| {
        accounts.begun(TASK, Kind::NativePut, None);
        accounts.left(&[TASK]);
    });
    assert_eq!(told, ["put 0 gone"]);
}

#[test]
fn a_refusal_is_told_of_whether_or_not_the_task_had_begun() {
    let told = told(|accounts| {
        accounts.refused(TASK, &refusal(Code::BadDigest, "no digest"));
        accounts.begun(TASK, Kind::NativePut, None);
        accounts.refused(TASK, &refusal(Code::NoSpace, "full"));
        accounts.left(&[TASK]);
    });
    assert_eq!(told, ["other 0 refused", "put 0 failed"]);
}

#[test]
fn what_goes_on_when_the_connection_ends_ends_as_that_does() {
    let told = told(|accounts| {
        accounts.begun(TASK, Kind::NativeHas, None);
        accounts.broke_off(&Close::Protocol("a frame that cannot be followed"));
    });
    assert_eq!(told, ["has 0 refused"]);
}
