//! Under which name an answer is to be saved (RFC 6266).

use super::target::encode_name;

/// What `Content-Disposition` says so that a browser, or `curl -J`, saves what it gets under `name`.
///
/// It says so twice: in ASCII for those that know nothing else, with `_` for what that has not, and in UTF-8 (RFC 8187), with
/// U+FFFD for what is none.
pub fn attachment(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let is_plain = |c: &char| c.is_ascii_graphic() && !"\"\\%/".contains(*c) || *c == ' ';
    let plain: String = text.chars().map(|c| if is_plain(&c) { c } else { '_' }).collect();
    if plain == text {
        return format!("attachment; filename=\"{plain}\"");
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", encode_name(text.as_bytes()))
}

#[cfg(test)]
mod tests;
