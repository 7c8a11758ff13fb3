//! Which way the bytes went.

use std::fmt;
use std::ops::AddAssign;

/// A way of moving bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Route {
    /// The files share blocks; nothing moved.
    Reflink,
    /// copy_file_range(2).
    CopyFileRange,
    /// sendfile(2).
    Sendfile,
    /// splice(2) by way of a pipe.
    Splice,
    /// Through a mapping of the file.
    Mmap,
    /// Read into a buffer and written from it.
    Copy,
}

impl Route {
    /// Every route, the one with the least work for the processor first.
    pub const ALL: [Self; 6] =
        [Self::Reflink, Self::CopyFileRange, Self::Sendfile, Self::Splice, Self::Mmap, Self::Copy];
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reflink => "reflink",
            Self::CopyFileRange => "copy_file_range",
            Self::Sendfile => "sendfile",
            Self::Splice => "splice",
            Self::Mmap => "mmap",
            Self::Copy => "copy",
        })
    }
}

/// How many bytes each route carried. Displays as `sendfile 1048576, copy 4096`, and as `nothing` before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// In the order of [`Route::ALL`].
    lens: [u64; Route::ALL.len()],
}

impl Carried {
    /// All of `len` bytes by one route.
    #[must_use]
    pub fn by_route(route: Route, len: u64) -> Self {
        let mut carried = Self::default();
        carried.add(route, len);
        carried
    }

    /// The number of bytes that went by `route`.
    #[must_use]
    pub fn by(&self, route: Route) -> u64 {
        self.lens[route as usize]
    }

    /// The number of bytes that went by any route.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.lens.iter().sum()
    }

    /// What was carried since it was `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self { lens: std::array::from_fn(|place| self.lens[place].saturating_sub(earlier.lens[place])) }
    }

    /// The route that carried the most bytes; `None` if nothing was carried.
    #[must_use]
    pub fn main_route(&self) -> Option<Route> {
        Route::ALL.into_iter().filter(|&route| self.by(route) > 0).max_by_key(|&route| self.by(route))
    }

    /// Counts bytes that took a route which is no mover's.
    pub fn add(&mut self, route: Route, len: u64) {
        self.lens[route as usize] += len;
    }
}

impl AddAssign for Carried {
    fn add_assign(&mut self, other: Self) {
        for (len, more) in self.lens.iter_mut().zip(other.lens) {
            *len += more;
        }
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for route in Route::ALL.into_iter().filter(|&route| self.by(route) > 0) {
            write!(f, "{separator}{route} {}", self.by(route))?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("nothing") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
