//! Transfers with a remote in memory that plays every trick: it fails, lies about sizes, delivers other bytes, and hangs
//! up in the middle.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::gc::{Entries, GcOptions, Roots};
use crate::hash::hash_bytes;
use crate::remote_gc::{plan_remote_gc, sweep_remote};
use crate::stages::{StageCache, StageEntry, StageOut};
use crate::{Maker, Placement, State, Trust, Whose, Workspace, blob_key};

const NOW: i64 = 1_000_000 * JUST_USED;

#[derive(Default)]
struct Scripted {
    objects: Mutex<BTreeMap<String, (Vec<u8>, i64)>>,
    /// Everything that was asked, in order.
    asked: Mutex<Vec<String>>,
    /// How many reads hang up in their middle.
    hang_ups: AtomicUsize,
    /// How many writes fail for the moment.
    refusals: AtomicUsize,
    /// Whether listed sizes are made up.
    lies: AtomicBool,
    /// Whether all that is asked fails.
    is_gone: AtomicBool,
}

impl Scripted {
    fn fault(&self, key: &str, is_passing: bool) -> RemoteError {
        RemoteError::Failed {
            remote: "scripted".to_owned(),
            key: key.to_owned(),
            action: "reach",
            source: "no answer".into(),
            hint: None,
            is_passing,
            is_of_one: false,
        }
    }

    fn ask(&self, what: &str, key: &str) -> Result<(), RemoteError> {
        lock(&self.asked).push(format!("{what} {key}"));
        if self.is_gone.load(Ordering::Relaxed) { Err(self.fault(key, false)) } else { Ok(()) }
    }

    fn asked(&self, what: &str) -> usize {
        lock(&self.asked).iter().filter(|asked| asked.starts_with(what)).count()
    }

    fn keys(&self) -> Vec<String> {
        lock(&self.objects).keys().cloned().collect()
    }

    fn set(&self, key: &str, bytes: &[u8], modified: i64) {
        lock(&self.objects).insert(key.to_owned(), (bytes.to_vec(), modified));
    }

    fn age(&self) {
        lock(&self.objects).values_mut().for_each(|(_, modified)| *modified = NOW - 10 * JUST_USED);
    }
}

/// Takes one of a number, if there is one.
fn take(count: &AtomicUsize) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1)).is_ok()
}

impl Remote for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn list(
        &self,
        prefix: &str,
        found: &mut dyn FnMut(Object) -> ControlFlow<()>,
    ) -> Result<(), RemoteError> {
        self.ask("list", prefix)?;
        let lie = u64::from(self.lies.load(Ordering::Relaxed));
        let all = lock(&self.objects).clone();
        for (key, (bytes, modified)) in all.into_iter().filter(|(key, _)| key.starts_with(prefix)) {
            if found(Object { key, size: bytes.len() as u64 + lie, modified: Some(modified) }).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn get(&self, key: &str, start: u64, sink: &mut crate::Sink<'_>) -> Result<(), RemoteError> {
        self.ask("get", key)?;
        let missing = || RemoteError::Missing { remote: "scripted".to_owned(), key: key.to_owned() };
        let bytes = lock(&self.objects).get(key).cloned().ok_or_else(missing)?.0;
        let rest = bytes.get(usize::try_from(start).unwrap()..).unwrap_or_default();
        let hangs_up = take(&self.hang_ups);
        let end = if hangs_up { rest.len() / 2 } else { rest.len() };
        let _ = sink(&rest[..end]);
        if hangs_up { Err(self.fault(key, true)) } else { Ok(()) }
    }

    fn put(&self, key: &str, upload: &Upload<'_>) -> Result<(), RemoteError> {
        self.ask("put", key)?;
        if take(&self.refusals) {
            return Err(self.fault(key, true));
        }
        let bytes = disk::read(upload.from).unwrap();
        if hash_bytes(&bytes) != upload.digest {
            return Err(RemoteError::Mismatch { remote: "scripted".to_owned(), key: key.to_owned() });
        }
        if (upload.moved)(bytes.len() as u64).is_break() {
            return Err(RemoteError::Stopped);
        }
        self.set(key, &bytes, NOW);
        Ok(())
    }

    fn remove(&self, key: &str, unless_since: Option<i64>) -> Result<bool, RemoteError> {
        self.ask("remove", key)?;
        let mut objects = lock(&self.objects);
        let is_old = objects.get(key).is_some_and(|(_, at)| unless_since.is_none_or(|since| *at < since));
        Ok(is_old && objects.remove(key).is_some())
    }

    fn touch(&self, key: &str) -> Result<bool, RemoteError> {
        self.ask("touch", key)?;
        Ok(lock(&self.objects).get_mut(key).map(|(_, modified)| *modified = NOW).is_some())
    }

    fn now(&self) -> Result<i64, RemoteError> {
        self.ask("now", "")?;
        Ok(NOW)
    }
}

struct House {
    folder: tempfile::TempDir,
    remote: Scripted,
    meter: Meter,
}

impl House {
    fn new() -> Self {
        let stop = Arc::default();
        House { folder: tempfile::tempdir().unwrap(), remote: Scripted::default(), meter: Meter::new(stop) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn workspace(&self, name: &str) -> Workspace {
        Workspace::new(
            &self.path(name),
            &self.path(name).join(".pipe/cache"),
            State::anew(&self.path("state")),
        )
    }

    /// A folder `out` with two files and a folder in it, stored in the cache of `here`.
    fn roots(&self) -> (Workspace, Vec<Root>) {
        let here = self.workspace("here");
        for (name, text) in [("out/a", "alpha"), ("out/sub/b", "beta"), ("out/sub/c", "gamma")] {
            disk::replace(&self.path("here").join(name), text.as_bytes()).unwrap();
        }
        let path = ProjectPath::from_record("out").unwrap();
        let state = here.store(&path, Placement::Private).unwrap().unwrap();
        (here, vec![Root { path, state, is_old: false, extent: Extent::Whole }])
    }

    fn transfer<'a>(&'a self, blobs: &'a Blobs) -> Transfer<'a> {
        Transfer { blobs, remote: &self.remote, jobs: 3, resumed: 1, meter: &self.meter }
    }
}

#[test]
fn what_is_missing_goes_over_and_the_manifests_go_last() {
    let house = House::new();
    let (here, roots) = house.roots();
    let there = house.workspace("there");
    let report = house.transfer(&here.blobs).push(&roots).unwrap();
    assert_eq!((report.moved.count, report.present.count, report.is_whole()), (5, 0, true));
    let puts: Vec<String> =
        lock(&house.remote.asked).iter().filter(|asked| asked.starts_with("put")).cloned().collect();
    assert_eq!(puts[4], format!("put {}", blob_key(&roots[0].state.digest)), "the folder comes last");
    let report = house.transfer(&here.blobs).push(&roots).unwrap();
    assert_eq!((report.moved.count, report.present.count), (0, 5));
    assert_eq!(house.remote.asked("touch"), 0, "what was just put there needs no touch");
    house.remote.age();
    house.transfer(&here.blobs).push(&roots).unwrap();
    assert_eq!(house.remote.asked("touch"), 5);
    let report = house.transfer(&there.blobs).fetch(&roots).unwrap();
    assert_eq!((report.moved.count, report.is_whole()), (5, true));
    there.restore(&roots[0].path, &roots[0].state, Placement::Private).unwrap();
    assert_eq!(disk::read(&house.path("there/out/sub/c")).unwrap(), b"gamma");
    let report = house.transfer(&there.blobs).fetch(&roots).unwrap();
    assert_eq!((report.moved.count, report.present.count), (0, 5));
}

#[test]
fn a_remote_is_asked_by_listing_when_there_is_much() {
    let house = House::new();
    let here = house.workspace("here");
    for at in 0..500 {
        disk::replace_volatile(&house.path(&format!("here/out/{at}")), format!("{at}").as_bytes()).unwrap();
    }
    let path = ProjectPath::from_record("out").unwrap();
    let state = here.store(&path, Placement::Private).unwrap().unwrap();
    house.transfer(&here.blobs).push(&[Root { path, state, is_old: false, extent: Extent::Whole }]).unwrap();
    assert!(house.remote.asked("list") <= 256, "{}", house.remote.asked("list"));
    assert_eq!(house.remote.asked("put"), 501);
}

#[test]
fn a_file_that_holds_a_manifest_is_one_object_with_its_folder() {
    let house = House::new();
    let (here, mut roots) = house.roots();
    let digest = roots[0].state.digest;
    let size = disk::read(&here.blobs.path(&digest)).unwrap().len() as u64;
    let state = FileState { digest, size, files: None, executable: false };
    roots.push(Root {
        path: ProjectPath::from_record("list").unwrap(),
        state,
        is_old: false,
        extent: Extent::Whole,
    });
    assert!(house.transfer(&here.blobs).push(&roots).unwrap().is_whole());
    assert_eq!(house.remote.keys().len(), 5);
    let report = house.transfer(&here.blobs).push(&roots).unwrap();
    assert_eq!((report.moved.count, report.present.count), (0, 6));
    let there = house.workspace("there");
    assert!(house.transfer(&there.blobs).fetch(&roots).unwrap().is_whole());
    assert!(there.blobs.has_all(&roots[0].state) && there.blobs.has_all(&roots[1].state));
}

/// Another list tells what is in it, but whoever looks for it by its name alone looks for its own.
#[test]
fn a_folder_of_dvc_has_its_list_though_another_one_describes_it() {
    let house = House::new();
    house.roots();
    let dvc = |name: &str| {
        let blobs = Blobs::with_layout(&house.path(name).join("cache"), crate::Layout::Dvc);
        let stages = StageCache::new(&house.path(name).join("stages"));
        Workspace::with_caches(&house.path("here"), blobs, stages, State::anew(&house.path("state")))
    };
    let (here, there) = (dvc("one"), dvc("two"));
    let roots = ["out", "out/sub"].map(|path| {
        let path = ProjectPath::from_record(path).unwrap();
        let state = here.store(&path, Placement::Private).unwrap().unwrap();
        Root { path, state, is_old: false, extent: Extent::Whole }
    });
    for root in &roots {
        let list = disk::read(&here.blobs.manifest_path(&root.state.digest)).unwrap();
        house.remote.set(&here.blobs.layout().key(&root.state.digest, true, false), &list, NOW);
    }
    for text in ["alpha", "beta", "gamma"] {
        let digest = crate::hash::hash_bytes_by(base::Algorithm::Md5, text.as_bytes());
        house.remote.set(&here.blobs.layout().key(&digest, false, false), text.as_bytes(), NOW);
    }
    // The second is known when it is asked for.
    for root in &roots {
        let report = house.transfer(&there.blobs).fetch(std::slice::from_ref(root)).unwrap();
        assert!(report.is_whole());
    }
    for root in &roots {
        assert!(there.blobs.manifest_path(&root.state.digest).is_file(), "{}", root.path);
    }
    let report = house.transfer(&there.blobs).fetch(&roots).unwrap();
    assert_eq!((report.moved.count, report.present.count), (0, 5));
}

#[test]
fn the_digest_of_a_key_is_that_of_its_content() {
    for layout in [crate::Layout::Native, crate::Layout::Dvc] {
        let digest = crate::hash::hash_bytes_by(layout.algorithm(), b"x");
        for (is_folder, is_old) in [(false, false), (true, false), (false, true), (true, true)] {
            assert_eq!(layout.digest_of_key(&layout.key(&digest, is_folder, is_old)), Some(digest));
        }
        assert_eq!(layout.digest_of_key("stages/ab/cd"), None);
        assert_eq!(layout.digest_of_key("x"), None);
    }
}

#[test]
fn what_passes_is_tried_again_and_gone_on_with() {
    let house = House::new();
    let (here, roots) = house.roots();
    house.remote.refusals.store(2, Ordering::Relaxed);
    assert!(house.transfer(&here.blobs).push(&roots).unwrap().is_whole());
    house.remote.hang_ups.store(2, Ordering::Relaxed);
    let there = house.workspace("there");
    assert!(house.transfer(&there.blobs).fetch(&roots).unwrap().is_whole());
    assert!(there.blobs.has_all(&roots[0].state));
    house.remote.is_gone.store(true, Ordering::Relaxed);
    let fault = house.transfer(&here.blobs).push(&roots).unwrap_err();
    assert!(fault.to_string().contains("failed to reach blake3/"), "{fault}");
}

#[test]
fn other_bytes_are_never_taken() {
    let house = House::new();
    let (here, roots) = house.roots();
    house.transfer(&here.blobs).push(&roots).unwrap();
    let beta = blob_key(&hash_bytes(b"beta"));
    house.remote.set(&beta, b"evil", NOW);
    let there = house.workspace("there");
    let report = house.transfer(&there.blobs).fetch(&roots).unwrap();
    assert_eq!((report.moved.count, report.failed.len()), (4, 1));
    assert!(report.failed[0].1.contains("delivers other bytes under"), "{}", report.failed[0].1);
    assert_eq!(report.failed[0].0.path.as_str(), "out/sub/b");
    assert!(!there.blobs.has(&hash_bytes(b"beta")));
    // So it is with a manifest: nothing that it names is asked for.
    let sub = here.blobs.tree(&roots[0].state.digest).unwrap().entries()[1].1.state().digest;
    let hostile = format!("pipe-tree 1\nfile {} 4 ../../evil\n", hash_bytes(b"evil").hex());
    house.remote.set(&blob_key(&sub), hostile.as_bytes(), NOW);
    let third = house.workspace("third");
    let report = house.transfer(&third.blobs).fetch(&roots).unwrap();
    assert_eq!((report.moved.count, report.failed.len()), (2, 1));
    assert!(!third.blobs.has(&sub));
    // A lock may name such a manifest rightly: it is fetched, and is none.
    let digest = hash_bytes(hostile.as_bytes());
    house.remote.set(&blob_key(&digest), hostile.as_bytes(), NOW);
    let state = FileState { digest, size: 4, files: Some(1), executable: false };
    let report = house
        .transfer(&third.blobs)
        .fetch(&[Root { path: roots[0].path.clone(), state, is_old: false, extent: Extent::Whole }])
        .unwrap();
    assert_eq!(report.failed.len(), 1);
    assert!(report.failed[0].1.contains("failed to read the tree"), "{}", report.failed[0].1);
    // Sizes that are made up cost time, and harm nothing.
    house.remote.lies.store(true, Ordering::Relaxed);
    assert_eq!(house.transfer(&here.blobs).push(&roots).unwrap().moved.count, 5);
    assert_eq!(lock(&house.remote.objects)[&beta].0, b"beta");
}

#[test]
fn what_is_damaged_at_equal_size_is_replaced_on_either_side() {
    let house = House::new();
    let (here, roots) = house.roots();
    let beta = hash_bytes(b"beta");
    house.transfer(&here.blobs).push(&roots).unwrap();
    let paths = |report: &Report| report.damaged.iter().map(|item| item.path.to_string()).collect::<Vec<_>>();
    house.remote.set(&blob_key(&beta), b"evil", NOW);
    house.remote.set(&blob_key(&roots[0].state.digest), b"pipe-tree 1\n", NOW);
    assert_eq!(house.transfer(&here.blobs).push(&roots).unwrap().moved.count, 1, "sizes are believed");
    let report = house.transfer(&here.blobs).push_checked(&roots, true).unwrap();
    assert_eq!((report.moved.count, paths(&report)), (1, vec!["out/sub/b".to_owned()]));
    assert!(report.is_whole());
    assert_eq!(lock(&house.remote.objects)[&blob_key(&beta)].0, b"beta");
    disk::replace(&here.blobs.path(&beta), b"evil").unwrap();
    let report = house.transfer(&here.blobs).fetch(&roots).unwrap();
    assert_eq!((report.moved.count, paths(&report)), (1, vec!["out/sub/b".to_owned()]));
    assert_eq!(here.blobs.read(&beta).unwrap(), b"beta");
}

#[test]
fn what_is_nowhere_is_told_and_its_folder_is_not_put_there() {
    let house = House::new();
    let (here, roots) = house.roots();
    let beta = hash_bytes(b"beta");
    disk::remove(&here.blobs.path(&beta)).unwrap();
    let report = house.transfer(&here.blobs).push(&roots).unwrap();
    assert_eq!((report.moved.count, report.missing.len()), (2, 1));
    assert_eq!(report.missing[0].path.as_str(), "out/sub/b");
    assert!(report.absent.contains(&roots[0].state.digest), "neither is what names it");
    assert!(!house.remote.keys().contains(&blob_key(&roots[0].state.digest)));
    // So it is with one that is damaged here.
    disk::replace(&here.blobs.path(&beta), b"evil").unwrap();
    let report = house.transfer(&here.blobs).push(&roots).unwrap();
    assert_eq!(report.failed.len(), 1);
    assert!(!house.remote.keys().contains(&blob_key(&beta)));
    // What the remote has need not be here.
    house.remote.set(&blob_key(&beta), b"beta", NOW);
    disk::remove(&here.blobs.path(&beta)).unwrap();
    assert!(house.transfer(&here.blobs).push(&roots).unwrap().is_whole());
    let places = house.transfer(&here.blobs).compare(&roots).unwrap().places;
    let of = |here: bool, there: bool| {
        places.iter().filter(|place| (place.here, place.there) == (here, there)).count()
    };
    assert_eq!((of(true, true), of(false, true)), (4, 1));
}

#[test]
fn a_stop_ends_it_and_the_next_one_goes_on() {
    let house = House::new();
    let (here, roots) = house.roots();
    let stop = Arc::new(AtomicBool::new(true));
    let stopped = Meter::new(stop);
    let transfer = Transfer { meter: &stopped, ..house.transfer(&here.blobs) };
    assert!(matches!(transfer.push(&roots), Err(TransferError::Stopped)));
    assert!(matches!(transfer.fetch(&roots), Err(TransferError::Stopped)));
    assert!(house.transfer(&here.blobs).push(&roots).unwrap().is_whole());
}

fn entry(roots: &[Root], key: &[u8], user: &str) -> StageEntry {
    let outs = roots.iter().map(|root| StageOut { path: root.path.clone(), state: root.state }).collect();
    let maker = Maker { user: user.to_owned(), ..Maker::here() };
    StageEntry::new(hash_bytes(key), "make".to_owned(), outs, maker)
}

#[test]
fn results_come_with_what_they_name_when_they_are_trusted_and_right() {
    let house = House::new();
    let (here, roots) = house.roots();
    here.stages.store(&entry(&roots, b"key", "alice")).unwrap();
    let push = |blobs: &Blobs, stages: &StageCache| {
        let transfer = house.transfer(blobs);
        let results = crate::Results::Stages(stages);
        let entries = results.all().unwrap();
        let wanted: Vec<Root> = entries.iter().flat_map(crate::SharedEntry::roots).collect();
        let report = transfer.push(&wanted).unwrap();
        transfer.push_entries(&results, &entries, &report).unwrap()
    };
    assert_eq!(push(&here.blobs, &here.stages).moved, 1);
    assert_eq!(push(&here.blobs, &here.stages).present, 1);
    let there = house.workspace("there");
    let paths = [&roots[0].path];
    let key = hash_bytes(b"key");
    let with = |whose| there.stages.clone().with_trust(Trust { whose, other_platforms: false });
    let transfer = house.transfer(&there.blobs);
    for whose in [Whose::Local, Whose::Named(vec!["bob".to_owned()])] {
        assert!(!transfer.fetch_result(&with(whose), &key, &paths).unwrap());
    }
    assert!(!transfer.fetch_result(&there.stages, &key, &[]).unwrap(), "outs that are not declared");
    assert!(!transfer.fetch_result(&there.stages, &hash_bytes(b"other"), &paths).unwrap());
    assert!(crate::Results::Stages(&there.stages).all().unwrap().is_empty());
    assert!(transfer.fetch_result(&with(Whose::Named(vec!["alice".to_owned()])), &key, &paths).unwrap());
    assert_eq!(there.stages.restorable(&key, &paths, &there.blobs).unwrap().maker.user, "alice");
    // One under the name of another key, one that leads out, and junk are passed over.
    let (name, (bytes, _)) =
        lock(&house.remote.objects).iter().next_back().map(|(a, b)| (a.clone(), b.clone())).unwrap();
    assert!(name.starts_with("stages/"));
    let other = hash_bytes(b"other").hex();
    let file = name.rsplit('/').next().unwrap();
    house.remote.set(&format!("stages/{}/{other}/{file}", &other[..2]), &bytes, NOW);
    let hostile = String::from_utf8(bytes).unwrap().replace("\"out\"", "\"../../out\"");
    house.remote.set(&name.replace(file, &format!("{other}.json")), hostile.as_bytes(), NOW);
    house.remote.set(&name.replace(file, &format!("{}.json", "0".repeat(64))), b"junk", NOW);
    let third = house.workspace("third");
    let found = house.transfer(&third.blobs).remote_entries(&crate::Results::Stages(&third.stages)).unwrap();
    assert_eq!(found.entries.len(), 1);
}

/// What an entry names whose first line is a digest.
fn run_roots(text: &str) -> Option<Vec<Root>> {
    let state =
        FileState { digest: text.lines().next()?.parse().ok()?, size: 14, files: Some(3), executable: false };
    let path = ProjectPath::from_record("out").unwrap();
    Some(vec![Root { path, state, is_old: false, extent: Extent::Whole }])
}

#[test]
fn results_of_dvc_come_from_whom_their_comment_names() {
    let house = House::new();
    let (here, roots) = house.roots();
    house.transfer(&here.blobs).push(&roots).unwrap();
    let key = "ab".repeat(32);
    let place = |name: &str| format!("runs/ab/{key}/{}", name.repeat(32));
    let of = |user: &str, platform: &str, created: i64| {
        let (user, platform) = (user.to_owned(), platform.to_owned());
        let maker = Maker { user, platform, created: base::Timestamp(created), ..Maker::here() };
        format!("{}\n{}", roots[0].state.digest, maker.comment())
    };
    let own = crate::platform();
    house.remote.set(&place("0a"), of("bob", &own, 1).as_bytes(), NOW);
    house.remote.set(&place("0b"), of("ana", &own, 2).as_bytes(), NOW);
    house.remote.set(&place("0c"), of("ana", "plan9-mips", 3).as_bytes(), NOW);
    house.remote.set(&place("0d"), format!("{}\n", roots[0].state.digest).as_bytes(), NOW);
    let ana = || Whose::Named(vec!["ana".to_owned()]);
    let nobody = Whose::Named(vec!["carol".to_owned()]);
    // What each trusts, and of that the one that is restored.
    for (number, (whose, other_platforms, trusted, first)) in [
        (Whose::All, true, &["0c", "0b", "0a", "0d"][..], Some("0c")),
        (Whose::All, false, &["0b", "0a", "0d"], Some("0b")),
        (ana(), true, &["0c", "0b"], Some("0c")),
        (ana(), false, &["0b"], Some("0b")),
        (nobody, true, &[], None),
        (Whose::Local, true, &[], None),
    ]
    .into_iter()
    .enumerate()
    {
        let there = house.workspace(&format!("there{number}"));
        let trust = Trust { whose, other_platforms };
        let results = crate::Results::Runs { blobs: &there.blobs, trust: &trust, read: run_roots };
        let transfer = house.transfer(&there.blobs);
        let found = transfer.remote_entries(&results).unwrap().entries;
        let found: Vec<String> = found.into_iter().map(|entry| entry.key).collect();
        assert_eq!(found, trusted.iter().map(|name| place(name)).collect::<Vec<_>>(), "{trust:?}");
        assert_eq!(transfer.fetch_run(&results, &key, |_| true).unwrap(), first.is_some(), "{trust:?}");
        let kept = results.all().unwrap().into_iter().map(|entry| entry.key);
        assert_eq!(kept.collect::<Vec<_>>(), first.map(place).into_iter().collect::<Vec<_>>(), "{trust:?}");
    }
}

#[test]
fn of_two_who_made_the_same_result_of_dvc_the_first_stays() {
    let house = House::new();
    let (here, roots) = house.roots();
    let key = format!("runs/ab/{}/{}", "ab".repeat(32), "0a".repeat(32));
    let of = |user: &str| {
        let maker = Maker { user: user.to_owned(), created: base::Timestamp(1), ..Maker::here() };
        format!("{}\n{}", roots[0].state.digest, maker.comment())
    };
    let there = house.workspace("there");
    let trust = Trust::default();
    let [ours, theirs] = [&here, &there].map(|side| crate::Results::Runs {
        blobs: &side.blobs,
        trust: &trust,
        read: run_roots,
    });
    let [our_file, their_file] = [&here, &there].map(|side| side.blobs.root().join(&key));
    let push = || {
        let entries = ours.all().unwrap();
        let transfer = house.transfer(&here.blobs);
        let report = transfer.push(&roots).unwrap();
        transfer.push_entries(&ours, &entries, &report).unwrap().moved
    };
    disk::replace(&our_file, of("ana").as_bytes()).unwrap();
    assert_eq!(push(), 1);
    disk::replace(&our_file, of("bob").as_bytes()).unwrap();
    assert_eq!(push(), 0);
    let transfer = house.transfer(&there.blobs);
    let found = transfer.remote_entries(&theirs).unwrap().entries;
    transfer.fetch(&roots).unwrap();
    // Made here, too, while the other one was on its way; then another time, of the bytes alone.
    let own = of("carol");
    disk::replace(&their_file, own.as_bytes()).unwrap();
    assert_eq!(transfer.keep_entries(&theirs, &found).unwrap().moved, 1);
    assert_eq!(transfer.remote_entries(&theirs).unwrap().present, 1);
    assert!(transfer.fetch_run(&theirs, &"ab".repeat(32), |_| true).unwrap());
    assert_eq!(disk::read(&their_file).unwrap(), own.as_bytes());
    disk::remove(&their_file).unwrap();
    assert!(transfer.fetch_run(&theirs, &"ab".repeat(32), |_| true).unwrap());
    assert_eq!(disk::read(&their_file).unwrap(), of("ana").as_bytes());
}

#[test]
fn garbage_goes_but_for_what_is_young_and_what_it_names() {
    let house = House::new();
    let (here, roots) = house.roots();
    house.transfer(&here.blobs).push(&roots).unwrap();
    house.remote.set("somebody/else's", b"file", 0);
    let options =
        GcOptions { start: NOW - JUST_USED, entries: Entries::Limited, older_than: None, max_size: None };
    let count = |roots: &Roots| {
        let transfer = house.transfer(&here.blobs);
        let plan = plan_remote_gc(&transfer, roots, &options).unwrap();
        (plan.removed.files.count, plan.removed.folders.count)
    };
    assert_eq!(count(&Roots::default()), (0, 0), "all is young");
    house.remote.age();
    // A manifest that somebody is pushing keeps what it names.
    house.remote.touch(&blob_key(&roots[0].state.digest)).unwrap();
    assert_eq!(count(&Roots::default()), (0, 0));
    house.remote.age();
    let mut needed = Roots::default();
    needed.keep(&roots[0].state);
    assert_eq!(count(&needed), (0, 0));
    let mut sub = Roots::default();
    sub.keep(&here.blobs.tree(&roots[0].state.digest).unwrap().entries()[1].1.state());
    assert_eq!(count(&sub), (1, 1));
    assert_eq!(count(&Roots::default()), (3, 2));
    let transfer = house.transfer(&here.blobs);
    let plan = plan_remote_gc(&transfer, &Roots::default(), &options).unwrap();
    // Touched between plan and sweep: it stays.
    let alpha = blob_key(&hash_bytes(b"alpha"));
    house.remote.touch(&alpha).unwrap();
    assert_eq!(sweep_remote(&transfer, &plan).unwrap().total().count, 4);
    assert_eq!(house.remote.keys(), [alpha, "somebody/else's".to_owned()]);
    let removed: Vec<String> =
        lock(&house.remote.asked).iter().filter(|asked| asked.starts_with("remove")).cloned().collect();
    let folders = [&roots[0].state.digest].map(|digest| format!("remove {}", blob_key(digest)));
    assert!(removed[..2].contains(&folders[0]), "folders go before what they name");
}
