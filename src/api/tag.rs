//! Entity tags: which version of a thing was shown, and which one a change is meant for
//! (RFC 9110, sections 8.8.3 and 13.1.1).

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponseParts, ResponseParts},
};

use super::problem::{ApiResult, Code, Problem};
use crate::store::change::IfMatch;

/// The strong tag of a thing of this version; beside a document it is the header `ETag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(pub u64);

impl From<Tag> for HeaderValue {
    fn from(Tag(version): Tag) -> Self {
        // Digits in quotes are always a value.
        Self::try_from(format!("\"{version}\"")).unwrap_or(Self::from_static("\"\""))
    }
}

impl IntoResponseParts for Tag {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        parts.headers_mut().insert(header::ETAG, self.into());
        Ok(parts)
    }
}

/// Reads `If-Match`: `*`, or a list of tags. Weak tags and tags of others match nothing.
///
/// # Errors
/// If it is neither.
pub fn if_match(headers: &HeaderMap) -> ApiResult<IfMatch> {
    let lines: Vec<_> = headers.get_all(header::IF_MATCH).iter().collect();
    if lines.is_empty() {
        return Ok(IfMatch::Any);
    }
    let refused = || {
        let detail =
            "If-Match: give the ETag of what was read, such as \"3\", a list of these, or *";
        Problem::new(Code::BadParameter, detail)
    };
    let lines: Result<Vec<_>, _> = lines.iter().map(|line| line.to_str()).collect();
    let list = lines.map_err(|_| refused())?.join(",");
    // A thing that is not there is refused as such.
    if list.trim() == "*" {
        return Ok(IfMatch::Any);
    }
    tags(&list).map(IfMatch::OneOf).ok_or_else(refused)
}

/// The versions that stand in a list of tags; none if it is no such list.
fn tags(mut list: &str) -> Option<Vec<u64>> {
    let (mut versions, mut found) = (Vec::new(), false);
    loop {
        list = list.trim_start_matches([' ', '\t', ',']);
        if list.is_empty() {
            return found.then_some(versions);
        }
        let strong = list.strip_prefix("W/");
        let (tag, rest) = strong.unwrap_or(list).strip_prefix('"')?.split_once('"')?;
        // What another would write in the same place, like "03", is another tag.
        let version = tag
            .parse()
            .ok()
            .filter(|version: &u64| version.to_string() == tag);
        versions.extend(version.filter(|_| strong.is_none()));
        found = true;
        list = rest.trim_start_matches([' ', '\t']);
        if !list.is_empty() && !list.starts_with(',') {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Option<IfMatch> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, line.parse().expect("a value"));
        }
        if_match(&headers).ok()
    }

    #[test]
    fn a_condition_is_a_star_or_a_list_of_tags() {
        let one_of = |versions: &[u64]| Some(IfMatch::OneOf(versions.to_vec()));
        for (lines, expected) in [
            (&[][..], Some(IfMatch::Any)),
            (&["*"], Some(IfMatch::Any)),
            (&["\"3\""], one_of(&[3])),
            (&["\"3\", \"4\"", "\"5\""], one_of(&[3, 4, 5])),
            (&[",\"3\" ,, \"4\","], one_of(&[3, 4])),
            (&["W/\"3\""], one_of(&[])),
            (&["\"03\", \"a,b\", \"\""], one_of(&[])),
            (&["3"], None),
            (&[""], None),
            (&["\"3"], None),
            (&["\"3\" \"4\""], None),
            (&["*, \"3\""], None),
        ] {
            assert_eq!(read(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_tag_is_read_as_it_is_written() {
        let value = HeaderValue::from(Tag(u64::MAX));
        assert_eq!(
            read(&[value.to_str().expect("a text")]),
            Some(IfMatch::OneOf(vec![u64::MAX]))
        );
    }
}
