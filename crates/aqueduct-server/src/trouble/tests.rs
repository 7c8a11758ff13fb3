use super::*;

#[test]
fn what_is_short_here_is_ours_and_what_a_peer_did_is_not() {
    let trouble = Trouble::default();
    for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::NOSPC, Errno::BADF] {
        assert!(trouble.note(&errno.into()), "{errno}");
    }
    for errno in OF_PEERS {
        assert!(!trouble.note(&errno.into()), "{errno}");
    }
}

#[test]
fn it_is_told_once_a_minute() {
    let trouble = Trouble::default();
    let now = Instant::now();
    assert!(trouble.is_to_be_told(now));
    assert!(!trouble.is_to_be_told(now + TELL_EVERY / 2));
    assert!(trouble.is_to_be_told(now + TELL_EVERY));
}
