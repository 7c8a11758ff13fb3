//! `send` and `recv` as two processes: what goes from one to the other, and what both say.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use aqueduct_transfer::{Secret, Ticket};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::fixture::{Site, noise, sha256sum};

/// A side that waits for the other, and says so in events. Killed when it is dropped.
struct Waiting {
    child: Child,
    stdout: BufReader<ChildStdout>,
    listen: Value,
}

impl Waiting {
    fn start(site: &Site, arguments: &[&str]) -> Self {
        Self::spawn(site.command(arguments).stdin(Stdio::null()))
    }

    fn spawn(command: &mut Command) -> Self {
        command.args(["--json", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut waiting = Self { child, stdout, listen: Value::Null };
        while waiting.listen["event"] != "listen" {
            waiting.listen = read_event(&mut waiting.stdout).expect("it says where it listens");
            assert_ne!(waiting.listen["event"], "error", "{}", waiting.listen);
        }
        waiting
    }

    fn ticket(&self) -> &str {
        self.listen["ticket"].as_str().unwrap()
    }

    /// What is fetched as curl is told to, head and all.
    fn fetch(&self) -> String {
        let address = self.listen["addr"].as_str().unwrap();
        let url = self.listen["url"].as_str().unwrap();
        let path = url.strip_prefix("http://").unwrap().strip_prefix(address).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Its exit code, and the events that came since it listened.
    fn finish(mut self) -> (Option<i32>, Vec<Value>) {
        let mut events = Vec::new();
        while let Some(event) = read_event(&mut self.stdout) {
            events.push(event);
        }
        (self.child.wait().unwrap().code(), events)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // What has ended already cannot be killed, and needs not to be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next one, which has a version and a name; `None` at the end.
fn read_event(from: &mut impl BufRead) -> Option<Value> {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    (!line.is_empty()).then(|| event(&line))
}

#[track_caller]
fn event(line: &str) -> Value {
    let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no event: {line:?}"));
    assert_eq!(event["v"], 1, "{event}");
    assert!(event["event"].is_string(), "{event}");
    event
}

#[test]
fn a_file_goes_to_whoever_has_the_ticket_and_is_known_to_be_right() {
    let (here, there) = (Site::new(), Site::new());
    let bytes = noise((9 << 20) + 1);
    let path = here.write("model.bin", &bytes);
    let sender = Waiting::start(&here, &["send", "model.bin", "--digest", "sha256"]);
    assert_eq!((&sender.listen["name"], &sender.listen["size"]), (&"model.bin".into(), &bytes.len().into()));
    let command = format!("aqueduct recv {}", sender.ticket());
    assert_eq!(sender.listen["commands"]["aqueduct"], command);

    let ran = there.run(&["recv", sender.ticket()]).ok();
    assert!(ran.stdout.is_empty(), "{}", ran.text());
    let digest = sha256sum(&path);
    let ran =
        ran.says(&digest).says("  verified  synced").says("clear text").says("zero-copy").says("bit/s)");
    assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
    assert_eq!(fs::read(there.path("model.bin")).unwrap(), bytes);
    assert_eq!(fs::metadata(there.path("model.bin")).unwrap().mtime(), fs::metadata(&path).unwrap().mtime());

    let (code, events) = sender.finish();
    assert_eq!(code, Some(0));
    let done = events.last().unwrap();
    assert_eq!(done["event"], "done");
    for (member, expected) in [
        ("name", Value::from("model.bin")),
        ("bytes", bytes.len().into()),
        ("digest", digest.into()),
        ("proof", "digest".into()),
        ("verified", true.into()),
        ("synced", true.into()),
        ("resumed", 0.into()),
        ("encrypted", false.into()),
        ("files", 1.into()),
        ("failed", 0.into()),
    ] {
        assert_eq!(done[member], expected, "{member} of {done}");
    }
}

#[test]
fn a_tree_goes_to_a_receiver_that_waits() {
    let (here, there) = (Site::new(), Site::new());
    fs::create_dir_all(here.path("photos/empty")).unwrap();
    for index in 0..50 {
        here.write(format!("photos/{index}"), noise(index * 100));
    }
    here.write("photos/large", noise(5 << 20));
    fs::set_permissions(here.path("photos/large"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("large", here.path("photos/link")).unwrap();
    let receiver = Waiting::start(&there, &["recv"]);
    assert_eq!(receiver.listen["commands"]["aqueduct"], format!("aqueduct send PATH {}", receiver.ticket()));

    here.run(&["send", "photos", receiver.ticket()]).ok().says("photos  51 files, ").says("verified  synced");
    let (code, events) = receiver.finish();
    assert_eq!(code, Some(0));
    assert_eq!(events.last().unwrap()["files"], 51);
    let files = events.iter().filter(|event| event["event"] == "file");
    assert_eq!(files.filter(|file| file["verified"] == true).count(), 51);
    let same =
        Command::new("diff").arg("-r").args([here.path("photos"), there.path("photos")]).output().unwrap();
    assert!(same.status.success(), "{}", String::from_utf8_lossy(&same.stdout));
    assert_eq!(fs::read_link(there.path("photos/link")).unwrap().to_str(), Some("large"));
    assert_eq!(fs::metadata(there.path("photos/large")).unwrap().mode() & 0o777, 0o640);
    assert!(there.path("photos/empty").is_dir());
    let left: Vec<_> =
        fs::read_dir(there.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["photos"], "nothing else is left behind");
}

#[test]
fn standard_input_goes_to_standard_output_and_events_to_standard_error() {
    let (here, there) = (Site::new(), Site::new());
    let bytes = noise((5 << 20) + 3);
    let input = here.write("input", &bytes);
    let sender = Waiting::spawn(here.command(&["send", "-"]).stdin(File::open(input).unwrap()));
    assert_eq!(sender.listen["size"], Value::Null);
    let ran = there.run(&["recv", sender.ticket(), "-o", "-", "--json"]).ok();
    assert!(ran.stdout == bytes, "{} bytes came", ran.stdout.len());
    let events: Vec<_> = ran.stderr.lines().map(event).collect();
    let done = events.last().unwrap();
    assert_eq!((&done["event"], &done["verified"]), (&"done".into(), &true.into()));
    assert_eq!(sender.finish().0, Some(0));
}

#[test]
fn standard_input_that_was_read_for_one_who_is_lost_is_not_sent_on_to_another_as_if_it_were_all() {
    let (here, there) = (Site::new(), Site::new());
    let mut sender = Waiting::spawn(here.command(&["send", "-"]).stdin(Stdio::piped()));
    let mut input = sender.child.stdin.take().unwrap();
    let mut lost = there.command(&["recv", sender.ticket(), "-o", "-"]);
    let mut lost = lost.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    input.write_all(b"the start\n").unwrap();
    let mut start = [0; 10];
    lost.stdout.take().unwrap().read_exact(&mut start).unwrap();
    assert_eq!(&start, b"the start\n");
    lost.kill().unwrap();
    lost.wait().unwrap();
    input.write_all(b"the end\n").unwrap();
    drop(input);
    let (code, events) = sender.finish();
    assert_eq!(code, Some(1), "{events:?}");
    let error = events.last().unwrap()["message"].as_str().unwrap();
    assert!(error.contains("cannot be read twice"), "{error}");
}

#[test]
fn what_is_there_is_kept_unless_a_flag_says_otherwise() {
    let (here, there) = (Site::new(), Site::new());
    here.write("a", "new");
    for (flags, code, after) in [
        (&[][..], 4, ["old", ""]),
        (&["--skip-existing"], 0, ["old", ""]),
        (&["--keep-both"], 0, ["old", "new"]),
        (&["--force"], 0, ["new", "new"]),
        // The very same bytes are there.
        (&[], 0, ["new", "new"]),
    ] {
        if !there.path("a").exists() {
            there.write("a", "old");
        }
        let sender = Waiting::start(&here, &["send", "a"]);
        let ran = there.run(&[&["recv", sender.ticket()], flags].concat()).code(code);
        assert!(code == 0 || ran.stderr.contains("--force"), "{}", ran.stderr);
        let found = ["a", "a-1"].map(|name| fs::read_to_string(there.path(name)).unwrap_or_default());
        assert_eq!(found, after, "{flags:?}");
        if code == 0 {
            assert_eq!(sender.finish().0, Some(0), "{flags:?}");
        }
    }
}

#[test]
fn one_file_is_called_as_the_receiver_wants() {
    let (here, there) = (Site::new(), Site::new());
    here.write("a", "abc");
    fs::create_dir(there.path("in")).unwrap();
    for (output, path) in [("b", "b"), ("in", "in/a"), ("in/c", "in/c")] {
        let sender = Waiting::start(&here, &["send", "a", "--digest", "sha256"]);
        let ran = there.run(&["recv", "--print-digest", "-o", output, sender.ticket()]).ok();
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(ran.text(), format!("{digest}  {path}\n"), "as sha256sum -c reads it");
        assert_eq!(fs::read(there.path(path)).unwrap(), b"abc");
    }
}

#[test]
fn a_ticket_of_another_run_is_refused_and_keeps_nobody_else_out() {
    let (here, there) = (Site::new(), Site::new());
    here.write("a", "abc");
    let sender = Waiting::start(&here, &["send", "a"]);
    let right: Ticket = sender.ticket().parse().unwrap();
    let wrong = Ticket { secret: Secret::random().unwrap(), ..right };
    there.run(&["recv", &wrong.to_string()]).code(9).says("does not know this ticket");
    assert!(!there.path("a").exists());
    there.run(&["recv", sender.ticket()]).ok();
    assert_eq!(sender.finish().0, Some(0));
}

#[test]
fn nobody_at_the_other_end_is_5() {
    let site = Site::new();
    site.write("a", "abc");
    let receiver = Waiting::start(&site, &["recv", "-o", "b"]);
    let ticket = receiver.ticket().to_owned();
    receiver.signal(Signal::TERM);
    assert_eq!(receiver.finish().0, Some(143));
    let ran = site.run(&["send", "a", &ticket, "--json"]).code(5);
    let error = ran.text().lines().map(event).next_back().unwrap();
    assert_eq!(
        (&error["event"], &error["code"], &error["name"]),
        (&"error".into(), &5.into(), &"network".into())
    );
    assert_eq!(error["resumable"], true);
}

#[test]
fn a_signal_ends_who_waits_and_its_number_is_in_the_exit_code() {
    let site = Site::new();
    site.write("a", "abc");
    for (arguments, signal, code) in [
        (&["send", "a"][..], Signal::INT, 130),
        (&["send", "a", "--keep"], Signal::TERM, 143),
        (&["recv"], Signal::INT, 130),
    ] {
        let waiting = Waiting::start(&site, arguments);
        waiting.signal(signal);
        let (found, events) = waiting.finish();
        assert_eq!(found, Some(code), "{arguments:?}");
        let error = events.last().unwrap();
        assert_eq!((&error["event"], &error["code"]), (&"error".into(), &code.into()));
        assert_eq!(error["resumable"], true);
    }
}

#[test]
fn a_deadline_that_is_up_is_124() {
    let site = Site::new();
    site.write("a", "abc");
    let waiting = Waiting::start(&site, &["send", "a", "--deadline", "1"]);
    let (code, events) = waiting.finish();
    assert_eq!((code, &events.last().unwrap()["name"]), (Some(124), &"deadline".into()));
}

#[test]
fn whoever_cannot_verify_is_13_where_that_is_required() {
    for (flags, code) in [(&["send", "a"][..], 0), (&["send", "a", "--require-verify"], 13)] {
        let site = Site::new();
        site.write("a", "abc");
        let sender = Waiting::start(&site, flags);
        let answer = sender.fetch();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nabc"), "{answer}");
        let (found, events) = sender.finish();
        assert_eq!(found, Some(code), "{:?}", events.last());
        let proof =
            if code == 0 { &events.last().unwrap()["proof"] } else { &events.last().unwrap()["name"] };
        assert!(proof == "acknowledged" || proof == "unverified", "{proof}");
    }
}

#[test]
fn to_require_what_nobody_is_to_do_is_refused() {
    let site = Site::new();
    site.write("a", "abc");
    for verify in ["wire", "none"] {
        site.run(&["send", "a", "--verify", verify, "--require-verify"]).code(2).says("--verify full");
    }
}

#[test]
fn what_looks_like_a_place_elsewhere_is_told_what_to_name() {
    let site = Site::new();
    site.write("a", "abc");
    site.run(&["send", "a", "somebody@host:there"]).code(2).says("the ticket that \"aqueduct recv\" prints");
    site.write("with:colon", "abc");
    site.run(&["send", "-n", "a", "with:colon"]).ok().says("2 files");
}

#[test]
fn what_is_left_out_of_a_tree_is_12_at_both_ends() {
    let (here, there) = (Site::new(), Site::new());
    fs::create_dir(here.path("tree")).unwrap();
    here.write("tree/file", "abc");
    assert!(Command::new("mkfifo").arg(here.path("tree/fifo")).status().unwrap().success());
    let is_told = |events: &[Value]| {
        let [.., done, error] = events else { panic!("{events:?}") };
        assert_eq!((&done["event"], &done["files"], &done["failed"]), (&"done".into(), &1.into(), &1.into()));
        assert_eq!((&error["event"], &error["code"]), (&"error".into(), &12.into()));
    };
    let sender = Waiting::start(&here, &["send", "tree"]);
    let received = there.run(&["recv", sender.ticket(), "--json"]).code(12);
    is_told(&received.text().lines().map(event).collect::<Vec<_>>());
    assert_eq!(fs::read(there.path("tree/file")).unwrap(), b"abc");
    let (code, events) = sender.finish();
    assert_eq!(code, Some(12));
    is_told(&events);

    let sender = Waiting::start(&here, &["send", "tree"]);
    assert!(sender.fetch().contains("tree/file"));
    let (code, events) = sender.finish();
    assert_eq!(code, Some(12), "as a tar stream");
    is_told(&events);
    let left = events.iter().filter(|it| it["event"] == "left");
    let paths: Vec<_> = left.map(|it| it["path"].as_str().unwrap()).collect();
    assert!(matches!(paths[..], [path] if path.ends_with("tree/fifo")), "{paths:?}");
}

#[test]
fn what_is_fetched_over_http_is_announced_once_and_leaves_by_sendfile() {
    let site = Site::new();
    site.write("large", noise(1 << 20));
    let sender = Waiting::start(&site, &["send", "large"]);
    let mut stray = TcpStream::connect(sender.listen["addr"].as_str().unwrap()).unwrap();
    stray.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut refused = String::new();
    stray.read_to_string(&mut refused).unwrap();
    assert!(refused.starts_with("HTTP/1.1 404 "), "{refused}");
    sender.fetch();
    let (code, events) = sender.finish();
    let done = events.last().unwrap();
    assert_eq!(
        (code, &done["zero_copy"], &done["routes"]["sendfile"]),
        (Some(0), &true.into(), &(1 << 20).into())
    );
    let connected: Vec<_> = events.iter().filter(|it| it["event"] == "connected").collect();
    assert_eq!(connected.len(), 1, "{connected:?}");
    assert!(connected[0]["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{connected:?}");
}

#[test]
fn nobody_is_promised_that_a_stream_is_kept() {
    let (here, there) = (Site::new(), Site::new());
    let mut sender = Waiting::spawn(here.command(&["send", "-"]).stdin(Stdio::piped()));
    sender.child.stdin.as_mut().unwrap().write_all(b"begun").unwrap();
    let mut receive = there.command(&["recv", sender.ticket(), "--json"]);
    let mut receiver = receive.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = BufReader::new(receiver.stdout.take().unwrap());
    while read_event(&mut stdout).expect("it begins")["phase"] != "transfer" {}
    kill_process(Pid::from_child(&receiver), Signal::INT).unwrap();
    let error = std::iter::from_fn(|| read_event(&mut stdout)).last().unwrap();
    assert_eq!((&error["event"], &error["resumable"]), (&"error".into(), &false.into()));
    assert_eq!(error["advice"], "nothing of it is kept");
    assert_eq!(receiver.wait().unwrap().code(), Some(130));
    assert!(fs::read_dir(there.path(".")).unwrap().next().is_none(), "and nothing is");
}

#[test]
fn what_would_be_sent_is_said_and_nobody_waited_for() {
    let site = Site::new();
    site.write("a", "abc");
    site.write("b", "defg");
    site.run(&["send", "-n", "a", "b"]).ok().says("2 files, 7 B").says("nothing was done");
    site.run(&["send", "-n", "nothing"]).code(3).says("nothing");
}

/// A side that speaks to people, with what it says on standard error.
fn spoken(command: &mut Command) -> (Child, BufReader<ChildStderr>) {
    command.args(["--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    (child, stderr)
}

/// Reads until `words` were said, and gives all that was.
#[track_caller]
fn read_until(stderr: &mut impl Read, words: &str) -> String {
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains(words) {
        let mut piece = [0; 1000];
        let len = stderr.read(&mut piece).unwrap();
        assert!(len > 0, "no {words:?} in {:?}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&piece[..len]);
    }
    String::from_utf8(said).unwrap()
}

#[test]
fn what_is_printed_first_is_all_that_the_other_side_has_to_know() {
    let (here, there) = (Site::new(), Site::new());
    here.write("a file", "abc");
    let (mut sender, mut stderr) = spoken(&mut here.command(&["send", "a file"]));
    let said = read_until(&mut stderr, "Ctrl-C");
    assert!(said.starts_with("sending a file (3 B) once, from 127.0.0.1 port "), "{said}");
    assert!(
        said.contains("curl -fOJ http://127.0.0.1:") && said.contains("somebody on the path could read it"),
        "{said}"
    );
    let line = said.lines().find_map(|line| line.trim().strip_prefix("aqueduct ")).unwrap();
    there.run(&line.split(' ').collect::<Vec<_>>()).ok();
    assert_eq!(fs::read(there.path("a file")).unwrap(), b"abc");
    assert!(sender.wait().unwrap().success());

    // The quiet are told what to type, and nothing else.
    let (mut sender, mut stderr) = spoken(&mut here.command(&["send", "-q", "a file"]));
    let said = read_until(&mut stderr, "\n");
    there.run(&["recv", "-q", "-f", said.trim_end().strip_prefix("aqueduct recv ").unwrap()]).ok();
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    assert!(sender.wait().unwrap().success());
}

/// indicatif by itself would show nothing in these surroundings.
#[test]
fn a_bar_is_drawn_without_color_and_lines_where_there_is_no_terminal() {
    let site = Site::new();
    site.write("a", "abc");
    let mut send = site.command(&["send", "a", "--progress", "bar"]);
    let (mut sender, mut stderr) = spoken(send.env("NO_COLOR", "1").env("TERM", "dumb"));
    let said = read_until(&mut stderr, "waiting for the other side");
    assert!(!said.contains("\u{1b}[3") && !said.contains("\u{1b}[1"), "color in {said:?}");
    sender.kill().unwrap();
    sender.wait().unwrap();

    let there = Site::new();
    site.write("large", noise(8 << 20));
    let (mut sender, mut stderr) = spoken(&mut site.command(&["send", "large", "-l", "2M", "-j", "1"]));
    let said = read_until(&mut stderr, "Ctrl-C");
    assert!(said.starts_with("at most 2.00 MiB/s (16.8 Mbit/s)\n"), "{said}");
    let ticket = said.split_whitespace().find(|word| word.starts_with("aq1-")).unwrap().to_owned();
    let mut receiver = there.command(&["recv", &ticket, "--json"]).stdout(Stdio::null()).spawn().unwrap();
    let line = read_until(&mut stderr, "bit/s)  ");
    assert!(line.contains("% ") && line.contains(" of 8.00 MiB  "), "{line}");
    assert!(!line.contains('\r') && !line.contains('\u{1b}'), "{line:?}");
    assert!(line.contains("1 stream"), "{line}");
    // Both stop and keep what came.
    kill_process(Pid::from_child(&sender), Signal::INT).unwrap();
    assert_eq!(sender.wait().unwrap().code(), Some(130));
    let _ = receiver.kill();
    receiver.wait().unwrap();
    assert!(!there.path("large").exists(), "nothing has its name before it is whole");
}

#[test]
fn whoever_sends_sigusr1_is_told_how_far_it_is() {
    let (here, there) = (Site::new(), Site::new());
    here.write("large", noise(8 << 20));
    let mut send = here.command(&["send", "large", "-l", "1M", "-j", "1", "--progress", "none"]);
    let (mut sender, mut stderr) = spoken(&mut send);
    let said = read_until(&mut stderr, "Ctrl-C");
    let ticket = said.split_whitespace().find(|word| word.starts_with("aq1-")).unwrap().to_owned();
    let mut receiver = there.command(&["recv", &ticket, "-q"]).stdout(Stdio::null()).spawn().unwrap();
    read_until(&mut stderr, "is there");
    // Without that nothing is said of how far it is. The first may ask while there is nothing to tell.
    let mut line = String::new();
    while !line.contains("1 stream") {
        kill_process(Pid::from_child(&sender), Signal::USR1).unwrap();
        line.clear();
        while !line.contains("bit/s)") {
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it ends");
        }
        assert!(line.starts_with("large"), "{line:?}");
    }
    sender.kill().unwrap();
    sender.wait().unwrap();
    let _ = receiver.kill();
    receiver.wait().unwrap();
}

#[test]
fn small_files_that_came_before_the_receiver_was_killed_do_not_come_again() {
    let (here, there) = (Site::new(), Site::new());
    fs::create_dir(here.path("tree")).unwrap();
    for number in 0..400 {
        here.write(format!("tree/{number}"), noise(64 << 10));
    }
    let sender = Waiting::start(&here, &["send", "tree", "-l", "16M"]);
    let mut receive = there.command(&["recv", sender.ticket(), "--json"]);
    let mut receiver = receive.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = BufReader::new(receiver.stdout.take().unwrap());
    let events = std::iter::from_fn(|| read_event(&mut stdout));
    assert_eq!(events.filter(|it| it["event"] == "file").take(200).count(), 200);
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    let ran = there.run(&["recv", sender.ticket(), "--json"]).ok();
    let done = ran.text().lines().map(event).next_back().unwrap();
    assert!(done["resumed"].as_u64().unwrap() >= 4 << 20, "{done}");
    assert_eq!((&done["files"], sender.finish().0), (&400.into(), Some(0)));
}
