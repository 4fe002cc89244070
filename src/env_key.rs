//! The key under which the values of declared variables are digested.
//!
//! A text gives it: that of the variable `PIPE_ENV_KEY`, else of the user's file `env-key`, else of the project's, which
//! is made when it is first needed. A file holds 64 hexadecimal digits, so that one which is cut or edited is noticed;
//! the variable holds anything, the content of such a file among it.

use std::io;
use std::path::Path;

use pipeline::EnvKey;
use rand::RngExt as _;

use crate::environment;
use crate::error::{CliError, CliResult};
use crate::project::Project;

/// The name of a key file.
pub const FILE: &str = "env-key";

/// The key of a project; a new one is made where there is none.
///
/// # Errors
/// When a key file is there and holds no key, or cannot be read or made.
pub fn env_key(project: &Project) -> CliResult<EnvKey> {
    if let Some(text) = environment::env_key() {
        return Ok(EnvKey::of(text.as_encoded_bytes().trim_ascii()));
    }
    if let Some(folder) = environment::config_folder()
        && let Some(key) = read(&folder.join(FILE))?
    {
        return Ok(key);
    }
    let path = project.pipe_path(FILE);
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    let bytes: [u8; 32] = rand::make_rng::<rand::rngs::StdRng>().random();
    let text = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let made = project.ignore_in_pipe_folder(FILE);
    match made.and_then(|()| disk::create_private(&path, format!("{text}\n").as_bytes())) {
        // Another process may have been faster.
        Ok(_) => Ok(read(&path)?.unwrap_or_else(|| EnvKey::of(text.as_bytes()))),
        // Where nothing can be written nothing is recorded: what was recorded under a key that is not here has changed.
        Err(fault) if is_read_only(fault.source.kind()) => Ok(EnvKey::of(text.as_bytes())),
        Err(fault) => Err(fault.into()),
    }
}

fn is_read_only(fault: io::ErrorKind) -> bool {
    matches!(fault, io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

fn read(path: &Path) -> CliResult<Option<EnvKey>> {
    let hint = "restore the file, or remove it: then stages with declared variables count as changed once";
    let bytes = disk::read_optional(path).map_err(|fault| CliError::from(fault).hint(hint))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let text = bytes.trim_ascii();
    if text.len() != 64 || !text.iter().all(u8::is_ascii_hexdigit) {
        let message = format!("{} holds no key: 64 hexadecimal digits are expected", base::shown(path));
        return Err(CliError::message(message).hint(hint));
    }
    Ok(Some(EnvKey::of(text)))
}
