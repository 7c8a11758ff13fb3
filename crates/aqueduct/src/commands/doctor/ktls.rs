//! Whether the kernel could encrypt connections. Nothing here does yet.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use aqueduct_sys::{Errno, errno_of, set_upper_protocol};

use super::place::Place;
use super::verdict::Verdict;

pub(super) fn look(_: &Place) -> Verdict {
    // Only the first network namespace shows it.
    let loaded = fs::read_to_string("/proc/sys/net/ipv4/tcp_available_ulp").ok();
    if loaded.is_some_and(|names| !names.split_whitespace().any(|name| name == "tls")) {
        // To try it would load the module where that is allowed, and it would stay.
        return judge(Err(Errno::NOENT.into()));
    }
    judge(tried())
}

fn tried() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let connection = TcpStream::connect_timeout(&listener.local_addr()?, TIMEOUT)?;
    Ok(set_upper_protocol(connection, c"tls")?)
}

pub(super) fn judge(tried: io::Result<()>) -> Verdict {
    match tried {
        Ok(()) => Verdict::good("available; not used"),
        Err(error) if errno_of(&error) == Some(Errno::NOENT) => {
            Verdict::note("its module is not loaded; whether there is one takes rights to find out; not used")
        }
        Err(error) => Verdict::note(format!("not tried: {error}")),
    }
}

/// Loopback takes microseconds; a rule of a firewall that drops packets takes for ever.
const TIMEOUT: Duration = Duration::from_millis(250);
