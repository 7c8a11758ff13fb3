use super::*;

fn challenge() -> Challenge {
    Challenge { connector: [1; 16], listener: [2; 16], role: Role::Receive, stream: 0, attempt: [0; 16] }
}

#[test]
fn a_proof_holds_for_its_secret_its_side_and_its_connection_alone() {
    let secret = Secret::new([7; 16]);
    let proof = secret.prove(Side::Listener, &challenge());
    assert!(secret.accepts(Side::Listener, &challenge(), &proof));
    assert!(!secret.accepts(Side::Connector, &challenge(), &proof));
    assert!(!Secret::new([8; 16]).accepts(Side::Listener, &challenge(), &proof));
    for other in [
        Challenge { connector: [3; 16], ..challenge() },
        Challenge { listener: [3; 16], ..challenge() },
        Challenge { role: Role::Send, ..challenge() },
        Challenge { stream: 1, ..challenge() },
        Challenge { attempt: [1; 16], ..challenge() },
        Challenge { connector: [2; 16], listener: [1; 16], ..challenge() },
    ] {
        assert!(!secret.accepts(Side::Listener, &other, &proof));
    }
}

#[test]
fn a_secret_is_not_shown_by_accident() {
    assert_eq!(format!("{:?}", Secret::new([7; 16])), "Secret(..)");
}
