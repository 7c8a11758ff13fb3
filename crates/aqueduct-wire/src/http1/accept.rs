//! What kind of answer is liked (RFC 9110 section 12.5).

/// Whether an `Accept` field, of which `None` is that there is none, likes HTML at least as well as plain text.
///
/// HTML has to be named, as browsers do: programs that take anything, `*/*`, are better served with text.
pub fn prefers_html(accept: Option<&[u8]>) -> bool {
    let accept = accept.unwrap_or_default();
    let html = quality(accept, "text/html").unwrap_or(0.0);
    html > 0.0 && html >= quality(accept, "text/plain").unwrap_or(0.0)
}

/// Whether an `Accept-Encoding` field, of which `None` is that there is none, names `coding`, and likes it no less than what is
/// not coded (section 12.5.3). It has to be named: programs that send `*` have not thought of any.
pub fn accepts_coding(accept_encoding: Option<&[u8]>, coding: &str) -> bool {
    let accept = accept_encoding.unwrap_or_default();
    let weight = quality(accept, coding).unwrap_or(0.0);
    weight > 0.0 && weight >= quality(accept, "identity").unwrap_or(0.0)
}

/// The weight of a media type or coding that is named, from 0 to 1. One that cannot be read counts as the lowest.
fn quality(accept: &[u8], name: &str) -> Option<f32> {
    let members = accept.split(|&byte| byte == b',').filter_map(|member| str::from_utf8(member).ok());
    let mut named = members.filter_map(|member| {
        let mut parts = member.split(';').map(str::trim);
        parts.next()?.eq_ignore_ascii_case(name).then_some(parts)
    });
    let mut parameters = named.next()?;
    let weight = parameters.find_map(|it| it.strip_prefix("q=").or_else(|| it.strip_prefix("Q=")));
    Some(weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests;
