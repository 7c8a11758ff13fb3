//! Addresses of files on HTTP servers.

use std::fmt;
use std::str::FromStr;

use aqueduct_wire::http1::decode_name;
use http::Uri;

use crate::{Error, ErrorKind};

/// `http://HOST[:PORT]/PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// A name or an address; of IPv6 without brackets.
    host: String,
    port: u16,
    /// A path, with or without a query.
    target: String,
}

impl Url {
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// What the field Host says (RFC 9110 section 7.2).
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == PORT { host } else { format!("{host}:{}", self.port) }
    }

    fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// The last name of its path, under which it may be saved; `None` where that ends in a slash, or is no name of a file.
    pub(crate) fn name(&self) -> Option<Vec<u8>> {
        let name = decode_name(self.path().rsplit('/').next()?)?;
        (name.len() <= NAME_LEN_MAX).then_some(name)
    }

    /// Where `reference`, found there, leads (RFC 3986 section 5, without the dots, which servers understand).
    pub(super) fn join(&self, reference: &str) -> Result<Self, Error> {
        let here = format!("http://{}", self.authority());
        let before = self.path().rsplit_once('/').map_or("", |(before, _)| before);
        let has_scheme = reference.split_once(':').is_some_and(|(scheme, _)| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        });
        match reference.as_bytes() {
            _ if has_scheme => reference.to_owned(),
            [b'/', b'/', ..] => format!("http:{reference}"),
            [b'/', ..] => format!("{here}{reference}"),
            [b'?', ..] => format!("{here}{}{reference}", self.path()),
            _ => format!("{here}{before}/{reference}"),
        }
        .parse()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.target)
    }
}

impl FromStr for Url {
    type Err = Error;

    /// Reads an address as somebody types it: what is no ASCII, or cannot be seen, is encoded.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`] for one that is none, or begins otherwise than with `http://`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let usage = |what: &str| Error::new(ErrorKind::Usage, format!("{}: {what}", text.escape_debug()));
        if text.len() > URL_LEN_MAX {
            return Err(Error::new(ErrorKind::Usage, "the address is too long"));
        }
        let text_without_fragment = text.split_once('#').map_or(text, |(before, _)| before);
        let mut encoded = String::new();
        for byte in text_without_fragment.bytes() {
            if byte.is_ascii_graphic() {
                encoded.push(char::from(byte));
            } else {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
        let uri: Uri = encoded.parse().map_err(|_| usage("this is no address: write http://HOST/PATH"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(usage(
                    "https is not spoken here: fetch it with curl, as in `curl URL | aqueduct send -`",
                ));
            }
            _ => return Err(usage("write http://HOST/PATH")),
        }
        let authority = uri.authority().ok_or_else(|| usage("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(usage("a name and password cannot be sent"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = match (authority.port_u16(), authority.as_str().len() > authority.host().len()) {
            (Some(0), _) | (None, true) => return Err(usage("its port is none")),
            (port, _) => port.unwrap_or(PORT),
        };
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        if host.is_empty() {
            return Err(usage("it names no host"));
        }
        Ok(Self { host: host.to_owned(), port, target })
    }
}

const PORT: u16 = 80;

/// NAME_MAX of limits.h.
const NAME_LEN_MAX: usize = 255;

/// It has to fit a head.
const URL_LEN_MAX: usize = 8000;
