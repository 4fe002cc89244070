//! Lists that may be too long to be whole in memory: read, written and sent part by part.

use std::collections::VecDeque;
use std::io;

use serde::Serialize;
use track::StoreError;

use super::{Json, Page};
use crate::error::Fault;
use crate::stream::Pieces;

/// What comes next of a list.
pub enum Part {
    /// Some of its items, as [`items`] writes them.
    Items(Vec<u8>),
    /// Its end, with the token of the next page.
    End(Option<String>),
}

/// At least one item as a list without its end.
pub fn items<T: Serialize>(items: &[T]) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(items).expect("maps have text keys");
    bytes.pop();
    bytes
}

/// A list under its name, which [`Page`] writes the same way. What has one part is whole; of a longer one, faults after
/// its second part break the answer off.
pub fn list(
    name: &'static str,
    mut next: impl FnMut() -> Result<Part, StoreError> + Send + 'static,
) -> Result<Json, Fault> {
    let first = match next()? {
        Part::End(token) => return Ok(Json::of(&Page::<()>(name, Vec::new(), token))),
        items => items,
    };
    let second = next()?;
    let is_whole = matches!(second, Part::End(_));
    let mut ready = VecDeque::from([first, second]);
    let (mut is_begun, mut is_ended) = (false, false);
    let mut pieces: Pieces = Box::new(move || {
        if is_ended {
            return Ok(None);
        }
        let part = ready.pop_front().map_or_else(&mut next, Ok).map_err(io::Error::other)?;
        Ok(Some(match part {
            Part::Items(mut items) if is_begun => {
                items[0] = b',';
                items
            }
            Part::Items(items) => {
                is_begun = true;
                [format!("{{\"{name}\":").as_bytes(), &items].concat()
            }
            Part::End(token) => {
                is_ended = true;
                let token =
                    token.map(|token| format!(",\"next_page_token\":{}", serde_json::Value::from(token)));
                format!("]{}}}", token.unwrap_or_default()).into_bytes()
            }
        }))
    });
    if !is_whole {
        return Ok(Json::Long(pieces));
    }
    let mut bytes = Vec::new();
    while let Some(piece) = pieces().map_err(|fault| Fault::internal(&fault))? {
        bytes.extend(piece);
    }
    Ok(Json::Whole(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(parts: Vec<Part>) -> (bool, String) {
        let mut parts = parts.into_iter();
        let next = move || Ok(parts.next().expect("nobody asks after the end"));
        match list("numbers", next).expect("no fault") {
            Json::Whole(bytes) => (true, String::from_utf8(bytes).unwrap()),
            Json::Long(mut pieces) => {
                let mut bytes = Vec::new();
                while let Some(piece) = pieces().unwrap() {
                    bytes.extend(piece);
                }
                assert!(pieces().unwrap().is_none());
                (false, String::from_utf8(bytes).unwrap())
            }
        }
    }

    #[test]
    fn a_list_is_one_text_in_however_many_parts() {
        let some = || Part::Items(items(&[1, 2]));
        let token = || Part::End(Some("a\"b".to_owned()));
        assert_eq!(text(vec![Part::End(None)]), (true, "{}".to_owned()));
        assert_eq!(text(vec![token()]), (true, r#"{"next_page_token":"a\"b"}"#.to_owned()));
        assert_eq!(text(vec![some(), Part::End(None)]), (true, r#"{"numbers":[1,2]}"#.to_owned()));
        let three = vec![some(), some(), some(), token()];
        let expected = r#"{"numbers":[1,2,1,2,1,2],"next_page_token":"a\"b"}"#;
        assert_eq!(text(three), (false, expected.to_owned()));
    }
}
