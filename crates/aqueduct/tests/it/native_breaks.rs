//! Transfers that are cut, whose client is killed, whose server is: what is there already does not go again.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aqueduct_blob::{Algorithm, SEGMENT_LEN};
use aqueduct_client::{Client, Options, Source};
use serde_json::Value;

use crate::fixture::{Ran, Site, aqueduct, noise, sha256sum};
use crate::proxy::{Piece, Proxy, Then, Way};
use crate::server::{Server, wait_until};

fn client(proxy: &Proxy, streams: usize) -> Client {
    let stream_count = NonZeroUsize::new(streams).unwrap();
    let options = Options { pause: Duration::from_millis(1), stream_count, ..Options::default() };
    Client::new(proxy.url().parse().unwrap(), options)
}

/// Cuts the first `count` connections, each after some 5 to 9 MiB on the given way.
fn cut(way: Way, count: u64) -> impl Fn(&mut Piece<'_>) -> Then + Send + Sync {
    let state = Mutex::new(0x9e37_79b9_u64);
    let ends = Mutex::new(std::collections::BTreeMap::new());
    move |piece| {
        if piece.way != way || piece.connection >= count {
            return Then::GoOn;
        }
        let end = *ends.lock().unwrap().entry(piece.connection).or_insert_with(|| {
            let mut state = state.lock().unwrap();
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (5 << 20) + (*state >> 33) % (4 << 20)
        });
        if piece.offset + piece.bytes.len() as u64 <= end {
            return Then::GoOn;
        }
        piece.bytes.truncate(usize::try_from(end.saturating_sub(piece.offset)).unwrap());
        Then::Cut
    }
}

const SIZE: usize = (64 << 20) + 77;

#[test]
fn a_put_that_is_cut_many_times_goes_on_by_itself() {
    for (streams, cuts) in [(1, 8), (2, 8)] {
        let site = Site::new();
        site.write("large", noise(SIZE));
        let server = Server::start_with(&site, &["--sync", "none"]);
        let proxy = Proxy::new(server.address(), cut(Way::Up, cuts));
        let source = Source::new(File::open(site.path("large")).unwrap()).unwrap();
        let mut told = 0;
        let uploaded =
            client(&proxy, streams).put_unnamed(Algorithm::Sha256, &source, &mut |len| told += len).unwrap();
        assert_eq!(uploaded.digest.to_string(), sha256sum(&site.path("large")));
        assert_eq!(told, SIZE as u64, "everything is told of once");
        assert!(proxy.connection_count() > cuts, "it was not cut");
        let most = SIZE as u64 + cuts * SEGMENT_LEN + (1 << 20);
        assert!(proxy.up_len() <= most, "{} bytes went up for {SIZE}, {cuts} cuts", proxy.up_len());
        server.stop();
        site.run(&["verify"]).ok().says("all intact");
    }
}

#[test]
fn a_cut_costs_at_most_the_segment_that_was_on_its_way() {
    const SIZE: u64 = 100_000_000;
    const CUTS: u64 = 5;
    for streams in [1, 2] {
        let site = Site::new();
        site.write("large", noise(usize::try_from(SIZE).unwrap()));
        let server = Server::start_with(&site, &["--sync", "none", "-vv"]);
        let proxy = Proxy::new(server.address(), cut(Way::Up, CUTS));
        let source = Source::new(File::open(site.path("large")).unwrap()).unwrap();
        let uploaded = client(&proxy, streams).put_unnamed(Algorithm::Sha256, &source, &mut |_| {}).unwrap();
        assert_eq!(uploaded.digest.to_string(), sha256sum(&site.path("large")));
        assert!(proxy.connection_count() > CUTS, "it was not cut");
        let said = server.stop();
        let segments: Vec<&str> = said.lines().filter_map(|line| line.split(" segment ").nth(1)).collect();
        let number = |segment: &str, name: &str| -> u64 {
            segment.split(' ').find_map(|field| field.strip_prefix(name)).unwrap().parse().unwrap()
        };
        for what in ["received=", "hashed="] {
            let len: u64 = segments.iter().map(|segment| number(segment, what)).sum();
            assert!((SIZE..=SIZE + CUTS * SEGMENT_LEN).contains(&len), "-j {streams}: {what}{len}");
        }
        let held = segments.iter().filter(|segment| segment.ends_with("outcome=\"held\""));
        let mut held: Vec<u64> = held.map(|segment| number(segment, "index=")).collect();
        held.sort_unstable();
        assert!(held.into_iter().eq(0..SIZE.div_ceil(SEGMENT_LEN)), "each is held once:\n{said}");
    }
}

#[test]
fn a_get_that_is_cut_many_times_goes_on_by_itself() {
    let site = Site::new();
    site.write("large", noise(SIZE));
    let server = Server::start_with(&site, &["--sync", "none"]);
    let digest = server.put(&site, "large").parse().unwrap();
    for (streams, cuts) in [(1, 8), (3, 8)] {
        let proxy = Proxy::new(server.address(), cut(Way::Down, cuts));
        let client = client(&proxy, streams);
        let name = format!("copy{streams}");
        fs::write(site.path(&name), "").unwrap();
        let file = File::options().read(true).write(true).open(site.path(&name)).unwrap();
        let mut told = 0;
        let received =
            client.get(&digest, None).unwrap().unwrap().receive(&file, &mut |len| told += len).unwrap();
        assert!(received.is_verified && told == SIZE as u64);
        assert_eq!(sha256sum(&site.path(&name)), digest.to_string());
        assert_eq!(received.carried.total(), received.len, "not a byte came twice");
    }
}

/// What `uploads --json` says of the only upload; `Null` if there is none.
fn upload(server: &Server, site: &Site) -> Value {
    let ran = server.run(site, &["uploads", "--json"]).ok();
    ran.text().lines().next().map_or(Value::Null, |line| serde_json::from_str(line).unwrap())
}

#[test]
fn a_put_that_was_killed_goes_on_where_it_was() {
    let site = Site::new();
    site.write("large", noise(SIZE));
    let server = Server::start(&site);
    let proxy = Proxy::new(server.address(), |piece| {
        if piece.way == Way::Up && piece.offset > 30 << 20 { Then::Hold } else { Then::GoOn }
    });
    let mut put = put(&site, &proxy);
    let mut killed = put.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("seven segments are there", || upload(&server, &site)["verified"] == 28 << 20);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let proxy = Proxy::new(server.address(), |_| Then::GoOn);
    let ran = Ran::of(&mut self::put(&site, &proxy)).ok();
    let object: Value = serde_json::from_str(ran.text()).unwrap();
    assert_eq!(object["files"][0]["digest"], sha256sum(&site.path("large")));
    assert_eq!(object["carried"]["sendfile"], SIZE - (28 << 20), "{object}");
    assert!(proxy.up_len() < (SIZE - (28 << 20) + (1 << 20)) as u64);
    // It is remembered, and no upload any more.
    let upload = upload(&server, &site);
    assert_eq!((&upload["stored"], &upload["verified"]), (&object["files"][0]["digest"], &SIZE.into()));
}

#[test]
fn a_put_outlives_a_server_that_is_killed() {
    let site = Site::new();
    site.write("large", noise(SIZE));
    let server = Server::start(&site);
    // Only the first connection is held: the server that it leads to will be killed.
    let proxy = Proxy::new(server.address(), |piece| {
        let is_over = piece.way == Way::Up && piece.offset > 30 << 20 && piece.connection == 0;
        if is_over { Then::Hold } else { Then::GoOn }
    });
    let put = put(&site, &proxy).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("seven segments are there", || upload(&server, &site)["verified"] == 28 << 20);
    server.kill();
    let server = Server::start(&site);
    proxy.lead_to(server.address());
    let output = put.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["files"][0]["digest"], sha256sum(&site.path("large")));
    let most = (SIZE + 2 * (8 << 20)) as u64;
    assert!(proxy.up_len() <= most, "{} bytes went up for {SIZE}", proxy.up_len());
}

fn put(site: &Site, proxy: &Proxy) -> Command {
    let mut put = aqueduct();
    put.args(["put", "large", "-j", "1", "--json", "--server", &proxy.url()]).current_dir(site.path("."));
    put
}

#[test]
fn a_file_that_changes_while_it_goes_is_told() {
    let site = Site::new();
    site.write("large", noise(SIZE));
    let server = Server::start(&site);
    let (has_begun, path) = (Arc::new(AtomicBool::new(false)), site.path("large"));
    let begun = Arc::clone(&has_begun);
    let proxy = Proxy::new(server.address(), move |piece| {
        if piece.offset > 10 << 20 && !begun.swap(true, Ordering::SeqCst) {
            File::options().append(true).open(&path).unwrap().set_len(SIZE as u64 + 1).unwrap();
        }
        Then::GoOn
    });
    let ran = Ran::of(&mut put(&site, &proxy)).code(11).says("changed");
    assert!(has_begun.load(Ordering::SeqCst), "{}", ran.stderr);
    let object: Value = serde_json::from_str(ran.text()).unwrap();
    assert_eq!(object["files"], serde_json::json!([]), "no name is told for it");
}

#[test]
fn retry_says_how_often_a_broken_line_is_taken_up_again() {
    let site = Site::new();
    site.write("large", noise(9 << 20));
    let server = Server::start(&site);
    for (retry, connections) in [("0", 1), ("2", 3)] {
        let cut = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&cut);
        let proxy = Proxy::new(server.address(), move |piece| {
            if piece.way == Way::Down || piece.offset < 1 << 20 {
                return Then::GoOn;
            }
            counted.fetch_add(1, Ordering::SeqCst);
            Then::Cut
        });
        Ran::of(put(&site, &proxy).args(["--retry", retry])).code(5).says("run it again");
        assert_eq!(proxy.connection_count(), connections);
    }
}
