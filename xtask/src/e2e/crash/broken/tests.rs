use anyhow::anyhow;

use super::evidence;

#[test]
fn a_mistake_that_nobody_noticed_is_an_error() {
    assert!(evidence(Ok(())).is_err());
}

#[test]
fn trouble_of_the_trial_is_no_evidence() {
    assert!(evidence(Err(anyhow!("mkfs is missing"))).is_err());
    assert!(evidence(Err(anyhow!("it is served with wrong bytes").context("after a cut"))).is_ok());
}
