use std::net::Ipv6Addr;

use aqueduct_transfer::{Peer, Ticket};

/// Whom `text` names; `None` where it names nobody, and may be a file.
///
/// # Errors
/// What is wrong with a name that is clearly meant to be one.
pub(crate) fn peer(text: &str) -> Option<Result<Peer, String>> {
    if text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aq1-")) {
        return Some(text.parse::<Ticket>().map(Peer::Ticket).map_err(|error| error.to_string()));
    }
    let (scheme, rest) = text.split_once("://")?;
    Some(match scheme {
        "raw" => raw(rest),
        "http" => Ok(Peer::Http(text.to_owned())),
        "https" => Err("there is no TLS yet: http:// alone is spoken".to_owned()),
        "tcp" | "aqueduct" => {
            Err("whoever listens prints a ticket, aq1-...: that is what to name".to_owned())
        }
        _ => return None,
    })
}

fn raw(text: &str) -> Result<Peer, String> {
    let wrong = || "it is raw://HOST:PORT".to_owned();
    let (host, port) = text.trim_end_matches('/').rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
    let host = match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']').filter(|host| host.parse::<Ipv6Addr>().is_ok()),
        None => Some(host).filter(|host| !host.is_empty() && !host.contains([':', '/', '@'])),
    };
    Ok(Peer::Raw { host: host.ok_or_else(wrong)?.to_owned(), port })
}

#[cfg(test)]
mod tests;
