//! Who may come in: checks of a head that come before anything it asks for.
//!
//! The `Host` of a request must be one that this server answers to, and its `Origin`, if any, its own: a page in the user's
//! browser can reach a server on loopback, under a name of its own that resolves to it (DNS rebinding) or across origins,
//! and neither may read or delete blobs.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aqueduct_wire::http1::{Credentials, RequestHead};
use arc_swap::{ArcSwap, ArcSwapOption};

use crate::door::Refusal;
use crate::tokens::{Right, Tokens};

/// The rules for coming in. Every request asks for them, on every core, so none takes a lock for it.
#[derive(Debug)]
pub(crate) struct Admission {
    /// In lower case, and without `localhost`.
    names: ArcSwap<HashSet<String>>,
    tokens: ArcSwapOption<Tokens>,
    /// Whether there are any: where there are none, a request asks for nothing else.
    has_tokens: AtomicBool,
}

impl Admission {
    /// `names` are those that `Host` may have besides IP addresses and `localhost`.
    pub(crate) fn new(names: impl IntoIterator<Item = String>, tokens: Option<Tokens>) -> Self {
        let admission = Self {
            names: ArcSwap::default(),
            tokens: ArcSwapOption::empty(),
            has_tokens: AtomicBool::default(),
        };
        admission.set(names, tokens);
        admission
    }

    /// Goes by other names and tokens from now on.
    pub(crate) fn set(&self, names: impl IntoIterator<Item = String>, tokens: Option<Tokens>) {
        let names = names.into_iter().map(|name| name.to_ascii_lowercase());
        self.names.store(Arc::new(names.collect()));
        let has_tokens = tokens.is_some();
        self.tokens.store(tokens.map(Arc::new));
        self.has_tokens.store(has_tokens, Ordering::Release);
    }

    /// Whether it takes a token to come in.
    pub(crate) fn needs_token(&self) -> bool {
        self.has_tokens.load(Ordering::Acquire)
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
        if !self.needs_token() {
            return Ok(());
        }
        let tokens = self.tokens.load();
        let Some(tokens) = tokens.as_deref() else { return Ok(()) };
        match credentials.and_then(|credentials| tokens.right(credentials)) {
            None => Err(Refusal::NeedsToken { right }),
            Some(granted) if granted < right => Err(Refusal::NeedsWriteToken),
            Some(_) => Ok(()),
        }
    }

    /// Names can be made to resolve here by anybody; addresses cannot.
    fn is_ours(&self, host: &str) -> bool {
        let name = without_port(host);
        if let Some(address) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            return address.parse::<Ipv6Addr>().is_ok();
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        name.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self.names.load().contains(&name.to_ascii_lowercase())
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
