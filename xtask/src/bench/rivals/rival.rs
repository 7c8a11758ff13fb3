//! Who ours is measured beside.

use super::layout::Layout;
use crate::tools;
use crate::tools::servers::Origin;

/// A server of others, or the bare loop: how to get it, and how to start it over a directory of files.
pub(super) struct Rival {
    pub(super) name: &'static str,
    /// What it is, where the name does not say that.
    pub(super) about: &'static str,
    pub(super) program: Program,
    /// With places to be filled in; empty if arguments are all it takes.
    pub(super) config: &'static str,
    /// `CONFIG` is where the configuration is; the others are the places of a configuration.
    pub(super) arguments: &'static [&'static str],
    /// What stands for the places that only its configuration has.
    pub(super) own: &'static [(&'static str, &'static str)],
    pub(super) layout: Layout,
}

#[derive(Clone, Copy)]
pub(super) enum Program {
    /// `aqueduct-bench`.
    Bench,
    Other {
        name: &'static str,
        origin: Origin,
        /// How it is asked for its version.
        version: &'static str,
        /// Whether nothing is claimed when it is missing.
        is_needed: bool,
    },
}

impl Rival {
    /// Whether nothing is claimed without it.
    pub(super) fn is_needed(&self) -> bool {
        matches!(self.program, Program::Bench | Program::Other { is_needed: true, .. })
    }
}

/// Each is named here and nowhere else; a row says whom it is about.
pub(super) const ALL: &[&Rival] =
    &[&BARE, &NGINX, &NGINX_THREADS, &NGINX_RANGES, &LIGHTTPD, &APACHE, &CADDY, &DUFS, &MINISERVE, &REGISTRY];

/// The file servers, in the order of the tables. The first two are those that the goals are about.
pub(super) const FILE_SERVERS: &[&Rival] = &[&NGINX, &LIGHTTPD, &APACHE, &CADDY, &DUFS, &MINISERVE];

pub(super) static BARE: Rival = Rival {
    name: "bare loop",
    about: "one thread of `aqueduct-bench serve`: sendfile(2) and splice(2) on sockets that do not block, and nothing else",
    program: Program::Bench,
    config: "",
    arguments: &["serve", "--listen", "@ADDRESS@", "--root", "@ROOT@"],
    own: &[],
    layout: Layout::Files,
};

pub(super) static NGINX: Rival = Rival {
    name: "nginx",
    about: "",
    program: Program::Other { name: "nginx", origin: tools::NGINX, version: "-v", is_needed: true },
    config: include_str!("../../../rivals/nginx.conf"),
    arguments: &["-p", "@DIR@", "-e", "@DIR@/error.log", "-c", "CONFIG"],
    own: &[("@AIO@", "off"), ("@NOPUSH@", "on")],
    layout: Layout::Files,
};

pub(super) static NGINX_THREADS: Rival = Rival {
    name: "nginx, aio threads",
    about: "the same with `aio threads`",
    own: &[("@AIO@", "threads"), ("@NOPUSH@", "on")],
    ..NGINX
};

/// For pieces of blobs. With `tcp_nopush on`, what is a little longer than a segment of loopback (64 KiB) ends with a piece
/// that waits 40 ms until the client has acknowledged the rest.
pub(super) static NGINX_RANGES: Rival = Rival {
    name: "nginx",
    about: "in `ranges` with `tcp_nopush off`",
    own: &[("@AIO@", "off"), ("@NOPUSH@", "off")],
    ..NGINX
};

pub(super) static LIGHTTPD: Rival = Rival {
    name: "lighttpd",
    about: "",
    program: Program::Other {
        name: "lighttpd",
        origin: Origin::Debian(&["lighttpd", "libpcre2-8-0", "libnettle8", "libxxhash0"]),
        version: "-v",
        is_needed: true,
    },
    config: include_str!("../../../rivals/lighttpd.conf"),
    arguments: &["-D", "-f", "CONFIG", "-m", "@MODULES@"],
    own: &[],
    layout: Layout::Files,
};

pub(super) static APACHE: Rival = Rival {
    name: "apache",
    about: "its event MPM",
    program: Program::Other {
        name: "apache2",
        origin: Origin::Debian(&["apache2-bin", "libapr1", "libaprutil1", "libpcre2-8-0"]),
        version: "-v",
        is_needed: false,
    },
    config: include_str!("../../../rivals/apache2.conf"),
    arguments: &["-D", "FOREGROUND", "-f", "CONFIG"],
    own: &[],
    layout: Layout::Files,
};

pub(super) static CADDY: Rival = Rival {
    name: "caddy",
    about: "",
    program: Program::Other {
        name: "caddy",
        origin: Origin::Debian(&["caddy"]),
        version: "version",
        is_needed: false,
    },
    config: include_str!("../../../rivals/Caddyfile"),
    arguments: &["run", "--adapter", "caddyfile", "--config", "CONFIG"],
    own: &[],
    layout: Layout::Files,
};

/// Nothing that it can be told makes it faster; it writes no log of requests with this format.
pub(super) static DUFS: Rival = Rival {
    name: "dufs",
    about: "",
    program: Program::Other {
        name: "dufs",
        origin: Origin::Crate("0.47.0"),
        version: "--version",
        is_needed: false,
    },
    config: "",
    arguments: &["--bind", "127.0.0.1", "--port", "@PORT@", "--log-format", "", "@ROOT@"],
    own: &[],
    layout: Layout::Files,
};

/// It writes no log unless it is asked to.
pub(super) static MINISERVE: Rival = Rival {
    name: "miniserve",
    about: "",
    program: Program::Other {
        name: "miniserve",
        origin: Origin::Crate("0.35.0"),
        version: "--version",
        is_needed: false,
    },
    config: "",
    arguments: &["--interfaces", "127.0.0.1", "--port", "@PORT@", "@ROOT@"],
    own: &[],
    layout: Layout::Files,
};

pub(super) static REGISTRY: Rival = Rival {
    name: "docker-registry",
    about: "which verifies what it is given, too",
    program: Program::Other {
        name: "docker-registry",
        origin: Origin::Debian(&["docker-registry"]),
        version: "--version",
        is_needed: true,
    },
    config: include_str!("../../../rivals/docker-registry.yml"),
    arguments: &["serve", "CONFIG"],
    own: &[],
    layout: Layout::Registry,
};
