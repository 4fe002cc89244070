//! Page tokens: where the next page begins. Clients hand them back unread, so their form is ours to change.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::call::{Call, unfit};
use crate::error::Fault;

/// How long a page is to be: `usual`, where it is not said.
///
/// # Errors
/// When it is longer than `most`, or nothing would be on it.
pub fn limit(call: &Call, usual: i64, most: i64) -> Result<usize, Fault> {
    let limit = call.int("max_results")?.unwrap_or(usual);
    if limit > most {
        return Err(unfit("max_results", &call.fields["max_results"]));
    }
    usize::try_from(limit).ok().filter(|limit| *limit > 0).ok_or_else(|| {
        let what = "for parameter 'max_results' supplied. It must be a positive integer";
        Fault::invalid(format!("Invalid value {limit} {what}"))
    })
}

/// The token of the page that begins at this place.
pub fn write(offset: usize) -> String {
    STANDARD.encode(format!("{{\"offset\": {offset}}}"))
}

/// The place that a token names; the start without one.
pub fn read(token: Option<&str>) -> Result<usize, Fault> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(0) };
    let bytes =
        STANDARD.decode(token).map_err(|_| Fault::invalid("Invalid page token, could not base64-decode"))?;
    let offset =
        serde_json::from_slice::<serde_json::Value>(&bytes).ok().and_then(|value| value["offset"].as_u64());
    let offset = offset.and_then(|offset| usize::try_from(offset).ok());
    // No list is that long, and no sum with a page's length overflows.
    offset.filter(|offset| *offset < usize::MAX / 2).ok_or_else(|| {
        Fault::invalid(format!("Invalid page token, decoded value={}", String::from_utf8_lossy(&bytes)))
    })
}

/// The token of the page that begins after something that this text names.
pub fn write_text(text: &str) -> String {
    STANDARD.encode(text)
}

/// The text in such a token.
pub fn read_text(token: &str) -> Result<String, Fault> {
    let bytes = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    bytes.ok_or_else(|| Fault::invalid("Invalid page token, could not base64-decode"))
}

/// One page of `found`, which begins at `offset` and holds one more than fits when there are more; and the token of
/// the next one.
pub fn page<T>(mut found: Vec<T>, offset: usize, limit: usize) -> (Vec<T>, Option<String>) {
    let more = found.len() > limit;
    found.truncate(limit);
    (found, more.then(|| write(offset + limit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back_and_nothing_else_does() {
        assert_eq!(read(Some(&write(7))), Ok(7));
        assert_eq!(read(None), Ok(0));
        for bad in [
            "%",
            "e30=",
            "bnVsbA==",
            &STANDARD.encode(r#"{"offset": -1}"#),
            &STANDARD.encode(r#"{"offset": 1e30}"#),
        ] {
            assert!(read(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_comes_only_with_more() {
        assert_eq!(page(vec![1, 2], 0, 2), (vec![1, 2], None));
        assert_eq!(page(vec![1, 2, 3], 4, 2), (vec![1, 2], Some(write(6))));
    }
}
