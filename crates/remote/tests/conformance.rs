//! What every remote has to keep, asked of the folder.
#![allow(clippy::disallowed_methods, reason = "tests play the user, who writes files as he likes")]

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use cache::{Remote, RemoteError, Upload, hash_bytes};
use remote::{FolderRemote, Sync};

fn keys(remote: &dyn Remote, prefix: &str) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut take = |object: cache::Object| {
        found.push((object.key, object.size));
        ControlFlow::Continue(())
    };
    remote.list(prefix, &mut take).unwrap();
    found.sort();
    found
}

fn put(remote: &dyn Remote, from: &Path, key: &str, bytes: &[u8], until: u64) -> Result<(), RemoteError> {
    fs::write(from, bytes).unwrap();
    let moved = std::cell::Cell::new(0);
    let count = |more| {
        moved.set(moved.get() + more);
        if moved.get() >= until { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let digest = hash_bytes(bytes);
    remote.put(key, &Upload { from, size: bytes.len() as u64, digest, moved: &count })?;
    remote.settle()
}

fn get(remote: &dyn Remote, key: &str, start: u64) -> Result<Vec<u8>, RemoteError> {
    let mut bytes = Vec::new();
    let mut take = |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        ControlFlow::Continue(())
    };
    remote.get(key, start, &mut take)?;
    Ok(bytes)
}

#[test]
fn objects_are_put_listed_read_touched_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    let remote = FolderRemote::new("store", &folder.path().join("remote"));
    assert_eq!(keys(&remote, ""), [], "where nothing was put is nothing");
    assert!(matches!(get(&remote, "a/b", 0), Err(RemoteError::Failed { .. })), "it may not be mounted");
    for (key, bytes) in [("a/bc/x", "1"), ("a/bc/y", "22"), ("a/bd/x", "333"), ("b/x", "")] {
        put(&remote, &from, key, bytes.as_bytes(), u64::MAX).unwrap();
    }
    let all =
        [("a/bc/x".to_owned(), 1), ("a/bc/y".to_owned(), 2), ("a/bd/x".to_owned(), 3), ("b/x".to_owned(), 0)];
    assert_eq!(keys(&remote, ""), all);
    assert_eq!(keys(&remote, "a/"), all[..3]);
    assert_eq!(keys(&remote, "a/b"), all[..3]);
    assert_eq!(keys(&remote, "a/bc/"), all[..2]);
    assert_eq!(keys(&remote, "a/bd/x"), all[2..3]);
    assert_eq!(keys(&remote, "c/"), []);
    put(&remote, &from, "b/x", b"other", u64::MAX).unwrap();
    assert_eq!(get(&remote, "b/x", 0).unwrap(), b"other");
    assert_eq!(get(&remote, "b/x", 3).unwrap(), b"er");
    assert_eq!(get(&remote, "b/x", 9).unwrap(), b"");
    assert!(matches!(get(&remote, "b/none", 0), Err(RemoteError::Missing { .. })));
    assert!(matches!(get(&remote, "a", 0), Err(RemoteError::Missing { .. })), "a folder is no object");
    let now = remote.now().unwrap();
    assert!(!remote.remove("b/x", Some(now - 60_000_000_000)).unwrap(), "it is young");
    assert!(remote.touch("b/x").unwrap() && !remote.touch("b/none").unwrap());
    assert!(remote.remove("b/x", Some(now + 60_000_000_000)).unwrap());
    assert!(remote.remove("a/bd/x", None).unwrap() && !remote.remove("a/bd/x", None).unwrap());
    assert_eq!(keys(&remote, ""), all[..2]);
}

#[test]
fn small_objects_are_whole_and_a_settled_remote_has_asked_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    fs::write(&from, "bytes").unwrap();
    for count in [0, 1, 4, 5, 300] {
        let root = folder.path().join(format!("remote{count}"));
        let remote = FolderRemote::new("store", &root).with_sync(Sync::Full);
        let moved = |_| ControlFlow::Continue(());
        let upload = Upload { from: &from, size: 5, digest: hash_bytes(b"bytes"), moved: &moved };
        let key = |at: usize| format!("{}/{at}", at % 7);
        (0..count).for_each(|at| remote.put(&key(at), &upload).unwrap());
        let all = keys(&remote, "");
        assert_eq!((all.len(), all.iter().all(|(_, size)| *size == 5)), (count, true));
        remote.settle().unwrap();
        assert_eq!(keys(&remote, "").len(), count);
        // What it cannot ask the disk for is no success: few by their files, many by their folders.
        (0..count).for_each(|at| remote.put(&key(at), &upload).unwrap());
        let _ = fs::remove_dir_all(&root);
        assert_eq!(remote.settle().is_ok(), count == 0, "{count}");
        remote.settle().unwrap();
    }
}

#[test]
fn the_disk_is_not_waited_for_unless_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let (from, root) = (folder.path().join("from"), folder.path().join("remote"));
    fs::write(&from, vec![7; 3 << 20]).unwrap();
    let upload = |size: u64| Upload {
        from: &from,
        size,
        digest: hash_bytes(&vec![7; size as usize]),
        moved: &|_| ControlFlow::Continue(()),
    };
    for (sync, is_waited_for) in [(Sync::Normal, !disk::keeps_order(folder.path())), (Sync::Full, true)] {
        let remote = FolderRemote::new("store", &root).with_sync(sync);
        (0..9).for_each(|at| remote.put(&format!("{at}/small"), &upload(5)).unwrap());
        remote.put("large", &upload(3 << 20)).unwrap();
        assert_eq!(keys(&remote, "").len(), 10);
        assert_eq!(get(&remote, "large", 0).unwrap().len(), 3 << 20);
        // Who asks the disk for what is gone is told so.
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(remote.settle().is_err(), is_waited_for, "{sync:?}");
    }
    assert!(!disk::keeps_order(Path::new("/proc")), "nor any other that is not known");
}

#[test]
fn a_part_is_no_object_and_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    let remote = FolderRemote::new("store", &folder.path().join("remote")).resuming_from(1 << 20);
    let bytes: Vec<u8> = (0..5_u32 << 20).map(|at| (at % 251) as u8).collect();
    let key = format!("blake3/ab/{}", "c".repeat(62));
    let stopped = put(&remote, &from, &key, &bytes, 2 << 20);
    assert!(matches!(stopped, Err(RemoteError::Stopped)));
    assert_eq!(keys(&remote, ""), []);
    let mut left = Vec::new();
    remote.leftovers(&mut |object| left.push(object)).unwrap();
    assert_eq!((left.len(), left[0].size), (1, 2 << 20));
    // Three of five pieces are left to go.
    put(&remote, &from, &key, &bytes, 4 << 20).unwrap();
    assert_eq!(get(&remote, &key, 0).unwrap(), bytes);
    // One that was damaged meanwhile is begun anew.
    put(&remote, &from, &key, &bytes, 2 << 20).unwrap_err();
    fs::write(folder.path().join("remote").join(&left[0].key), "junk").unwrap();
    put(&remote, &from, &key, &bytes, u64::MAX).unwrap();
    assert_eq!(get(&remote, &key, 0).unwrap(), bytes);
    left.clear();
    remote.leftovers(&mut |object| left.push(object)).unwrap();
    assert_eq!(left, []);
}

#[test]
fn other_bytes_than_promised_are_not_put() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    fs::write(&from, "evil").unwrap();
    let remote = FolderRemote::new("store", &folder.path().join("remote"));
    let moved = |_| ControlFlow::Continue(());
    let upload = Upload { from: &from, size: 4, digest: hash_bytes(b"good"), moved: &moved };
    let fault = remote.put("a/b", &upload).unwrap_err();
    assert!(matches!(fault, RemoteError::Mismatch { .. }), "{fault}");
    assert_eq!(fs::read_dir(folder.path().join("remote/a")).unwrap().count(), 0);
}

#[test]
fn no_key_leads_out_and_nothing_but_files_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    let root = folder.path().join("remote");
    let remote = FolderRemote::new("store", &root);
    fs::create_dir(&root).unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    for key in ["../secret", "/etc/passwd", "a/../../secret", "", "a//b", "./a"] {
        assert!(get(&remote, key, 0).is_err(), "{key}");
        assert!(put(&remote, &from, key, b"x", u64::MAX).is_err(), "{key}");
        assert!(remote.remove(key, None).is_err(), "{key}");
    }
    assert_eq!(fs::read(folder.path().join("secret")).unwrap(), b"secret");
    std::os::unix::fs::symlink(folder.path().join("secret"), root.join("link")).unwrap();
    assert!(matches!(get(&remote, "link", 0), Err(RemoteError::Missing { .. })));
    assert_eq!(keys(&remote, ""), []);
}

#[test]
fn many_small_objects_from_many_threads_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let remote = FolderRemote::new("store", &folder.path().join("remote"));
    let name = |thread: usize, at: usize| format!("{thread}/{at:040x}");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (remote, from) = (&remote, folder.path().join(format!("from{thread}")));
            scope.spawn(move || {
                for at in 0..400 {
                    let bytes = format!("{thread} {at}");
                    fs::write(&from, &bytes).unwrap();
                    let (size, digest) = (bytes.len() as u64, hash_bytes(bytes.as_bytes()));
                    let moved = |_| ControlFlow::Continue(());
                    let upload = Upload { from: &from, size, digest, moved: &moved };
                    remote.put(&name(thread, at), &upload).unwrap();
                }
            });
        }
    });
    remote.settle().unwrap();
    assert_eq!(keys(&remote, "").len(), 8 * 400);
    assert_eq!(get(&remote, &name(7, 399), 0).unwrap(), b"7 399");
    let mut left = 0;
    remote.leftovers(&mut |_| left += 1).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn a_large_object_is_what_its_digest_says() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    let remote = FolderRemote::new("store", &folder.path().join("remote"));
    let bytes: Vec<u8> = (0..5_000_001_u32).map(|at| (at % 251) as u8).collect();
    put(&remote, &from, "a/b", &bytes, u64::MAX).unwrap();
    assert_eq!(get(&remote, "a/b", 0).unwrap(), bytes);
    assert_eq!(get(&remote, "a/b", 4_000_000).unwrap(), bytes[4_000_000..]);
    // Progress is told of in pieces.
    assert!(matches!(put(&remote, &from, "a/c", &bytes, 2_000_000), Err(RemoteError::Stopped)));
    // One that holds other bytes, or fewer.
    for other in [&bytes[1..], &bytes[..4_999_999]] {
        fs::write(&from, other).unwrap();
        let moved = |_| ControlFlow::Continue(());
        let upload = Upload { from: &from, size: 5_000_001, digest: hash_bytes(&bytes), moved: &moved };
        assert!(matches!(remote.put("a/d", &upload), Err(RemoteError::Mismatch { .. })));
    }
    assert_eq!(keys(&remote, "").len(), 1);
}
