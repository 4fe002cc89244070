//! Files and folders that people log: into the cache piece by piece, equal ones once, and named as artifacts.

use std::io::Read;
use std::path::{Path, PathBuf};

use cache::Blobs;
use disk::DiskError;
use track::Artifact;

use crate::error::{CliError, CliResult};

/// So many bytes are read at once.
const PIECE: usize = 1 << 20;

/// Stores a file, or all files in a folder, and names them below `name`; an empty name is the root.
///
/// # Errors
/// When something cannot be read, has a name that is no text, or is no file, and when the cache refuses.
pub fn store(blobs: &Blobs, path: &Path, name: &str) -> CliResult<Vec<Artifact>> {
    let mut stored = Vec::new();
    let mut above = Vec::new();
    walk(blobs, path, name, &mut above, &mut stored)?;
    Ok(stored)
}

/// Below which name something is logged: the one that is asked for, else its own. A name that ends with `/` is a folder
/// that it comes into.
///
/// # Errors
/// When its own name is no text.
pub fn name_of(path: &Path, wanted: Option<&str>) -> CliResult<String> {
    let own = match path.file_name() {
        Some(name) => name.to_str().map(str::to_owned).ok_or_else(|| no_text(path))?,
        // `.` and `..` mean what lies in them.
        None => String::new(),
    };
    Ok(match wanted {
        None => own,
        Some(folder) if folder.ends_with('/') => joined(folder.trim_end_matches('/'), &own),
        Some(name) => name.to_owned(),
    })
}

fn walk(
    blobs: &Blobs,
    path: &Path,
    name: &str,
    above: &mut Vec<PathBuf>,
    stored: &mut Vec<Artifact>,
) -> CliResult {
    let metadata = std::fs::metadata(path).map_err(|source| DiskError::new("read", path, source))?;
    if metadata.is_file() {
        let name = if name.is_empty() { name_of(path, None)? } else { name.to_owned() };
        stored.push(store_file(blobs, path, name)?);
        return Ok(());
    }
    if !metadata.is_dir() {
        return Err(CliError::message(format!("{} is neither a file nor a folder", base::shown(path))));
    }
    let real = path.canonicalize().map_err(|source| DiskError::new("read", path, source))?;
    if above.contains(&real) {
        return Err(CliError::message(format!("{} is a link to a folder above it", base::shown(path)))
            .hint("remove the link, or log the files one by one"));
    }
    above.push(real);
    let fault = |source| DiskError::new("list folder", path, source);
    let mut entries =
        std::fs::read_dir(path).map_err(fault)?.collect::<Result<Vec<_>, _>>().map_err(fault)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let own = entry.file_name().into_string().map_err(|_| no_text(&entry.path()))?;
        walk(blobs, &entry.path(), &joined(name, &own), above, stored)?;
    }
    above.pop();
    Ok(())
}

fn store_file(blobs: &Blobs, path: &Path, name: String) -> CliResult<Artifact> {
    let fault = |source| DiskError::new("read file", path, source);
    let mut file = disk::open(path).map_err(fault)?;
    let mut incoming = blobs.begin()?;
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece).map_err(fault)? {
            0 => break,
            count => incoming.append(&piece[..count])?,
        }
    }
    let (digest, size) = incoming.finish()?;
    Ok(Artifact { path: name, digest, size })
}

fn joined(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, name) => format!("{folder}/{name}"),
    }
}

fn no_text(path: &Path) -> CliError {
    CliError::message(format!("the name {} is no Unicode text", base::shown(path)))
        .hint("rename it: artifacts are known by their names")
}
