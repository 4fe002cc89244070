//! Storing, observing and restoring, with files made by hand.
#![allow(clippy::disallowed_methods, reason = "tests play the user, who writes files as he likes")]

use super::*;
use crate::hash::hash_bytes_by;
use crate::{Checkout, Layout, Tree};

struct Project {
    folder: tempfile::TempDir,
    workspace: Workspace,
}

fn project() -> Project {
    let folder = tempfile::tempdir().unwrap();
    let state = State::load(&folder.path().join(".pipe/state")).unwrap();
    let workspace = Workspace::new(folder.path(), &folder.path().join(".pipe/cache"), state);
    Project { folder, workspace }
}

impl Project {
    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.path().join(path)).unwrap()
    }
}

fn path(text: &str) -> ProjectPath {
    ProjectPath::from_record(text).unwrap()
}

#[test]
fn folders_come_back_exactly() {
    let project = project();
    project.write("out/a", "1");
    project.write("out/sub/b", "22");
    fs::create_dir(project.folder.path().join("out/empty")).unwrap();
    disk::set_mode(&project.folder.path().join("out/a"), 0o755).unwrap();
    let state = project.workspace.store(&path("out"), Placement::Private).unwrap().unwrap();
    assert_eq!((state.size, state.files), (3, Some(2)));
    fs::remove_dir_all(project.folder.path().join("out/empty")).unwrap();
    project.write("out/sub/b", "changed");
    project.write("out/extra/c", "x");
    assert_ne!(project.workspace.observe(&path("out")).unwrap(), Some(state));
    project.workspace.restore(&path("out"), &state, Placement::Private).unwrap();
    assert_eq!(project.workspace.observe(&path("out")).unwrap(), Some(state));
    assert!(project.folder.path().join("out/empty").is_dir());
    assert!(!project.folder.path().join("out/extra").exists());
    fs::remove_dir_all(project.folder.path().join("out")).unwrap();
    project.write("out", "a file in the way");
    project.workspace.restore(&path("out"), &state, Placement::Private).unwrap();
    assert_eq!(project.workspace.observe(&path("out")).unwrap(), Some(state));
}

/// Where a walk climbs by more than one level at once, nothing may end up in the wrong folder.
#[test]
fn every_file_stays_in_its_folder() {
    let project = project();
    let files = ["a/b/c/d", "a/b/x", "a/z/y", "a/z/z/z/z", "b/b/b", "c", "z/a/a/a"];
    for file in files {
        project.write(&format!("out/{file}"), file);
    }
    let state = project.workspace.store(&path("out"), Placement::Private).unwrap().unwrap();
    assert_eq!(state.files, Some(files.len() as u64));
    fs::remove_dir_all(project.folder.path().join("out")).unwrap();
    project.workspace.restore(&path("out"), &state, Placement::Private).unwrap();
    for file in files {
        assert_eq!(project.read(&format!("out/{file}")), file);
    }
}

#[test]
fn same_size_edits_with_old_mtime_are_seen() {
    let project = project();
    project.write("data", "one");
    let before = project.workspace.observe(&path("data")).unwrap();
    let file = project.folder.path().join("data");
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    project.write("data", "two");
    fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    assert_ne!(project.workspace.observe(&path("data")).unwrap(), before);
}

#[test]
fn an_edit_never_reaches_the_cache() {
    let project = project();
    project.write("out", "made");
    let state = project.workspace.store(&path("out"), Placement::Private).unwrap().unwrap();
    project.write("out", "edit");
    let saved =
        project.workspace.save_unsaved(&path("out")).unwrap().state.expect("these bytes were nowhere");
    assert_eq!(project.workspace.save_unsaved(&path("out")).unwrap().state, None);
    project.workspace.restore(&path("out"), &state, Placement::Private).unwrap();
    assert_eq!(project.read("out"), "made");
    assert_eq!(project.workspace.blobs.read(&saved.digest).unwrap(), b"edit");
}

#[test]
fn a_damaged_blob_is_named_and_not_restored() {
    let project = project();
    project.write("out", "made");
    let state = project.workspace.store(&path("out"), Placement::Private).unwrap().unwrap();
    let blob = project.workspace.blobs.path(&state.digest);
    disk::replace(&blob, b"evil").unwrap();
    project.write("out", "mine");
    let fault = project.workspace.restore(&path("out"), &state, Placement::Private).unwrap_err();
    assert!(matches!(fault, CacheError::Damaged { .. }), "{fault}");
    assert_eq!(project.read("out"), "mine");
}

#[test]
fn symlinks_are_read_through_and_never_written_through() {
    let project = project();
    project.write("elsewhere/file", "text");
    project.write("direct/file", "text");
    std::os::unix::fs::symlink("elsewhere", project.folder.path().join("link")).unwrap();
    let state = project.workspace.store(&path("direct"), Placement::Private).unwrap().unwrap();
    assert_eq!(project.workspace.observe(&path("link")).unwrap(), Some(state));
    let file = project.workspace.observe(&path("direct/file")).unwrap().unwrap();
    assert!(project.workspace.restore(&path("link/new"), &file, Placement::Private).is_err());
    assert!(!project.folder.path().join("elsewhere/new").exists());
    std::os::unix::fs::symlink(".", project.folder.path().join("direct/loop")).unwrap();
    assert!(matches!(project.workspace.observe(&path("direct")), Err(CacheError::Loop { .. })));
}

#[test]
fn nothing_is_none_and_odd_things_are_errors() {
    let project = project();
    project.write("file", "x");
    assert_eq!(project.workspace.observe(&path("none")).unwrap(), None);
    assert_eq!(project.workspace.observe(&path("file/below")).unwrap(), None);
    project.write("folder/.git/config", "x");
    assert!(matches!(project.workspace.observe(&path("folder")), Err(CacheError::Name { .. })));
    project.write("broken/file", "x");
    std::os::unix::fs::symlink("nowhere", project.folder.path().join("broken/link")).unwrap();
    let fault = project.workspace.observe(&path("broken")).unwrap_err();
    assert!(matches!(&fault, CacheError::Dangling { path } if path.ends_with("broken/link")), "{fault}");
    project.write("special/file", "x");
    let socket = project.folder.path().join("special/socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let fault = project.workspace.observe(&path("special")).unwrap_err();
    assert!(matches!(&fault, CacheError::Special { path } if *path == socket), "{fault}");
    assert!(project.workspace.observe(&path("special/socket")).is_err());
}

/// In DVC's layout a folder is a list of its files: neither empty folders nor modes are in it.
#[test]
fn folders_of_dvc_come_back_without_modes_and_empty_folders() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::load(&folder.path().join("state")).unwrap();
    let cache = folder.path().join(".dvc/cache");
    let blobs = Blobs::with_layout(&cache, Layout::Dvc);
    let workspace = Workspace::with_caches(folder.path(), blobs, StageCache::new(folder.path()), state);
    let write = |path: &str, text: &str| disk::replace(&folder.path().join(path), text.as_bytes()).unwrap();
    write("out/a", "1\n");
    write("out/sub/deep/b", "2\n");
    let state = workspace.store(&path("out"), Placement::Private).unwrap().unwrap();
    let below = workspace.observe(&path("out/sub")).unwrap().unwrap();
    assert_eq!((state.digest.algorithm(), state.size, state.files), (base::Algorithm::Md5, 4, Some(2)));
    disk::set_mode(&folder.path().join("out/a"), 0o755).unwrap();
    disk::make_folder(&folder.path().join("out/empty")).unwrap();
    assert_eq!(workspace.observe(&path("out")).unwrap().unwrap().digest, state.digest);
    // A file by itself has its mode, which is told to whoever records it.
    assert!(workspace.listing(&path("out/a")).unwrap()[&path("out/a")].executable);
    let listed = workspace.listing(&path("out")).unwrap();
    assert!(!listed[&path("out/a")].executable);
    assert!(listed.keys().eq(&[path("out/a"), path("out/sub/deep/b")]), "{listed:?}");
    assert!(cache.join("files/md5/b0/26324c6904b2a9cb4b88d6d61c81d1").is_file());
    let hex = state.digest.hex();
    assert!(cache.join("files/md5").join(&hex[..2]).join(format!("{}.dir", &hex[2..])).is_file());
    disk::remove(&folder.path().join("out")).unwrap();
    assert!(workspace.blobs.has_all(&state));
    workspace.restore(&path("out"), &state, Placement::Private).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("out/sub/deep/b")).unwrap(), "2\n");
    assert!(!folder.path().join("out/empty").exists());
    let entry = workspace.blobs.tree(&state.digest).unwrap();
    let sub = entry.entries().iter().find(|(name, _)| name == "sub").map(|(_, entry)| entry.state());
    assert_eq!(sub.map(|sub| sub.digest), Some(below.digest), "a folder below is known by its own digest");
    disk::remove(&workspace.blobs.path(&hash_bytes_by(base::Algorithm::Md5, b"2\n"))).unwrap();
    assert!(!workspace.blobs.has_all(&state));
}

/// What a checkout removes is asked for where no cache holds its bytes. Whether it holds the list of a folder says
/// nothing of that.
#[test]
fn a_folder_whose_files_are_held_is_no_unsaved_one() {
    for layout in [Layout::Native, Layout::Dvc] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let state = State::load(&root.join("state")).unwrap();
        let blobs = Blobs::with_layout(&root.join("cache"), layout);
        let workspace = Workspace::with_caches(root, blobs, StageCache::new(&root.join("cache")), state);
        let write = |name: &str, text: &str| disk::replace(&root.join(name), text.as_bytes()).unwrap();
        write("out/new", "a file");
        let of_file = workspace.store(&path("out"), Placement::Private).unwrap().unwrap();
        disk::remove(&root.join("out/new")).unwrap();
        write("out/a", "1");
        let before = workspace.store(&path("out"), Placement::Private).unwrap().unwrap();
        for name in ["b", "c", "deep/d"] {
            write(&format!("out/new/{name}"), name);
        }
        workspace.store(&path("out"), Placement::Private).unwrap();
        let planned_to = |state| {
            let mut plan = Checkout::default();
            workspace.plan_checkout(&path("out"), state, false, &mut plan).unwrap();
            plan
        };
        let planned = || planned_to(&before);
        assert_eq!(planned().unsaved, [], "{layout:?}");
        // As where a checkout was killed.
        disk::remove(&root.join("out/new/b")).unwrap();
        let plan = planned();
        assert_eq!(plan.unsaved, [], "{layout:?}");
        let held: Vec<&str> = plan.held.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(held, ["out/new/c", "out/new/deep/d"], "{layout:?}");
        assert!(plan.held.iter().all(|(path, _)| plan.is_removed(path)), "{layout:?}");
        let plan = planned_to(&of_file);
        assert_eq!(plan.unsaved, [], "{layout:?}");
        let mut below = plan.held.iter().map(|(held, _)| held).filter(|held| path("out/new").contains(held));
        assert!(
            below.all(|held| plan.is_removed(held)),
            "{layout:?}: nothing takes the place of what is in it"
        );
        // Here all is gone but for folders.
        disk::remove(&root.join("out/new/c")).unwrap();
        disk::remove(&root.join("out/new/deep/d")).unwrap();
        assert_eq!((planned().unsaved, planned().held), (Vec::new(), Vec::new()), "{layout:?}");
        write("out/new/mine", "mine");
        assert_eq!(planned().unsaved, [path("out/new")], "{layout:?}");
    }
}

/// The state of a folder by the letter of docs/design/tree.md, with all of it in memory.
fn state_by_the_letter(workspace: &Workspace, folder: &Path) -> FileState {
    let mut lines = Vec::new();
    let (mut size, mut count) = (0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let state = state_by_the_letter(workspace, &path);
            let files = state.files.unwrap();
            lines.push((
                name.clone(),
                format!("folder {} {} {files} {name}\n", state.digest.hex(), state.size),
            ));
            (size, count) = (size + state.size, count + files);
        } else {
            let bytes = fs::read(&path).unwrap();
            let digest = blake3::hash(&bytes).to_hex();
            lines.push((name.clone(), format!("file {digest} {} {name}\n", bytes.len())));
            (size, count) = (size + bytes.len() as u64, count + 1);
        }
    }
    lines.sort();
    let text: String = lines.into_iter().map(|(_, line)| line).collect();
    let manifest = format!("pipe-tree 1\n{text}");
    assert!(
        !workspace.root().join("cache").exists()
            || workspace.blobs.has(&hash_bytes_by(base::Algorithm::Blake3, manifest.as_bytes()))
    );
    let digest = Digest::Blake3(*blake3::hash(manifest.as_bytes()).as_bytes());
    FileState { digest, size, files: Some(count), executable: false }
}

#[test]
fn large_and_deep_folders_are_summed_up_a_part_at_a_time() {
    for kind in [LinkType::Copy, LinkType::Hardlink] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let data = root.join("data");
        // More files than are handed on together (few, in tests), in one folder, beside and below each other.
        let mut random = 1_u32;
        for number in 0..300 {
            random = random.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            let depth = (random >> 16) % 5;
            let parts: Vec<String> =
                (0..depth).map(|level| format!("{}", (random >> (18 + 2 * level)) % 3)).collect();
            let place = data.join(parts.join("/"));
            fs::create_dir_all(place.join("empty")).unwrap();
            fs::write(place.join(format!("f{number}")), format!("{}", number % 250)).unwrap();
        }
        fs::create_dir_all(data.join("many")).unwrap();
        for number in 0..100 {
            fs::write(data.join(format!("many/{number}")), format!("m{number}")).unwrap();
        }
        let state = State::load(&root.join("state")).unwrap();
        let workspace = Workspace::new(root, &root.join("cache"), state).with_link_types(vec![kind]);
        let path = ProjectPath::from_record("data").unwrap();
        let expected = state_by_the_letter(&workspace, &data);
        assert_eq!(workspace.observe(&path).unwrap(), Some(expected));
        assert_eq!(workspace.store(&path, Placement::Linked).unwrap(), Some(expected));
        assert_eq!(state_by_the_letter(&workspace, &data), expected, "with every manifest in the cache");
        assert!(workspace.blobs.has_all(&expected));
        assert_eq!(workspace.observe(&path).unwrap(), Some(expected));
        let listed = workspace.listing(&path).unwrap();
        assert_eq!(listed.values().filter(|state| !state.is_folder()).count(), 400);
        disk::remove(&data).unwrap();
        workspace.restore(&path, &expected, Placement::Linked).unwrap();
        assert_eq!(state_by_the_letter(&workspace, &data), expected);
        assert_eq!(workspace.listing(&path).unwrap(), listed);
    }
}

/// A list that says what is not so would be placed, and what stands there then would never be what is recorded.
#[test]
fn a_list_with_wrong_sizes_is_damaged() {
    let project = project();
    project.write("d/a", "1\n");
    project.write("d/sub/b", "2\n");
    let state = project.workspace.store(&path("d"), Placement::Private).unwrap().unwrap();
    let blobs = &project.workspace.blobs;
    let tree = blobs.tree(&state.digest).unwrap();
    let with = |name: &str, size: u64, files: u64| {
        let entries = tree.entries().iter().map(|(known, entry)| {
            let entry = match *entry {
                TreeEntry::File { digest, executable, .. } if known == name => {
                    TreeEntry::File { digest, size, executable }
                }
                TreeEntry::Folder { digest, .. } if known == name => {
                    TreeEntry::Folder { digest, size, files }
                }
                _ => entry.clone(),
            };
            (known.clone(), entry)
        });
        let digest = blobs.store_bytes(&Tree::new(entries.collect()).encode()).unwrap();
        FileState { digest, ..state }
    };
    for (wrong, at, told) in [
        (with("a", 777, 0), "d", "line 2: `a` has 2 bytes, and not 777"),
        (with("sub", 777, 1), "d/sub", "the list above tells 777 bytes in 1 files, and it has 2 in 1"),
        (with("sub", 2, 9), "d/sub", "the list above tells 2 bytes in 9 files, and it has 2 in 1"),
    ] {
        for is_there in [true, false] {
            if !is_there {
                project.workspace.remove(&path("d")).unwrap();
            }
            let mut plan = Checkout::default();
            project.workspace.plan_checkout(&path("d"), &wrong, false, &mut plan).unwrap();
            let [(place, fault)] = &plan.failed[..] else { panic!("{:?}", plan.failed) };
            let cause = std::error::Error::source(fault).unwrap().to_string();
            assert!(place.as_str() == at && cause.contains(told), "{place}: {cause}");
            let fault = project.workspace.restore(&path("d"), &wrong, Placement::Private).unwrap_err();
            assert!(matches!(fault, CacheError::Tree { .. }), "{fault}");
        }
        project.workspace.restore(&path("d"), &state, Placement::Private).unwrap();
    }
    // What a damaged blob holds is not the fault of its list.
    let blob = blobs.path(&crate::hash::hash_bytes(b"1\n"));
    disk::set_mode(&blob, 0o644).unwrap();
    fs::write(&blob, "other").unwrap();
    project.workspace.remove(&path("d")).unwrap();
    let fault = project.workspace.restore(&path("d"), &state, Placement::Private).unwrap_err();
    assert!(matches!(fault, CacheError::Damaged { .. }), "{fault}");
}
