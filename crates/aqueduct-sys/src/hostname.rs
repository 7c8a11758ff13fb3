//! uname(2), for the name of the machine.

/// The name this machine has on its network, as far as it is UTF-8. See uname(2).
#[must_use]
pub fn hostname() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
}
