//! uname(2), for the kernel.

/// The release of the running kernel, such as `6.18.0`, as far as it is UTF-8. See uname(2).
#[must_use]
pub fn kernel_release() -> Option<String> {
    rustix::system::uname().release().to_str().ok().map(str::to_owned)
}
