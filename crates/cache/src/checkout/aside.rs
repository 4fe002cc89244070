//! Folders that are new are filled where nobody looks and then put in place with one move: that spares each file the name that it
//! would have until it is whole, a fifth of the time that many small files take.
//!
//! What a killed process had made so is lost, which is why this is done with no more than a moment's work: large files, and those
//! beyond the first many, are placed one by one afterwards.

use std::io;
use std::ops::Range;
use std::path::Path;

use base::ProjectPath;
use rayon::prelude::*;

use super::{Checkout, Step, told};
use crate::CacheError;
use crate::hash::SMALL;
use crate::workspace::Workspace;

/// Fewer files in a new folder are placed one by one.
const FEW: usize = 16;

/// So many files at most are in a folder when it is put in place,
const MOST_FILES: usize = if cfg!(test) { 40 } else { 1 << 15 };

/// with so many bytes.
const MOST_BYTES: u64 = 256 << 20;

/// The steps that were done.
#[derive(Debug, Default)]
pub(super) struct Made(Vec<bool>);

impl Made {
    pub(super) fn contains(&self, at: usize) -> bool {
        self.0.get(at).copied().unwrap_or_default()
    }
}

impl Workspace {
    /// Makes folders that are new, with the small files in them, in the folder `aside`, and moves them to where they belong.
    pub(super) fn make_aside(&self, plan: &mut Checkout, aside: &Path) -> Result<Made, CacheError> {
        let mut made = Made(vec![false; plan.steps.len()]);
        let mut failed = Vec::new();
        if self.links.may_point() {
            return Ok(made);
        }
        for (serial, range) in new_folders(plan).into_iter().enumerate() {
            let top = &plan.steps[range.start].0;
            let chosen = chosen(plan, range.clone());
            let place = self.os_path(top);
            if chosen.len() < FEW || !place.parent().is_some_and(|above| disk::hand_down_alike(above, aside))
            {
                continue;
            }
            self.make_way(top)?;
            let there = aside.join(serial.to_string());
            let filled = match self.fill(plan, (top, &there), range.clone(), &chosen) {
                // Two names are one to this disk.
                Err(CacheError::Disk(fault)) if fault.source.kind() == io::ErrorKind::AlreadyExists => None,
                filled => Some(filled),
            };
            match filled {
                Some(Ok(faults)) if disk::move_folder(&there, &place).is_ok() => {
                    failed.extend(faults);
                    for at in &chosen {
                        made.0[*at] = true;
                    }
                }
                Some(Err(fault)) => {
                    let _ = disk::remove(&there);
                    return Err(fault);
                }
                // Where somebody has put something there meanwhile, files go over it one by one.
                _ => disk::remove(&there)?,
            }
        }
        plan.failed.extend(failed);
        Ok(made)
    }

    /// Makes the folder `top` in `there`, with the folders in it and the files `chosen`. Returns what the cache lacks.
    fn fill(
        &self,
        plan: &Checkout,
        (top, there): (&ProjectPath, &Path),
        range: Range<usize>,
        chosen: &[usize],
    ) -> Result<Vec<(ProjectPath, CacheError)>, CacheError> {
        let place = |path: &ProjectPath| {
            let below = path.as_str()[top.as_str().len()..].trim_start_matches('/');
            if below.is_empty() { there.to_owned() } else { there.join(below) }
        };
        for (path, step, _) in &plan.steps[range] {
            if *step == Step::Folder {
                disk::make_folder(&place(path))?;
            }
        }
        let faults = chosen.par_iter().filter_map(|at| {
            let (path, step, _) = &plan.steps[*at];
            let Step::File { digest, executable, .. } = step else { return None };
            let placed = self.place_aside(path, &place(path), digest, *executable);
            Some((path.clone(), placed.err()?))
        });
        told(faults.collect())
    }
}

/// The steps of each new folder that lies in no other new folder: the folder, and all that is in it.
fn new_folders(plan: &Checkout) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (at, (path, step, _)) in plan.steps.iter().enumerate() {
        match ranges.last_mut() {
            Some(range) if range.end == at && plan.steps[range.start].0.contains(path) => range.end = at + 1,
            _ if *step == Step::Folder => ranges.push(at..at + 1),
            _ => {}
        }
    }
    ranges
}

/// The files that are in a folder when it is put in place.
fn chosen(plan: &Checkout, range: Range<usize>) -> Vec<usize> {
    let mut chosen = Vec::new();
    let mut bytes = 0;
    for at in range {
        match plan.steps[at].1 {
            Step::File { size, .. }
                if size <= SMALL && bytes + size <= MOST_BYTES && chosen.len() < MOST_FILES =>
            {
                bytes += size;
                chosen.push(at);
            }
            _ => {}
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "tests play the user, who writes files as he likes")]

    use std::fs;

    use base::FileState;
    use disk::LinkType;

    use super::*;
    use crate::links::Placement;

    /// A folder of 30 files, one of them large, and one of 20 in it; recorded, and gone.
    fn recorded(kind: LinkType) -> (tempfile::TempDir, Workspace, FileState) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for at in 0..50 {
            let path = root.join(if at < 30 { "out" } else { "out/inner" }).join(format!("{at}.txt"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, if at == 7 { "x".repeat(200_000) } else { at.to_string() }).unwrap();
        }
        let state = crate::State::load(&root.join("state")).unwrap();
        let workspace = Workspace::new(root, &root.join("cache"), state).with_link_types(vec![kind]);
        let state = workspace.store(&out(), Placement::Private).unwrap().unwrap();
        fs::remove_dir_all(root.join("out")).unwrap();
        (folder, workspace, state)
    }

    fn out() -> ProjectPath {
        ProjectPath::from_record("out").unwrap()
    }

    fn checked_out(workspace: &Workspace, state: &FileState, root: &Path, between: impl Fn()) -> Checkout {
        let mut plan = Checkout::default();
        workspace.plan_checkout(&out(), state, false, &mut plan).unwrap();
        between();
        workspace.carry_out(&mut plan, &root.join("aside")).unwrap();
        assert!(fs::read_dir(root.join("aside")).map_or(true, |mut left| left.next().is_none()));
        plan
    }

    #[test]
    fn a_new_folder_is_put_in_place_with_all_that_is_in_it() {
        for kind in LinkType::ALL {
            let (folder, workspace, state) = recorded(kind);
            let plan = checked_out(&workspace, &state, folder.path(), || ());
            assert!(plan.failed.is_empty(), "{kind:?}");
            assert_eq!(workspace.observe(&out()).unwrap(), Some(state), "{kind:?}");
            let file = fs::read_to_string(folder.path().join("out/inner/42.txt"));
            assert_eq!(file.unwrap(), "42", "{kind:?}");
        }
    }

    #[test]
    fn what_the_cache_lacks_is_told_and_the_rest_is_there() {
        let (folder, workspace, state) = recorded(LinkType::Copy);
        let lacking = crate::hash::hash_bytes(b"12");
        fs::remove_file(workspace.blobs.path(&lacking)).unwrap();
        let plan = checked_out(&workspace, &state, folder.path(), || ());
        let failed: Vec<&str> = plan.failed.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(failed, ["out/12.txt"]);
        assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 30);
    }

    /// The group or the list of rights that a folder gives to what is made in it counts for a folder that is moved there, too.
    #[test]
    fn what_a_folder_hands_down_is_handed_down() {
        use std::os::unix::fs::PermissionsExt;
        for (parent, aside) in [(0o2755, 0o755), (0o755, 0o2755), (0o2755, 0o2755)] {
            let (folder, workspace, state) = recorded(LinkType::Copy);
            fs::create_dir(folder.path().join("aside")).unwrap();
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(parent)).unwrap();
            fs::set_permissions(folder.path().join("aside"), fs::Permissions::from_mode(aside)).unwrap();
            let plan = checked_out(&workspace, &state, folder.path(), || ());
            assert!(plan.failed.is_empty());
            for made in ["out", "out/inner"] {
                let mode = fs::metadata(folder.path().join(made)).unwrap().permissions().mode();
                assert_eq!(mode & 0o2000, parent & 0o2000, "{made} {parent:o} {aside:o}");
            }
        }
    }

    /// As where upper and lower case are one.
    #[test]
    fn names_that_are_one_to_the_disk_are_placed_one_by_one() {
        let (folder, workspace, state) = recorded(LinkType::Copy);
        let there = folder.path().join("aside/0/out.txt");
        fs::create_dir_all(there.parent().unwrap()).unwrap();
        fs::write(there.with_file_name("3.txt"), "another").unwrap();
        let plan = checked_out(&workspace, &state, folder.path(), || ());
        assert!(plan.failed.is_empty());
        assert_eq!(workspace.observe(&out()).unwrap(), Some(state));
    }

    #[test]
    fn what_cannot_be_put_in_place_leaves_nothing() {
        let (folder, workspace, state) = recorded(LinkType::Copy);
        let mut plan = Checkout::default();
        workspace.plan_checkout(&out(), &state, false, &mut plan).unwrap();
        // Nobody writes into a folder whose place a file has taken.
        fs::write(folder.path().join("out"), "mine").unwrap();
        workspace.carry_out(&mut plan, &folder.path().join("aside")).unwrap_err();
        assert_eq!(fs::read_to_string(folder.path().join("out")).unwrap(), "mine");
        assert_eq!(fs::read_dir(folder.path().join("aside")).unwrap().count(), 0);
        // The same where the folder above has become a symlink.
        fs::remove_file(folder.path().join("out")).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("out")).unwrap();
        workspace.carry_out(&mut plan, &folder.path().join("aside")).unwrap_err();
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_somebody_puts_there_meanwhile_stays() {
        let (folder, workspace, state) = recorded(LinkType::Copy);
        let mine = folder.path().join("out/mine");
        let plan = checked_out(&workspace, &state, folder.path(), || {
            fs::create_dir(folder.path().join("out")).unwrap();
            fs::write(&mine, "mine").unwrap();
        });
        assert!(plan.failed.is_empty());
        assert_eq!(fs::read_to_string(mine).unwrap(), "mine");
        assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 32);
    }
}
