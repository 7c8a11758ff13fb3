use std::io;

use anyhow::{Context, anyhow};

use super::evidence;
use crate::e2e::crash::breach::Breach;

#[test]
fn a_mistake_that_nobody_noticed_is_an_error() {
    assert!(evidence(Ok(())).is_err());
}

#[test]
fn a_breach_is_evidence_whatever_it_was_found_in() {
    let found = Err(Breach("it is served with wrong bytes".into())).context("after power cut 3");
    let said = evidence(found).expect("it is evidence");
    assert_eq!(said, "after power cut 3: it is served with wrong bytes");
}

#[test]
fn trouble_of_the_trial_is_no_evidence() {
    assert!(evidence(Err(anyhow!("mkfs is missing, and wrong bytes are served"))).is_err());
    let broken = Err(io::Error::from(io::ErrorKind::ConnectionReset)).context("the blob breaks off");
    assert!(evidence(broken).is_err());
}
