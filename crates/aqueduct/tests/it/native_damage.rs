//! Bits that flip between a client and its server.

use std::fs::{self, File};
use std::time::Duration;

use aqueduct_blob::{Algorithm, SEGMENT_LEN};
use aqueduct_client::{Client, Options, Received, Source, Uploaded};

use crate::fixture::{Site, noise, sha256sum};
use crate::proxy::{Piece, Proxy, Then, Way};
use crate::server::Server;

/// Flips a bit of the byte at `offset` of the first connection.
fn flip(way: Way, offset: u64) -> impl Fn(&mut Piece<'_>) -> Then + Send + Sync {
    move |piece| {
        if piece.connection == 0
            && piece.way == way
            && let Some(place) = offset.checked_sub(piece.offset)
            && let Some(byte) = piece.bytes.get_mut(usize::try_from(place).unwrap())
        {
            *byte ^= 0x10;
        }
        Then::GoOn
    }
}

fn client(proxy: &Proxy) -> Client {
    let options = Options { pause: Duration::from_millis(1), ..Options::default() };
    Client::new(proxy.url().parse().unwrap(), options)
}

fn put(client: &Client, site: &Site, name: &str, algorithm: Algorithm) -> Uploaded {
    let source = Source::new(File::open(site.path(name)).unwrap()).unwrap();
    client.put_unnamed(algorithm, &source, &mut |_| {}).unwrap()
}

fn receive(client: &Client, site: &Site, uploaded: &Uploaded, name: &str) -> Received {
    let file = File::options().read(true).write(true).create_new(true).open(site.path(name)).unwrap();
    let download = client.get(&uploaded.digest, None).unwrap().unwrap();
    download.receive(&file, &mut |_| {}).unwrap()
}

const SIZE: u64 = (24 << 20) + 77;

#[test]
fn a_bit_that_flips_in_a_payload_costs_one_segment() {
    let site = Site::new();
    site.write("large", noise(usize::try_from(SIZE).unwrap()));
    let server = Server::start_with(&site, &["--sync", "none"]);
    for algorithm in Algorithm::ALL {
        for offset in [1 << 20, 10 << 20, 23 << 20] {
            let proxy = Proxy::new(server.address(), flip(Way::Up, offset));
            let client = client(&proxy);
            let uploaded = put(&client, &site, "large", algorithm);
            assert!(
                uploaded.is_new,
                "{algorithm} {offset}: {} sent, {} connections",
                uploaded.sent,
                proxy.connection_count()
            );
            let again = uploaded.sent - SIZE;
            assert!(again > 0 && again <= SEGMENT_LEN, "{algorithm} {offset}: {again} bytes were sent again");
            assert_eq!(proxy.connection_count(), 1, "{algorithm} {offset}");
            let proxy = Proxy::new(server.address(), flip(Way::Down, offset));
            let client = self::client(&proxy);
            let received = receive(&client, &site, &uploaded, "copy");
            let again = received.carried.total() - SIZE;
            assert!(again > 0 && again <= SEGMENT_LEN, "{algorithm} {offset}: {again} bytes came again");
            assert_eq!(proxy.connection_count(), 1, "{algorithm} {offset}");
            assert!(fs::read(site.path("copy")).unwrap() == fs::read(site.path("large")).unwrap());
            fs::remove_file(site.path("copy")).unwrap();
            // Nothing is remembered of it.
            server.run(&site, &["rm", &uploaded.digest.to_string()]).ok();
            let uploads = server.run(&site, &["uploads"]).ok();
            let ids: Vec<_> = uploads.text().lines().collect();
            server.run(&site, &[&["drop"], &ids[..]].concat()).ok();
        }
    }
}

#[test]
fn a_bit_that_flips_elsewhere_costs_at_most_one_reconnect() {
    let site = Site::new();
    // Whole in one frame, with more behind it.
    site.write("small", noise(9));
    let server = Server::start_with(&site, &["--sync", "none"]);
    // The greetings, the Hello and the Welcome, and then the frames of a put, a question and a get.
    for way in [Way::Up, Way::Down] {
        for offset in 0..200 {
            let proxy = Proxy::new(server.address(), flip(way, offset));
            let client = client(&proxy);
            let uploaded = put(&client, &site, "small", Algorithm::Sha256);
            assert_eq!(client.size(&uploaded.digest).unwrap(), Some(9), "{way:?} {offset}");
            receive(&client, &site, &uploaded, "copy");
            assert_eq!(fs::read(site.path("copy")).unwrap(), noise(9));
            assert!(proxy.connection_count() <= 2, "{way:?} {offset}: {}", proxy.connection_count());
            fs::remove_file(site.path("copy")).unwrap();
        }
    }
}

#[test]
fn a_bit_that_flips_in_the_head_of_an_upload_costs_at_most_one_reconnect() {
    let site = Site::new();
    site.write("large", noise(5 << 20));
    let server = Server::start_with(&site, &["--sync", "none"]);
    for (way, offsets) in [(Way::Up, 50..130), (Way::Down, 50..110)] {
        for offset in offsets.step_by(3) {
            let proxy = Proxy::new(server.address(), flip(way, offset));
            let uploaded = put(&client(&proxy), &site, "large", Algorithm::Sha256);
            assert_eq!(uploaded.digest.to_string(), sha256sum(&site.path("large")));
            assert!(proxy.connection_count() <= 2, "{way:?} {offset}: {}", proxy.connection_count());
            server.run(&site, &["rm", &uploaded.digest.to_string()]).ok();
        }
    }
}
