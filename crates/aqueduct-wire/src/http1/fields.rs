//! The fields of a head.

use super::HeadError;

/// The fields of a head in the order in which they came: names as they were written, values without the white space
/// around them. They borrow the bytes that were parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields<'b> {
    list: Vec<httparse::Header<'b>>,
}

impl<'b> Fields<'b> {
    pub(super) fn new(list: &[httparse::Header<'b>]) -> Self {
        Self { list: list.to_vec() }
    }

    /// The value of the first field of this name, in whatever case it was written.
    pub fn first(&self, name: &str) -> Option<&'b [u8]> {
        self.all(name).next()
    }

    /// The values of all fields of this name. RFC 9110 section 5.3: for a field that is a list, they are parts of
    /// one list.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'b [u8]> + 'a {
        self.iter().filter(move |(written, _)| written.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of the one field of this name.
    ///
    /// # Errors
    ///
    /// [`HeadError::RepeatedField`] if there are several: RFC 9110 section 5.3 forbids that for what is no list.
    pub fn only(&self, name: &str) -> Result<Option<&'b [u8]>, HeadError> {
        let mut values = self.all(name);
        let value = values.next();
        if values.next().is_some() { Err(HeadError::RepeatedField) } else { Ok(value) }
    }

    /// All names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> {
        self.list.iter().map(|field| (field.name, field.value))
    }

    /// Whether a list of tokens, as that of `Connection`, holds this one in whatever case.
    pub(super) fn lists_token(&self, name: &str, token: &str) -> bool {
        self.all(name)
            .flat_map(|list| list.split(|&byte| byte == b','))
            .any(|member| member.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    }
}

#[cfg(test)]
mod tests;
