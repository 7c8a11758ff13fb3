//! getsockopt(2), for `TCP_INFO`.

use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use crate::{Error, Result, count};

/// What the kernel knows of a TCP connection: `struct tcp_info` in linux/tcp.h. What an older kernel does not know is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpInfo {
    /// Bytes that the other side's kernel has acknowledged, since the connection began. What a side says when it begins or
    /// ends (SYN, FIN) counts as one byte, where that side is the one that connected for the first of them.
    pub bytes_acked: u64,
    /// Bytes that were received, in order.
    pub bytes_received: u64,
    /// Probes of a side that has no room, which it has not answered.
    pub unanswered_probes: u8,
    /// Segments that were sent and not acknowledged.
    pub unacked: u32,
    /// Bytes that wait to be sent.
    pub not_sent: u32,
    /// Segments that were sent again, in all.
    pub retransmitted: u32,
    /// How long an answer takes, smoothed.
    pub round_trip: Duration,
    /// For how long there was something to send, or something sent was not acknowledged.
    pub busy: Duration,
    /// For how much of that the other side had no room for more.
    pub limited_by_receiver: Duration,
    /// For how much of that this side's buffer was too small.
    pub limited_by_buffer: Duration,
    /// At how many bytes a second the last ones were delivered.
    pub delivery_rate: u64,
}

/// Asks about a TCP connection, whether it is still one or has ended.
///
/// # Errors
///
/// EOPNOTSUPP, or another, for what is no TCP socket. See `TCP_INFO` in tcp(7).
pub fn tcp_info(socket: impl AsFd) -> Result<TcpInfo> {
    let mut bytes = [0_u8; INFO_LEN];
    let mut len = libc::socklen_t::try_from(bytes.len()).expect("it is short");
    count::add();
    // SAFETY: getsockopt(2) wants a descriptor, which is borrowed and so open; a pointer to as many bytes as `len` says, to
    // which it writes no more than these: `bytes` is that long; and a pointer to `len`. Any bytes are a value of `bytes`.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            bytes.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if answer != 0 {
        return Err(Error::last("getsockopt(TCP_INFO)"));
    }
    let short = |offset: usize| u32::from_ne_bytes(*bytes[offset..].first_chunk().expect("it is within"));
    let long = |offset: usize| u64::from_ne_bytes(*bytes[offset..].first_chunk().expect("it is within"));
    Ok(TcpInfo {
        round_trip: Duration::from_micros(short(RTT).into()),
        retransmitted: short(TOTAL_RETRANS),
        unanswered_probes: bytes[PROBES],
        unacked: short(UNACKED),
        bytes_acked: long(BYTES_ACKED),
        bytes_received: long(BYTES_RECEIVED),
        not_sent: short(NOTSENT_BYTES),
        delivery_rate: long(DELIVERY_RATE),
        busy: Duration::from_micros(long(BUSY_TIME)),
        limited_by_receiver: Duration::from_micros(long(RWND_LIMITED)),
        limited_by_buffer: Duration::from_micros(long(SNDBUF_LIMITED)),
    })
}

// Where the fields begin: the C library's struct has only the older ones, and the kernel only ever adds to the end.
const PROBES: usize = 3;
const UNACKED: usize = 24;
const RTT: usize = 68;
const TOTAL_RETRANS: usize = 100;
const BYTES_ACKED: usize = 120;
const BYTES_RECEIVED: usize = 128;
const NOTSENT_BYTES: usize = 144;
const DELIVERY_RATE: usize = 160;
const BUSY_TIME: usize = 168;
const RWND_LIMITED: usize = 176;
const SNDBUF_LIMITED: usize = 184;

/// Up to the last of these. The kernel copies no more than it is asked for.
const INFO_LEN: usize = 192;
