//! The token of `pipe ui`: from a file that is its owner's alone, from the environment, or a new one.

use std::fs::File;
use std::io::{Read, Result as IoResult};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use server::Token;

use crate::environment;
use crate::error::{CliError, CliResult};

/// The variable that a token may stand in.
const VARIABLE: &str = "PIPE_UI_TOKEN";
/// Bytes that are read of a file with a token.
const LARGEST: u64 = 4096;

/// The token that people are let in by.
///
/// # Errors
/// When the file cannot be read or made, others may read it, or what it or the environment holds is no token.
pub fn token(file: Option<&Path>) -> CliResult<Token> {
    match (file, environment::inherited(VARIABLE)) {
        (Some(path), _) => of_file(path),
        (None, Some(text)) => chosen(&text.to_string_lossy(), &format!("the value of {VARIABLE}")),
        (None, None) => Ok(Token::random()),
    }
}

/// The token in a file, which is made where it is missing.
fn of_file(path: &Path) -> CliResult<Token> {
    let new = Token::random();
    // Another server may make it at the same time: then that one's counts.
    let is_there = path.try_exists().map_err(|fault| unreadable(path, &fault))?;
    if !is_there && disk::create_private(path, format!("{}\n", new.as_str()).as_bytes())? {
        return Ok(new);
    }
    let (mode, text) = read(path).map_err(|fault| unreadable(path, &fault))?;
    if mode & 0o077 != 0 {
        let fault = CliError::message(format!("others may read the token in {}", path.display()));
        return Err(fault.hint(format!("`chmod 600 {}` keeps it to you", path.display())));
    }
    chosen(text.trim(), &format!("what {} holds", path.display()))
}

/// The permissions of a file and its text: of one that is open, so that both are of the same.
#[allow(
    clippy::disallowed_methods,
    reason = "who names the file may name a pipe that a program writes it to"
)]
fn read(path: &Path) -> IoResult<(u32, String)> {
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok((mode, String::from_utf8_lossy(&bytes).into_owned()))
}

fn unreadable(path: &Path, fault: &std::io::Error) -> CliError {
    CliError::message(format!("failed to read the token in {}: {fault}", path.display()))
}

fn chosen(text: &str, what: &str) -> CliResult<Token> {
    Token::chosen(text).ok_or_else(|| {
        CliError::message(format!("{what} is no token"))
            .hint("a token has 16 characters at least, of letters, digits and `-._~`; a missing file is made with a new one")
    })
}
