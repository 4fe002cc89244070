//! Links between workspace and cache, on a file system that has hard links and symlinks.
#![allow(clippy::disallowed_methods, reason = "tests play the user, who writes files as he likes")]

use std::os::unix::fs::PermissionsExt;

use base::FileState;

use super::*;
use crate::{Checkout, State};

struct Project {
    folder: tempfile::TempDir,
    workspace: Workspace,
}

fn path(text: &str) -> ProjectPath {
    ProjectPath::from_record(text).unwrap()
}

fn project(kind: LinkType) -> Project {
    let folder = tempfile::tempdir().unwrap();
    let workspace = open(folder.path(), kind);
    Project { folder, workspace }
}

fn open(folder: &Path, kind: LinkType) -> Workspace {
    let state = State::load(&folder.join(".pipe/state")).unwrap();
    Workspace::new(folder, &folder.join(".pipe/cache"), state).with_link_types(vec![kind])
}

impl Project {
    fn os_path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.os_path(name).parent().unwrap()).unwrap();
        fs::write(self.os_path(name), text).unwrap();
    }

    fn stored(&self, name: &str) -> FileState {
        self.workspace.store(&path(name), Placement::Linked).unwrap().unwrap()
    }

    fn observed(&self, name: &str) -> FileState {
        self.workspace.observe(&path(name)).unwrap().unwrap()
    }

    fn blob(&self, state: &FileState) -> PathBuf {
        self.workspace.blobs.path(&state.digest)
    }

    fn inode(&self, name: &str) -> u64 {
        fs::symlink_metadata(self.os_path(name)).unwrap().ino()
    }

    fn is_link(&self, name: &str, state: &FileState) -> bool {
        let metadata = fs::symlink_metadata(self.os_path(name)).unwrap();
        self.workspace.is_linked(&state.digest, &self.os_path(name), &metadata)
    }

    /// What root can do to a file whatever its mode says; others are given the right to.
    fn write_through(&self, name: &str, text: &str) {
        let mode = fs::metadata(self.os_path(name)).unwrap().permissions();
        fs::set_permissions(self.os_path(name), fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(self.os_path(name), text).unwrap();
        fs::set_permissions(self.os_path(name), mode).unwrap();
    }
}

const SHARED: [LinkType; 2] = [LinkType::Hardlink, LinkType::Symlink];

#[test]
fn what_is_stored_becomes_the_blob() {
    for kind in SHARED {
        let project = project(kind);
        project.write("out/a", "made");
        project.write("out/sub/b", "too");
        project.write("out/empty", "");
        project.write("out/tool", "#!/bin/sh\n");
        disk::set_mode(&project.os_path("out/tool"), 0o755).unwrap();
        let inode = project.inode("out/a");
        let state = project.stored("out");
        let a = project.observed("out/a");
        assert!(project.is_link("out/a", &a), "{kind:?}");
        assert_eq!(fs::metadata(project.blob(&a)).unwrap().ino(), inode, "the bytes are not copied");
        assert_eq!(fs::metadata(project.os_path("out/a")).unwrap().mode() & 0o777, 0o444);
        for own in ["out/empty", "out/tool"] {
            let metadata = fs::symlink_metadata(project.os_path(own)).unwrap();
            assert!(metadata.is_file() && metadata.nlink() == 1, "{own}");
        }
        assert_eq!(project.observed("out"), state);
        // All is removed, and comes back as links.
        fs::remove_dir_all(project.os_path("out")).unwrap();
        project.workspace.restore(&path("out"), &state, Placement::Linked).unwrap();
        assert!(project.is_link("out/sub/b", &project.observed("out/sub/b")));
        assert_eq!(project.observed("out"), state);
        assert_eq!(project.os_path("out/a").is_symlink(), kind == LinkType::Symlink);
        // What git keeps is none.
        project.workspace.restore(&path("out"), &state, Placement::Private).unwrap();
        assert!(!project.is_link("out/a", &a) && !project.os_path("out/a").is_symlink());
        assert_eq!(project.observed("out"), state);
    }
}

#[test]
fn a_link_is_known_without_being_read_whoever_links_the_blob_too() {
    for kind in SHARED {
        let project = project(kind);
        project.write("out", "made");
        let state = project.stored("out");
        project.workspace.save_state().unwrap();
        // Another project links the blob, which changes its ctime.
        fs::hard_link(project.blob(&state), project.os_path("other")).unwrap();
        let workspace = open(project.folder.path(), kind);
        let metadata = fs::metadata(project.os_path("out")).unwrap();
        assert_eq!(workspace.state().get(&path("out"), &Stamp::of(&metadata)), None, "the stamp is another");
        let known = workspace.digest_of_link(&path("out"), &project.os_path("out"), &metadata);
        assert_eq!(known, Some(state.digest));
        // Nor is anything else taken for it: the same fraction of a second, another inode.
        disk::duplicate(
            LinkType::Copy,
            &project.os_path("out"),
            &project.os_path("out"),
            Mode::Exact(0o444),
            None,
        )
        .unwrap();
        disk::set_modified(&project.os_path("out"), Stamp::of(&metadata).mtime).unwrap();
        let metadata = fs::metadata(project.os_path("out")).unwrap();
        assert_eq!(workspace.digest_of_link(&path("out"), &project.os_path("out"), &metadata), None);
    }
}

#[test]
fn a_write_through_a_link_is_seen_named_and_never_trusted() {
    for kind in SHARED {
        let project = project(kind);
        project.write("out", "made");
        let state = project.stored("out");
        project.write_through("out", "evil");
        for _ in 0..2 {
            assert_ne!(project.observed("out"), state, "{kind:?}");
            let damage = project.workspace.take_damage();
            assert_eq!(damage.len(), 1, "it is named each time");
            assert_eq!((&damage[0].digest, &damage[0].blob), (&state.digest, &project.blob(&state)));
        }
        let fault = project.workspace.restore(&path("back"), &state, Placement::Linked).unwrap_err();
        assert!(matches!(fault, CacheError::Damaged { .. }), "{fault}");
        assert!(!project.os_path("back").exists());
        // The edit is saved as what it is, and the blob is made anew from the right bytes.
        let saved = project.workspace.save_unsaved(&path("out")).unwrap().state.unwrap();
        assert_eq!(project.workspace.blobs.read(&saved.digest).unwrap(), b"evil");
        project.write("again", "made");
        assert_eq!(project.stored("again"), state);
        assert!(project.is_link("again", &state));
        assert_eq!(project.workspace.blobs.read(&state.digest).unwrap(), b"made");
    }
}

#[test]
fn an_edit_that_is_stored_leaves_the_link() {
    for kind in SHARED {
        let project = project(kind);
        project.write("out", "made");
        let old = project.stored("out");
        project.write_through("out", "evil");
        let new = project.stored("out");
        assert_ne!(old, new);
        assert!(project.is_link("out", &new), "{kind:?}");
        assert_eq!(project.workspace.blobs.read(&new.digest).unwrap(), b"evil");
        project.workspace.take_damage();
        assert_eq!(project.observed("out"), new);
        assert_eq!(project.workspace.take_damage(), []);
    }
}

#[test]
fn unprotected_files_are_nobody_elses() {
    for kind in SHARED {
        let project = project(kind);
        project.write("out/a", "made");
        project.write("out/b", "made too");
        let state = project.stored("out");
        assert_eq!(project.workspace.unprotect(&path("out")).unwrap(), 2);
        assert_eq!(project.workspace.unprotect(&path("out")).unwrap(), 0);
        assert_eq!(fs::metadata(project.os_path("out/a")).unwrap().mode() & 0o777, 0o644);
        project.write("out/a", "edit");
        let a = project.workspace.blobs.entry_below(&state, &path("a")).unwrap().unwrap();
        assert_eq!(project.workspace.blobs.read(&a.digest).unwrap(), b"made");
        // A link whose blob somebody wrote to, too.
        let b = project.stored("out/b");
        project.write_through("out/b", "evil too");
        assert_eq!(project.workspace.unprotect(&path("out")).unwrap(), 1);
        assert_ne!(project.inode("out/b"), fs::metadata(project.blob(&b)).unwrap().ino());
    }
}

#[test]
fn what_is_somebody_elses_is_copied() {
    let project = project(LinkType::Hardlink);
    project.write("mine", "bytes");
    fs::hard_link(project.os_path("mine"), project.os_path("out")).unwrap();
    project.stored("out");
    assert_eq!(
        fs::metadata(project.os_path("mine")).unwrap().mode() & 0o222,
        0o200,
        "it may still be edited"
    );
    fs::create_dir(project.os_path("elsewhere")).unwrap();
    project.write("elsewhere/file", "more");
    std::os::unix::fs::symlink("elsewhere", project.os_path("linked")).unwrap();
    std::os::unix::fs::symlink("elsewhere/file", project.os_path("file")).unwrap();
    for name in ["linked", "file"] {
        project.stored(name);
    }
    let metadata = fs::metadata(project.os_path("elsewhere/file")).unwrap();
    assert_eq!((metadata.nlink(), metadata.mode() & 0o222), (1, 0o200));
    assert_eq!(fs::read_link(project.os_path("file")).unwrap(), Path::new("elsewhere/file"));
}

#[test]
fn the_next_type_is_taken_where_one_is_refused() {
    let links = Links::new(vec![LinkType::Hardlink, LinkType::Symlink]);
    let folder = tempfile::tempdir().unwrap();
    let refused = |kind| {
        let fault = disk::DiskError::new("link", folder.path(), io::Error::from_raw_os_error(kind));
        Err::<(), _>(CacheError::Disk(fault))
    };
    let tried = |fails: &dyn Fn(LinkType) -> Option<i32>| {
        let mut tried = Vec::new();
        let result = links.first_that_works(folder.path(), folder.path(), true, |kind| {
            tried.push(kind);
            fails(kind).map_or(Ok(()), refused)
        });
        (tried, result.is_ok())
    };
    let (hard, soft, copy) = (LinkType::Hardlink, LinkType::Symlink, LinkType::Copy);
    // EMLINK and EPERM are of one file, EXDEV of the two file systems.
    for code in [31, 1] {
        assert_eq!(tried(&|kind| (kind == hard).then_some(code)), (vec![hard, soft], true));
    }
    assert_eq!(tried(&|kind| (kind == hard).then_some(18)), (vec![hard, soft], true));
    assert_eq!(tried(&|_| None), (vec![soft], true), "it is not tried again");
    assert_eq!(tried(&|kind| (kind != copy).then_some(1)), (vec![soft, copy], true));
    assert_eq!(tried(&|kind| (kind == soft).then_some(28)), (vec![soft], false), "a full disk is full");
}

#[test]
fn relinking_makes_links_of_the_type_that_is_set() {
    let project = project(LinkType::Copy);
    project.write("out/a", "made");
    let state = project.stored("out");
    let a = project.observed("out/a");
    assert!(!project.is_link("out/a", &a));
    for kind in
        [LinkType::Hardlink, LinkType::Hardlink, LinkType::Symlink, LinkType::Copy, LinkType::Hardlink]
    {
        let workspace = open(project.folder.path(), kind);
        let mut plan = Checkout::default();
        workspace.plan_checkout(&path("out"), &state, true, &mut plan).unwrap();
        workspace.carry_out(&mut plan, &project.folder.path().join("aside")).unwrap();
        assert!(plan.failed.is_empty());
        assert_eq!(project.is_link("out/a", &a), kind.is_shared(), "{kind:?}");
        assert_eq!(project.os_path("out/a").is_symlink(), kind == LinkType::Symlink);
        assert_eq!(fs::read_dir(project.os_path("out")).unwrap().count(), 1, "nothing is left over");
    }
}

#[test]
fn a_symlink_to_a_blob_that_is_gone_is_a_file_that_is_gone() {
    let project = project(LinkType::Symlink);
    project.write("out/a", "made");
    project.write("out/b", "made too");
    let state = project.stored("out");
    let b = project.observed("out/b");
    fs::remove_file(project.blob(&b)).unwrap();
    assert_eq!(project.observed("out").files, Some(1));
    assert_ne!(project.observed("out"), state);
    assert_eq!(project.workspace.observe(&path("out/b")).unwrap(), None);
}

#[test]
fn a_copy_is_known_when_it_is_placed_and_an_edit_at_once_is_seen() {
    // Copied through memory, and by the system.
    for size in [3, SMALL as usize + 1] {
        let project = project(LinkType::Copy);
        project.write("out", &"a".repeat(size));
        let state = project.stored("out");
        fs::remove_file(project.os_path("out")).unwrap();
        project.workspace.restore(&path("out"), &state, Placement::Linked).unwrap();
        let stamp = Stamp::of(&fs::metadata(project.os_path("out")).unwrap());
        assert_eq!(project.workspace.state().get(&path("out"), &stamp), Some(state.digest));
        assert_eq!(project.observed("out"), state);
        project.write("out", &"b".repeat(size));
        assert_ne!(project.observed("out").digest, state.digest);
        assert_eq!(project.workspace.blobs.read(&state.digest).unwrap(), "a".repeat(size).as_bytes());
    }
}

#[test]
fn what_a_damaged_blob_holds_takes_no_place_however_large_it_is() {
    for (kind, size) in [
        (LinkType::Copy, 3),
        (LinkType::Copy, PIECE * 2 + 1),
        // Where blocks cannot be shared it is copied.
        (LinkType::Reflink, PIECE * 2 + 1),
    ] {
        let project = project(kind);
        project.write("a", &"x".repeat(size));
        let state = project.stored("a");
        project.write("a", "mine");
        disk::set_mode(&project.blob(&state), 0o644).unwrap();
        let damaged = "x".repeat(size - 1) + "y";
        fs::write(project.blob(&state), &damaged).unwrap();
        let place = || project.workspace.place(&path("a"), &state.digest, false, Placement::Linked);
        let fault = place().unwrap_err();
        assert!(matches!(fault, CacheError::Damaged { .. }), "{fault}");
        assert_eq!(fs::read_to_string(project.os_path("a")).unwrap(), "mine");
        fs::write(project.blob(&state), "x".repeat(size)).unwrap();
        place().unwrap();
        assert!(fs::read_to_string(project.os_path("a")).unwrap() == "x".repeat(size));
        assert_eq!(project.observed("a"), state);
        let left: Vec<_> = fs::read_dir(project.folder.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 2, "the file, the cache, and nothing half made: {left:?}");
    }
}
