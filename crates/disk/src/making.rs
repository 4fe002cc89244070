//! Where files are made before they get their names.
//!
//! Beside the place that they are meant for, as a rule. Data and records of a project are looked at by others, to whom a
//! file that a killed process left behind is a new one: git records it, and so does DVC. Such files are made in a folder
//! of the project's own, where that is as good: on the same mount, and handing down the same group and rights. Where it is
//! not, their names say whose they are, and a list says in which folders to look for them (`beside.rs`).

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use crate::beside;
use crate::file::make_folder;
use crate::holder::Holder;
use crate::share::hand_down_alike;

/// How long another host's file is left: whether its process lives cannot be asked from here.
const FOREIGN: Duration = Duration::from_secs(24 * 3600);

/// A project, as far as it is known here.
#[derive(Debug)]
struct Known {
    root: PathBuf,
    /// What in it is nobody else's business.
    own: Vec<PathBuf>,
    state: PathBuf,
    folder: PathBuf,
}

static KNOWN: OnceLock<Known> = OnceLock::new();

/// From now on, files at and below `root` but not in the folders `own` are made in `folder`, which is below `state` and is
/// made when that is there. One project can be named in the life of a process; of more, the first counts.
pub fn make_apart(root: &Path, own: &[&Path], state: &Path, folder: &Path) {
    let own = own.iter().map(|own| root.join(own)).collect();
    let known = Known { root: root.to_owned(), own, state: state.to_owned(), folder: folder.to_owned() };
    let _ = KNOWN.set(known);
}

/// A folder to make a file in, and what its name is to begin with there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    prefix: String,
    /// Whether it is not the folder that the file is meant for.
    pub(crate) is_apart: bool,
}

impl Place {
    /// Beside what is meant for `folder`.
    pub(crate) fn beside(folder: &Path) -> Self {
        let prefix = match KNOWN.get().filter(|known| known.is_for(folder)) {
            Some(known) if known.state.is_dir() => {
                beside::note(&known.root, &known.folder, folder);
                format!("{}{}-", beside::PREFIX, Holder::current().file_name())
            }
            _ => beside::PREFIX.to_owned(),
        };
        Place { folder: folder.to_owned(), prefix, is_apart: false }
    }

    /// For what is meant for `folder`.
    pub(crate) fn for_folder(folder: &Path) -> Self {
        // Who makes many files goes from folder to folder.
        thread_local! {
            static LAST: RefCell<Option<(PathBuf, Place)>> = const { RefCell::new(None) };
        }
        let Some(known) = KNOWN.get().filter(|known| known.is_for(folder)) else {
            return Place::beside(folder);
        };
        LAST.with_borrow_mut(|last| match last {
            Some((of, place)) if of == folder && (!place.is_apart || known.folder.is_dir()) => place.clone(),
            _ => {
                let place = known.place(folder);
                // A folder that is still missing is asked for again.
                *last = folder.is_dir().then(|| (folder.to_owned(), place.clone()));
                place
            }
        })
    }

    pub(crate) fn builder(&self) -> tempfile::Builder<'_, 'static> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(&self.prefix).suffix(".tmp");
        builder
    }

    /// Whether a file made here cannot get its name by that alone: the mount or a quota forbids what was expected.
    pub(crate) fn is_too_far(&self, fault: &io::Error) -> bool {
        self.is_apart && fault.kind() == io::ErrorKind::CrossesDevices
    }
}

impl Known {
    fn is_for(&self, folder: &Path) -> bool {
        folder.starts_with(&self.root) && !self.own.iter().any(|own| folder.starts_with(own))
    }

    fn place(&self, folder: &Path) -> Place {
        let is_made = self.state.is_dir() && make_folder(&self.folder).is_ok();
        if is_made
            && is_same_mount(&self.folder, folder)
            && hand_down_alike(&self.folder, folder)
            && may_write(&self.folder)
        {
            let prefix = format!("{}-", Holder::current().file_name());
            return Place { folder: self.folder.clone(), prefix, is_apart: true };
        }
        Place::beside(folder)
    }
}

fn may_write(folder: &Path) -> bool {
    use rustix::fs::{Access, AtFlags, CWD, accessat};

    accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

/// What is mounted twice is one disk, and nothing can be renamed from one mount to the other.
#[cfg(target_os = "linux")]
fn is_same_mount(one: &Path, other: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

    // As `linux/stat.h` has it.
    let mount_id = StatxFlags::from_bits_retain(0x1000);
    let mount = |path: &Path| {
        let found = path.ancestors().find_map(|path| statx(CWD, path, AtFlags::empty(), mount_id).ok())?;
        (found.stx_mask & mount_id.bits() != 0).then_some(found.stx_mnt_id)
    };
    mount(one).is_some_and(|mount_of_one| mount(other) == Some(mount_of_one))
}

#[cfg(not(target_os = "linux"))]
fn is_same_mount(_: &Path, _: &Path) -> bool {
    true
}

/// Removes what dead processes have left in the folder that files of the project at `root` are made in, and beside places
/// that are not as good. `is_alive` knows more of processes by the names of their files than can be asked of the system.
pub fn clear_made(root: &Path, folder: &Path, is_alive: &dyn Fn(&str) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_left(&name, &entry.path(), is_alive) {
            let _ = crate::remove(&entry.path());
        }
    }
    beside::clear(root, folder, is_alive);
}

/// Forgets where this process has made files beside their places: it is done.
pub fn end_making() {
    if let Some(known) = KNOWN.get() {
        beside::forget(&known.folder);
    }
}

/// Whether a file of this name, which begins with the [`Holder::file_name`] of its process and a hyphen, is a dead one's.
pub(crate) fn is_left(name: &str, path: &Path, is_alive: &dyn Fn(&str) -> bool) -> bool {
    let Some((holder, _)) = name.rsplit_once('-') else { return false };
    let is_left = match Holder::is_dead_name(holder) {
        Some(is_dead) => is_dead,
        None => {
            let written = fs::symlink_metadata(path).and_then(|metadata| metadata.modified()).ok();
            written.is_some_and(|then| SystemTime::now().duration_since(then).is_ok_and(|age| age > FOREIGN))
        }
    };
    is_left && !is_alive(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::{LinkType, Mode, duplicate_checked, replace, replace_symlink, replace_with};

    #[test]
    fn files_of_a_project_are_made_apart_and_those_left_by_the_dead_go() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("project");
        let state = root.join(".pipe");
        let apart = state.join("tmp/files");
        make_apart(&root, &[Path::new(".pipe")], &state, &apart);
        let count = |folder: &Path| fs::read_dir(folder).map_or(0, Iterator::count);
        make_folder(&root.join("data")).unwrap();
        assert!(!Place::for_folder(&root).is_apart, "it is no project yet");
        make_folder(&state).unwrap();
        for (folder, is_apart) in [("data", true), ("", true), (".pipe/cache", false), ("../other", false)] {
            let folder = cleaned(&root.join(folder));
            replace_with(&folder.join("file"), |_| {
                assert_eq!(count(&apart), usize::from(is_apart), "{}", folder.display());
                Ok(())
            })
            .unwrap();
            let asked = |made: &Path| {
                assert_eq!(made.starts_with(&apart), is_apart, "{}", made.display());
                true
            };
            let (from, to) = (folder.join("file"), folder.join("copy"));
            assert!(duplicate_checked(LinkType::Copy, &from, &to, Mode::Exact(0o640), 1, &asked).unwrap());
            assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o640);
            for target in [from.as_path(), Path::new("file"), Path::new("../file"), Path::new("file")] {
                replace_symlink(target, &folder.join("link")).unwrap();
                assert_eq!(fs::read_link(folder.join("link")).unwrap(), target);
            }
            assert_eq!(count(&apart), 0);
        }
        // Where another group or other rights are handed down, what is made there gets them.
        fs::set_permissions(root.join("data"), fs::Permissions::from_mode(0o2755)).unwrap();
        assert!(!KNOWN.get().unwrap().place(&root.join("data")).is_apart);
        let data = cleaned(&root.join("data"));
        replace_with(&data.join("file"), |_| {
            // Who comes after a killed process knows where to look, and for what.
            let list = state.join("tmp/beside").join(Holder::current().file_name());
            assert_eq!(crate::read(&list).unwrap(), b"data\n");
            let made = fs::read_dir(&data)?.flatten().map(|entry| entry.file_name().into_string().unwrap());
            let made: Vec<String> = made.filter(|name| name.starts_with(".pipe-")).collect();
            assert_eq!(made.len(), 1);
            assert!(made[0].contains(&Holder::current().file_name()) && crate::is_unfinished(&made[0]));
            Ok(())
        })
        .unwrap();
        end_making();
        assert_eq!(count(&state.join("tmp/beside")), 0);

        let this = Holder::current();
        let dead = Holder { started: this.started + 1, ..this.clone() };
        let elsewhere = Holder { host: "elsewhere".to_owned(), ..this.clone() };
        for (holder, stays) in [(&this, true), (&dead, !cfg!(target_os = "linux")), (&elsewhere, true)] {
            let name = format!("{}-aB3dE6.tmp", holder.file_name());
            replace(&apart.join(&name), b"x").unwrap();
            clear_made(&root, &apart, &|_| false);
            assert_eq!(apart.join(&name).exists(), stays, "{name}");
        }
        let old = SystemTime::now() - FOREIGN - Duration::from_secs(60);
        let name = format!("{}-aB3dE6.tmp", elsewhere.file_name());
        fs::File::options().write(true).open(apart.join(&name)).unwrap().set_modified(old).unwrap();
        clear_made(&root, &apart, &|_| true);
        assert!(apart.join(&name).exists());
        clear_made(&root, &apart, &|_| false);
        assert!(!apart.join(&name).exists());
    }

    fn cleaned(path: &Path) -> PathBuf {
        let mut cleaned = PathBuf::new();
        for part in path.components() {
            match part {
                std::path::Component::ParentDir => drop(cleaned.pop()),
                part => cleaned.push(part),
            }
        }
        cleaned
    }
}
