use super::{Moved, Way};

const TRACE: &str = "\
7 openat(AT_FDCWD, \"store/a = 9\", O_RDONLY) = 5</store/a>
7 sendto(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"HTTP/1.1 200 OK\\r\\n\"..., 200, MSG_NOSIGNAL, NULL, 0) = 200
7 sendfile(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, 5</store/a>, [0] => [100], 300) = 100
7 sendfile(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, 5</store/a>, [100], 200) = -1 EAGAIN (Resource temporarily unavailable)
7 sendfile(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, 5</store/a>, [100], 200 <unfinished ...>
8 write(6<anon_inode:[eventfd]>, \"\\1\\0\\0\\0\\0\\0\\0\\0\", 8) = 8
8 recvfrom(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"GET\"..., 8192, 0, NULL, NULL) = 80
8 recvfrom(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"P\", 1, MSG_PEEK, NULL, NULL) = 1
8 recvfrom(9<TCP:[127.0.0.1:1->127.0.0.1:2]>,  <unfinished ...>
7 <... sendfile resumed> => [300]) = 200
8 <... recvfrom resumed>\"P\", 1, MSG_PEEK, NULL, NULL) = 1
8 splice(5<pipe:[1]>, NULL, 9<TCP:[127.0.0.1:1->127.0.0.1:2]>, NULL, 50, 0) = 50
8 splice(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, NULL, 5<pipe:[1]>, NULL, 50, 0) = 50
8 --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER} ---
8 +++ exited with 0 +++
";

#[test]
fn what_goes_into_sockets_is_added_up_and_nothing_else_is() {
    let sent = Moved::parse(TRACE, Way::IntoSockets);
    assert_eq!((sent.by("sendfile"), sent.by("sendto"), sent.by("splice")), (300, 200, 50));
    assert_eq!((sent.by("write"), sent.by("recvfrom")), (0, 0));
    assert_eq!(sent.by_all_but("sendfile"), 250);
}

#[test]
fn what_comes_out_of_sockets_is_added_up_and_nothing_else_is() {
    let received = Moved::parse(TRACE, Way::OutOfSockets);
    assert_eq!((received.by("recvfrom"), received.by("splice")), (80, 50));
    assert_eq!(received.by_all_but("splice"), 80);
}
