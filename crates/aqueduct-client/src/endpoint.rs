//! Where a server is.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use http::Uri;
use http::uri::{InvalidUri, Scheme};

/// The address of a server, written `http://HOST:PORT`. Without a port it is 80, as everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A name or an address; of IPv6 without brackets.
    host: String,
    port: u16,
}

impl Endpoint {
    /// What the field Host says: the name as it was written, and the port unless it is the usual one (RFC 9110, 7.2).
    pub(crate) fn authority(&self) -> String {
        let host = &self.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        if self.port == HTTP_PORT { host } else { format!("{host}:{}", self.port) }
    }

    /// The addresses to try, in the order of the resolver.
    pub(crate) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok((self.host.as_str(), self.port).to_socket_addrs()?.collect())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority())
    }
}

impl FromStr for Endpoint {
    type Err = EndpointParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse()?;
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => {}
            Some(scheme) if *scheme == Scheme::HTTPS => return Err(EndpointParseError::Https),
            _ => return Err(EndpointParseError::NoScheme),
        }
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
            None => HTTP_PORT,
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

/// Why a text is not an [`Endpoint`].
#[derive(Debug, thiserror::Error)]
pub enum EndpointParseError {
    /// It is no URL at all.
    #[error("a server is written http://HOST:PORT")]
    NotAUrl(#[from] InvalidUri),
    /// It does not begin with `http://`.
    #[error("a server is written http://HOST:PORT, and this does not begin with http://")]
    NoScheme,
    /// It asks for TLS.
    #[error("https is not spoken yet; use http:// on a network you trust, or a proxy on this machine")]
    Https,
    /// It has a user's name or password in it.
    #[error("a token does not belong into the address, where others can read it; use a token file")]
    UserInfo,
    /// Something follows the port.
    #[error("a server is written http://HOST:PORT, and nothing comes after that")]
    Path,
    /// The port is not a number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

/// RFC 9110, section 4.2.1.
const HTTP_PORT: u16 = 80;

#[cfg(test)]
mod tests;
