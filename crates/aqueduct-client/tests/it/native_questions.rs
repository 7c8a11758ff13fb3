//! What is asked without moving a blob.

use aqueduct_blob::{Algorithm, Digest, UploadId};
use aqueduct_client::{ErrorKind, Upload};
use aqueduct_wire::native::{Ask, Code, ListedBlob, ListedUpload, Request, Say};

use crate::peer::{Peer, Talk, digest_of};
use crate::speaker::speak;

fn digests(algorithm: Algorithm, count: usize) -> Vec<Digest> {
    let digest = |number: usize| {
        let mut value = [0; 32];
        value[..8].copy_from_slice(&number.to_be_bytes());
        Digest::new(algorithm, value)
    };
    (0..count).map(digest).collect()
}

fn refuse(talk: &mut Talk, code: Code) {
    let (Request { task, .. }, _) = talk.hear_frame();
    talk.tell(task, Say::Refused { code, message: "Because.".to_owned(), actual: None });
}

#[test]
fn many_are_asked_for_at_once_and_each_algorithm_by_itself() {
    let mut asked = digests(Algorithm::Sha256, 4001);
    asked.extend(digests(Algorithm::Blake3, 3));
    let expected: Vec<_> = asked.iter().copied().filter(|digest| digest.as_bytes()[7] % 2 == 1).collect();
    let peer = Peer::new(vec![speak(|talk| {
        // All are asked before one is answered, and the answers come from the last to the first.
        let mut answers = Vec::new();
        for count in [2000, 2000, 1, 3] {
            let (Request { task, ask }, _) = talk.hear_frame();
            let Ask::Has { digests } = ask else { panic!("{ask:?} is no Has") };
            assert_eq!(digests.len(), count);
            answers.push((task, digests.iter().map(|digest| digest.as_bytes()[7] % 2 == 0).collect()));
        }
        for (task, present) in answers.into_iter().rev() {
            talk.tell(task, Say::Presence { present });
        }
    })]);
    assert_eq!(peer.native_client().missing(&asked).unwrap(), expected);
    peer.finish();
}

#[test]
fn an_answer_for_more_or_fewer_than_were_asked_is_none() {
    for present in [vec![], vec![true, true]] {
        let peer = Peer::new(vec![speak(move |talk| {
            let (Request { task, .. }, _) = talk.hear_frame();
            talk.tell(task, Say::Presence { present });
            talk.hear_all();
        })]);
        let error = peer.native_client().missing(&[digest_of(b"abc")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        peer.finish();
    }
}

#[test]
fn a_refusal_has_the_servers_sentence_and_its_kind() {
    for (code, kind) in [
        (Code::NeedsToken, ErrorKind::Refused),
        (Code::NeedsWriteToken, ErrorKind::Refused),
        (Code::Fault, ErrorKind::Server),
        (Code::ReadOnly, ErrorKind::Server),
        (Code::NoSpace, ErrorKind::NoSpace),
        (Code::TooLarge, ErrorKind::TooLarge),
        (Code::BadMessage, ErrorKind::Protocol),
        (Code::UnknownMessage, ErrorKind::Protocol),
    ] {
        let peer = Peer::new(vec![speak(move |talk| refuse(talk, code))]);
        let error = peer.native_client().size(&digest_of(b"abc")).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (kind, false), "{code}");
        assert!(error.to_string().ends_with(": Because."), "{error}");
        peer.finish();
    }
}

#[test]
fn what_is_absent_is_a_value() {
    let peer = Peer::new(vec![
        speak(|talk| {
            refuse(talk, Code::Absent);
            refuse(talk, Code::NoSuchUpload);
            refuse(talk, Code::Absent);
        }),
        speak(|talk| refuse(talk, Code::Absent)),
    ]);
    let client = peer.native_client();
    let digest = digest_of(b"abc");
    assert_eq!(client.size(&digest).unwrap(), None);
    assert!(!client.drop_upload(UploadId::new([7; 16])).unwrap());
    assert!(client.get(&digest, None).unwrap().is_none());
    assert!(!client.remove(&digest).unwrap());
    peer.finish();
}

#[test]
fn what_was_answered_before_a_line_broke_is_not_asked_again_and_is_progress() {
    // More lines break than would be borne without progress.
    let asked: Vec<_> = (0..6).map(|number| digests(Algorithm::ALL[number % 2], 9)[number]).collect();
    let ends = asked.clone().into_iter().enumerate().map(|(number, digest)| {
        speak(move |talk| {
            let mut first = None;
            for _ in number..6 {
                let (Request { task, ask }, _) = talk.hear_frame();
                first.get_or_insert((task, ask));
            }
            let (task, ask) = first.unwrap();
            assert_eq!(ask, Ask::Has { digests: vec![digest] });
            talk.tell(task, Say::Presence { present: vec![false] });
        })
    });
    let peer = Peer::new(ends.collect());
    assert_eq!(peer.native_client().missing(&asked).unwrap(), asked);
    peer.finish();
}

#[test]
fn blobs_are_removed_over_one_line_and_what_is_known_of_each_is_told() {
    let asked = digests(Algorithm::Sha256, 4);
    let expected = asked.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        let tasks: Vec<_> =
            expected.iter().map(|digest| talk.hear_ask(&Ask::Remove { digest: *digest })).collect();
        talk.tell(tasks[3], Say::Removed);
        talk.tell(tasks[0], Say::Refused { code: Code::Absent, message: String::new(), actual: None });
        talk.tell(tasks[1], Say::Refused { code: Code::ReadOnly, message: String::new(), actual: None });
    })]);
    let removed = peer.native_client().remove_all(&asked);
    let removed: Vec<_> = removed.into_iter().map(|it| it.map_err(|error| error.kind())).collect();
    assert_eq!(removed, [Ok(false), Err(ErrorKind::Server), Err(ErrorKind::Lost), Ok(true)]);
    peer.finish();
}

#[test]
fn a_removal_is_never_repeated() {
    let peer = Peer::new(vec![speak(|talk| {
        talk.hear_frame();
    })]);
    assert_eq!(peer.native_client().remove(&digest_of(b"abc")).unwrap_err().kind(), ErrorKind::Lost);
    peer.finish();
}

#[test]
fn a_list_comes_in_pages_and_never_in_circles() {
    let [one, two, three] = digests(Algorithm::Sha256, 3)[..] else { unreachable!() };
    let page = move |talk: &mut Talk, expected: Option<Digest>, digest, next| {
        let task = talk.hear_ask(&Ask::List { after: expected, limit: 5 });
        let blobs = vec![ListedBlob { digest, size: 1, published: 2 }];
        talk.tell(task, Say::Listed { blobs, next });
    };
    let peer = Peer::new(vec![speak(move |talk| {
        page(talk, None, one, Some(one));
        page(talk, Some(one), two, None);
        page(talk, Some(two), three, Some(one));
    })]);
    let client = peer.native_client();
    let first = client.list(None, 5).unwrap();
    assert_eq!((first.blobs[0].digest, first.blobs[0].size, first.blobs[0].published), (one, 1, 2));
    assert_eq!(client.list(first.next.as_ref(), 5).unwrap().next, None);
    assert_eq!(client.list(Some(&two), 5).unwrap_err().kind(), ErrorKind::Protocol);
    peer.finish();
}

#[test]
fn uploads_are_listed_and_dropped() {
    let id = UploadId::new([7; 16]);
    let digest = digest_of(b"abc");
    let peer = Peer::new(vec![speak(move |talk| {
        let task = talk.hear_ask(&Ask::ListUploads { after: Some(UploadId::new([1; 16])), limit: 9 });
        let (algorithm, stored) = (Algorithm::Sha256, Some(digest));
        let upload = ListedUpload { id, algorithm, digest: None, size: 9, verified: 4, used: 5, stored };
        talk.tell(task, Say::Uploads { uploads: vec![upload], next: Some(id) });
        let task = talk.hear_ask(&Ask::DropUpload { upload: id });
        talk.tell(task, Say::Dropped);
    })]);
    let client = peer.native_client();
    let page = client.uploads(Some(&UploadId::new([1; 16])), 9).unwrap();
    let (algorithm, stored) = (Algorithm::Sha256, Some(digest));
    assert_eq!(page.uploads, [Upload { id, algorithm, digest: None, size: 9, verified: 4, used: 5, stored }]);
    assert_eq!(page.next, Some(id));
    assert!(client.drop_upload(id).unwrap());
    peer.finish();
}

#[test]
fn http_has_no_word_for_uploads() {
    let peer = Peer::new(vec![]);
    let client = peer.client();
    assert_eq!(client.uploads(None, 9).unwrap_err().kind(), ErrorKind::Unspoken);
    assert_eq!(client.drop_upload(UploadId::new([7; 16])).unwrap_err().kind(), ErrorKind::Unspoken);
    assert!(client.parcels().is_none());
    peer.finish();
}
