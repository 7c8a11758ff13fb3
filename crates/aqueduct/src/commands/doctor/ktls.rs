//! Whether the kernel could encrypt connections. Nothing here does yet.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use aqueduct_sys::{Errno, errno_of, set_upper_protocol};

use super::place::Place;
use super::verdict::Verdict;

pub(super) fn look(_: &Place) -> Verdict {
    // Only the first network namespace shows it.
    match fs::read_to_string("/proc/sys/net/ipv4/tcp_available_ulp") {
        // To try it would load the module where that is allowed, and it would stay.
        Ok(names) if !names.split_whitespace().any(|name| name == "tls") => judge(Err(Errno::NOENT.into())),
        Err(_) if !Path::new("/sys/module/tls").exists() && may_load(&own_status()) => {
            Verdict::note("not tried: that could load its module; not used", ADVICE)
        }
        Ok(_) | Err(_) => judge(tried()),
    }
}

/// Nothing where /proc is not mounted.
fn own_status() -> String {
    fs::read_to_string("/proc/self/status").unwrap_or_default()
}

/// Whether trying a protocol of TCP loads its module for this process, by /proc/self/status: tcp_ulp.c of the kernel asks
/// for CAP_NET_ADMIN. Whatever does not say may.
pub(super) fn may_load(status: &str) -> bool {
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let capabilities = capabilities.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    capabilities.is_none_or(|bits| bits & (1 << CAP_NET_ADMIN) != 0)
}

fn tried() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let connection = TcpStream::connect_timeout(&listener.local_addr()?, TIMEOUT)?;
    Ok(set_upper_protocol(connection, c"tls")?)
}

pub(super) fn judge(tried: io::Result<()>) -> Verdict {
    match tried {
        Ok(()) => Verdict::good("available; not used"),
        Err(error) if errno_of(&error) == Some(Errno::NOENT) => Verdict::note(
            "its module is not loaded; whether there is one takes rights to find out; not used",
            ADVICE,
        ),
        Err(error) => Verdict::note(format!("not tried: {error}"), ADVICE),
    }
}

const ADVICE: &str = "nothing to do: no connection is encrypted here yet";

/// linux/capability.h.
const CAP_NET_ADMIN: u32 = 12;

/// Loopback takes microseconds; a rule of a firewall that drops packets takes for ever.
const TIMEOUT: Duration = Duration::from_millis(250);
