//! Who may come in: checks of a head that come before anything it asks for.
//!
//! The `Host` of a request must be one that this server answers to, and its `Origin`, if any, its own: a page in the user's
//! browser can reach a server on loopback, under a name of its own that resolves to it (DNS rebinding) or across origins,
//! and neither may read or delete blobs.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, PoisonError, RwLock};

use aqueduct_wire::http1::{Credentials, RequestHead};

use crate::door::Refusal;
use crate::tokens::{Right, Tokens};

/// The rules for coming in.
#[derive(Debug)]
pub(crate) struct Admission {
    /// In lower case.
    names: HashSet<String>,
    tokens: RwLock<Option<Arc<Tokens>>>,
}

impl Admission {
    /// `names` are those that `Host` may have besides IP addresses and `localhost`.
    pub(crate) fn new(names: impl IntoIterator<Item = String>, tokens: Option<Tokens>) -> Self {
        let names = names.into_iter().map(|name| name.to_ascii_lowercase());
        Self {
            names: names.chain(["localhost".to_owned()]).collect(),
            tokens: RwLock::new(tokens.map(Arc::new)),
        }
    }

    /// Takes other tokens from now on.
    pub(crate) fn set_tokens(&self, tokens: Tokens) {
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(tokens));
    }

    /// Whether a request may be heard at all, whatever it asks for.
    pub(crate) fn hear(&self, head: &RequestHead<'_>) -> Result<(), Refusal> {
        if let Some(host) = head.host
            && !self.is_ours(host)
        {
            return Err(Refusal::ForeignHost { host: host.to_owned() });
        }
        let Some(origin) = head.fields.first("origin") else { return Ok(()) };
        // Of two there is no telling which one the browser meant.
        let is_only = head.fields.only("origin").is_ok();
        if is_only && head.host.is_some_and(|host| is_origin_of(origin, host)) {
            return Ok(());
        }
        Err(Refusal::ForeignOrigin { origin: String::from_utf8_lossy(origin).into_owned() })
    }

    /// Whether a request brings what it takes to do what needs `right`.
    pub(crate) fn admit(&self, head: &RequestHead<'_>, right: Right) -> Result<(), Refusal> {
        // Two are as good as none.
        let field = head.fields.only("authorization").ok().flatten();
        self.admit_with(field.and_then(Credentials::parse).as_ref(), right)
    }

    /// Whether these credentials are what it takes to do what needs `right`.
    pub(crate) fn admit_with(&self, credentials: Option<&Credentials>, right: Right) -> Result<(), Refusal> {
        let Some(tokens) = self.tokens() else { return Ok(()) };
        match credentials.and_then(|credentials| tokens.right(credentials)) {
            None => Err(Refusal::NeedsToken { right }),
            Some(granted) if granted < right => Err(Refusal::NeedsWriteToken),
            Some(_) => Ok(()),
        }
    }

    fn tokens(&self) -> Option<Arc<Tokens>> {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Names can be made to resolve here by anybody; addresses cannot.
    fn is_ours(&self, host: &str) -> bool {
        let name = without_port(host);
        if let Some(address) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            return address.parse::<Ipv6Addr>().is_ok();
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        name.parse::<IpAddr>().is_ok() || self.names.contains(&name.to_ascii_lowercase())
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a browser that shows a page of `host` sends this `Origin` (RFC 6454 section 6.2). TLS may end before us.
fn is_origin_of(origin: &[u8], host: &str) -> bool {
    let of_scheme = |scheme: &[u8]| origin.strip_prefix(scheme);
    of_scheme(b"http://")
        .or_else(|| of_scheme(b"https://"))
        .is_some_and(|authority| authority.eq_ignore_ascii_case(host.as_bytes()))
}
