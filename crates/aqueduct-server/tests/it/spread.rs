//! Who serves which connection.

use std::collections::BTreeSet;

use crate::fixture::Fixture;

#[test]
fn of_few_connections_no_reactor_has_more_than_its_share() {
    let server = Fixture::new();
    let mut peers = Vec::new();
    for count in 1..=16_usize {
        let mut peer = server.connect();
        peer.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(peer.reply().status, 200);
        // Whoever answered has it.
        peers.push(peer);
        let counts = connection_counts(&server);
        assert_eq!(counts.iter().sum::<usize>(), count, "{counts:?}");
        assert!(counts.iter().all(|had| *had <= count.div_ceil(2)), "{count}: {counts:?}");
    }
}

/// How many connections of the server each reactor waits for.
fn connection_counts(server: &Fixture) -> Vec<usize> {
    let connected = connected(server.address.port());
    let waited_for: BTreeSet<BTreeSet<u64>> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let link = std::fs::read_link(format!("/proc/self/fd/{name}")).ok()?;
            let is_poll = link.to_str() == Some("anon_inode:[eventpoll]");
            let watched =
                is_poll.then(|| std::fs::read_to_string(format!("/proc/self/fdinfo/{name}")))?.ok()?;
            Some(watched.lines().filter_map(inode).filter(|inode| connected.contains(inode)).collect())
        })
        .collect();
    waited_for.iter().map(BTreeSet::len).collect()
}

/// Of a line `tfd: 8 events: 1d data: 7f pos:0 ino:1f2e sdev:8`, see proc_pid_fdinfo(5).
fn inode(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("ino:")?;
    u64::from_str_radix(rest.split(' ').next()?, 16).ok()
}

/// The inodes of the server's ends of its connections, see proc_pid_net(5).
fn connected(port: u16) -> BTreeSet<u64> {
    let port = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines
        .filter(|words| words[1].ends_with(&port) && words[3] == ESTABLISHED)
        .map(|words| words[9].parse().unwrap())
        .collect()
}

const ESTABLISHED: &str = "01";
