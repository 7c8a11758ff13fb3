//! Where a server is.

use std::fmt;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use http::Uri;
use http::uri::{InvalidUri, Scheme};

/// The address of a server and how to speak to it, written `aqueduct://HOST:PORT` for the native protocol, whose port is
/// 7070 unless another is named, or `http://HOST:PORT`, whose port is 80, as everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    dialect: Dialect,
    /// A name or an address; of IPv6 without brackets.
    host: String,
    port: u16,
}

/// How a client speaks to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The native protocol: `aqueduct://`.
    Native,
    /// HTTP/1.1: `http://`.
    Http,
}

impl Endpoint {
    /// How the server is spoken to.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The same server, spoken to over HTTP, which every server has on the same port.
    #[must_use]
    pub fn over_http(&self) -> Self {
        Self { dialect: Dialect::Http, ..self.clone() }
    }

    /// What the field Host says: the name as it was written, and the port unless it is the usual one (RFC 9110, 7.2).
    pub(crate) fn authority(&self) -> String {
        let host = self.bracketed();
        if self.port == HTTP_PORT { host } else { format!("{host}:{}", self.port) }
    }

    fn bracketed(&self) -> String {
        let host = &self.host;
        if host.contains(':') { format!("[{host}]") } else { host.clone() }
    }

    /// Connects to the first of the addresses, in the order of the resolver, that answers in time.
    pub(crate) fn connect(&self, timeout: Duration) -> io::Result<TcpStream> {
        let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dialect {
            // Few know that port by heart.
            Dialect::Native => write!(f, "aqueduct://{}:{}", self.bracketed(), self.port),
            Dialect::Http => write!(f, "http://{}", self.authority()),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse()?;
        let dialect = match uri.scheme() {
            Some(scheme) if scheme.as_str().eq_ignore_ascii_case(NATIVE_SCHEME) => Dialect::Native,
            Some(scheme) if *scheme == Scheme::HTTP => Dialect::Http,
            Some(scheme) if *scheme == Scheme::HTTPS => return Err(EndpointParseError::Https),
            _ => return Err(EndpointParseError::NoScheme),
        };
        let authority = uri.authority().ok_or(EndpointParseError::NoScheme)?;
        if authority.as_str().contains('@') {
            return Err(EndpointParseError::UserInfo);
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(EndpointParseError::Path);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match authority.port_u16() {
            Some(0) => return Err(EndpointParseError::Port),
            Some(port) => port,
            None if has_port => return Err(EndpointParseError::Port),
            None => dialect.usual_port(),
        };
        Ok(Self { dialect, host: host.to_owned(), port })
    }
}

/// Why a text is not an [`Endpoint`].
#[derive(Debug, thiserror::Error)]
pub enum EndpointParseError {
    /// It is no URL at all.
    #[error("a server is written aqueduct://HOST:PORT or http://HOST:PORT")]
    NotAUrl(#[from] InvalidUri),
    /// It begins neither with `aqueduct://` nor with `http://`.
    #[error("a server is written aqueduct://HOST:PORT or http://HOST:PORT, and this begins otherwise")]
    NoScheme,
    /// It asks for TLS.
    #[error(
        "https is not spoken yet; use aqueduct:// or http:// on a network you trust, or a proxy on this machine"
    )]
    Https,
    /// It has a user's name or password in it.
    #[error("a token does not belong into the address, where others can read it; use a token file")]
    UserInfo,
    /// Something follows the port.
    #[error("a server is written aqueduct://HOST:PORT or http://HOST:PORT, and nothing comes after that")]
    Path,
    /// The port is not a number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

impl Dialect {
    fn usual_port(self) -> u16 {
        match self {
            Self::Native => NATIVE_PORT,
            Self::Http => HTTP_PORT,
        }
    }
}

const NATIVE_SCHEME: &str = "aqueduct";

/// Where a server listens unless it is told otherwise.
const NATIVE_PORT: u16 = 7070;

/// RFC 9110, section 4.2.1.
const HTTP_PORT: u16 = 80;

#[cfg(test)]
mod tests;
