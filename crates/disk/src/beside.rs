//! Files that have to be made beside their places, in folders of a project that others look at: on another mount, or where
//! other rights are handed down. What a killed process has left of them goes with the next command: each process has a list
//! of the folders that it makes files in, by their paths in the project, which goes when it ends.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::file::{make_folder, open_output, symlink_between};
use crate::holder::Holder;
use crate::making::is_left;

/// What the names of all unfinished files begin with that lie beside their places.
pub(crate) const PREFIX: &str = ".pipe-";

/// The folders in the list of this process.
static LISTED: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);

/// The lists lie beside the folder that files are made in apart.
fn lists(making: &Path) -> PathBuf {
    making.with_file_name("beside")
}

/// Puts a folder of the project at `root` into the list of this process, before something is made there. What cannot be
/// listed is nobody's to sweep.
pub(crate) fn note(root: &Path, making: &Path, folder: &Path) {
    let Some(below) = folder.strip_prefix(root).ok().and_then(Path::to_str) else { return };
    let mut listed = LISTED.lock().unwrap_or_else(PoisonError::into_inner);
    if below.contains('\n') || !listed.get_or_insert_default().insert(folder.to_owned()) {
        return;
    }
    let lists = lists(making);
    let list = lists.join(Holder::current().file_name());
    let file = make_folder(&lists).and_then(|()| open_output(&list, true));
    let _ = file.map(|mut file| file.write_all(format!("{below}\n").as_bytes()));
}

/// Removes the list of this process.
pub(crate) fn forget(making: &Path) {
    let mut listed = LISTED.lock().unwrap_or_else(PoisonError::into_inner);
    if listed.take().is_some() {
        let _ = crate::remove(&lists(making).join(Holder::current().file_name()));
    }
}

/// Removes what dead processes have left in the folders of their lists, and the lists. Of what lies there no other file goes,
/// and no symlink is followed.
pub(crate) fn clear(root: &Path, making: &Path, is_alive: &dyn Fn(&str) -> bool) {
    for entry in fs::read_dir(lists(making)).into_iter().flatten().flatten() {
        let (name, list) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        // As the name of a file of that process.
        if !is_left(&format!("{name}-"), &list, is_alive) {
            continue;
        }
        let text = crate::read_text_optional(&list).ok().flatten().unwrap_or_default();
        for below in text.lines().map(Path::new) {
            let folder = root.join(below);
            let is_inside = below.components().all(|part| matches!(part, Component::Normal(_)));
            if is_inside && symlink_between(root, &folder.join("file")).is_none() {
                clear_folder(&folder, is_alive);
            }
        }
        let _ = crate::remove(&list);
    }
}

fn clear_folder(folder: &Path, is_alive: &dyn Fn(&str) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(made) = name.strip_prefix(PREFIX).filter(|_| crate::is_unfinished(&name)) else { continue };
        if is_left(made, &entry.path(), is_alive) {
            let _ = crate::remove(&entry.path());
        }
    }
}

/// Whether a name is one of a file that a process made beside its place, as it goes on after [`PREFIX`].
pub(crate) fn is_made_name(rest: &str) -> bool {
    let Some(rest) = rest.strip_suffix(".tmp") else { return false };
    let (holder, random) =
        rest.rsplit_once('-').map_or((None, rest), |(holder, random)| (Some(holder), random));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_holder = |holder: &str| {
        let mut parts = holder.rsplitn(3, '-');
        parts.by_ref().take(2).all(is_number)
            && parts
                .next()
                .is_some_and(|host| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
    };
    random.len() == 6
        && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && holder.is_none_or(is_holder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replace;

    #[test]
    fn of_what_lies_beside_data_only_files_of_dead_processes_go() {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("project"), folder.path().join("outside"));
        let making = root.join(".pipe/tmp/files");
        let this = Holder::current();
        let dead = Holder { pid: 999_999_999, ..this.clone() }.file_name();
        let other = Holder { pid: 999_999_998, ..this.clone() }.file_name();
        let elsewhere = Holder { host: "elsewhere".to_owned(), ..this.clone() }.file_name();
        let names = [
            (format!(".pipe-{dead}-aB3dE6.tmp"), false),
            (format!(".pipe-{other}-aB3dE6.tmp"), true),
            (format!(".pipe-{}-aB3dE6.tmp", this.file_name()), true),
            (format!(".pipe-{elsewhere}-aB3dE6.tmp"), true),
            (".pipe-aB3dE6.tmp".to_owned(), true),
            (format!(".pipe-{dead}-notes.tmp"), true),
            (format!("{dead}-aB3dE6.tmp"), true),
        ];
        for place in [root.join("data"), root.join("unlisted"), outside.clone()] {
            for (name, _) in &names {
                replace(&place.join(name), b"half").unwrap();
            }
        }
        std::os::unix::fs::symlink(&outside, root.join("link")).unwrap();
        let lists = making.with_file_name("beside");
        replace(&lists.join(&dead), b"data\nlink\n../outside\nnone\n").unwrap();
        replace(&lists.join(this.file_name()), b"data\nunlisted\n").unwrap();
        // The lock knows that one of them lives.
        clear(&root, &making, &|name| name.starts_with(&format!("{other}-")));
        for (name, stays) in &names {
            assert_eq!(root.join("data").join(name).exists(), *stays || !cfg!(target_os = "linux"), "{name}");
            assert!(root.join("unlisted").join(name).exists() && outside.join(name).exists(), "{name}");
        }
        assert!(!lists.join(&dead).exists() && lists.join(this.file_name()).exists());
    }

    #[test]
    fn names_say_whose_they_are() {
        for name in ["aB3dE6.tmp", "host_1-12-345-aB3dE6.tmp"] {
            assert!(is_made_name(name), "{name}");
        }
        for name in [
            "notes.tmp",
            "host-12-aB3dE6.tmp",
            "host-1x-345-aB3dE6.tmp",
            "a-b-1-2-aB3dE6.tmp",
            "host-1-2-aB3d.tmp",
        ] {
            assert!(!is_made_name(name), "{name}");
        }
    }
}
