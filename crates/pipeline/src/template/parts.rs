//! The paths that expressions are made of, taken apart as DVC does. What their parts may be called is not known here.

use super::TemplateError;

/// The parts of a path: `a`, `b` and `-1` of `a.b[ -1 ]`. `None` when it is none.
pub(super) fn parts(path: &str) -> Option<Vec<&str>> {
    let end = |text: &str| text.find(['.', '[', ']']).unwrap_or(text.len());
    let (first, mut rest) = path.split_at(end(path));
    let mut parts = vec![first.trim()];
    while !rest.is_empty() {
        let is_place = rest.starts_with('[');
        let after = rest.strip_prefix(['.', '['])?;
        let (part, next) = after.split_at(end(after));
        rest = if is_place { next.strip_prefix(']')? } else { next };
        // What stands behind a bracket is the next part or nothing.
        if rest.starts_with(' ') && !rest.trim_start().starts_with(['.', '[']) {
            return None;
        }
        rest = rest.trim_start();
        parts.push(part.trim());
    }
    (!parts.contains(&"")).then_some(parts)
}

/// A place in a list of so many items, as Python reads and counts it: `+1`, `01`, `-1` from the end.
pub(super) fn position(text: &str, count: usize) -> Option<usize> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let place: usize = digits.parse().ok()?;
    match text.starts_with('-') && place > 0 {
        true => count.checked_sub(place),
        false => Some(place),
    }
}

/// As much of a text as a message shows.
pub(super) fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("")
}

/// Letters, digits, `_` and `-`, in parts; anything else is somebody else's syntax.
pub(super) fn check_path(path: &str) -> Result<(), TemplateError> {
    let is_good = |part: &&str| {
        let rest = part.strip_prefix('+').filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
        rest.unwrap_or(part).chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    };
    let good = path.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        && parts(path).is_some_and(|parts| parts.iter().all(is_good));
    if good {
        return Ok(());
    }
    Err(TemplateError::new(
        format!("`${{{}}}` is no path to a value", first_line(path)),
        Some("write `\\${` to leave an expression to the shell".to_owned()),
    ))
}
