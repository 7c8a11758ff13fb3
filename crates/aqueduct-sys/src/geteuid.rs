//! geteuid(2).

/// The user whose rights this process has, by number: whose the files are that it makes.
#[must_use]
pub fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}
