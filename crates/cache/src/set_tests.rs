//! Sets of files between a project and its cache.

use std::os::unix::fs::symlink;

use super::*;
use crate::{Checkout, State};

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

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.folder.path().join(path)).ok()
    }
}

/// All csv files below `r`.
fn with_choice<T>(then: impl FnOnce(&Choice<'_>) -> T) -> T {
    let base = ProjectPath::from_record("r").unwrap();
    let matches = |path: &ProjectPath| path.name().ends_with(".csv");
    then(&Choice { base: &base, matches: &matches, enters: &|_| true })
}

#[test]
fn a_set_is_stored_and_put_back_and_nothing_else_is_touched() {
    let project = project();
    let workspace = &project.workspace;
    with_choice(|choice| assert_eq!(workspace.observe_set(choice).unwrap(), None));
    project.write("r/a.csv", "1");
    project.write("r/deep/b.csv", "2");
    project.write("r/note.txt", "mine");
    let state = with_choice(|choice| {
        let state = workspace.observe_set(choice).unwrap().unwrap();
        assert!(!workspace.blobs.has_all(&state));
        assert_eq!(workspace.store_set(choice, Placement::Linked).unwrap(), Some(state));
        assert!(workspace.blobs.has_all(&state));
        state
    });
    assert_eq!((state.files, state.size), (Some(2), 2));
    // It is the tree of the folder that holds the chosen files alone.
    fs::remove_file(project.folder.path().join("r/note.txt")).unwrap();
    assert_eq!(workspace.observe(&ProjectPath::from_record("r").unwrap()).unwrap().unwrap(), state);
    project.write("r/note.txt", "mine");
    project.write("r/a.csv", "other");
    project.write("r/new/more.csv", "3");
    project.write("r/new/note.txt", "mine too");
    project.write("r/gone/more.csv", "3");
    fs::remove_file(project.folder.path().join("r/deep/b.csv")).unwrap();
    with_choice(|choice| workspace.restore_set(choice, &state, Placement::Linked).unwrap());
    assert_eq!(
        (project.read("r/a.csv").as_deref(), project.read("r/deep/b.csv").as_deref()),
        (Some("1"), Some("2"))
    );
    assert_eq!((project.read("r/new/more.csv"), project.read("r/gone/more.csv")), (None, None));
    assert_eq!(project.read("r/note.txt").as_deref(), Some("mine"));
    assert_eq!(project.read("r/new/note.txt").as_deref(), Some("mine too"));
}

#[test]
fn a_checkout_of_a_set_tells_what_it_would_lose() {
    let project = project();
    let workspace = &project.workspace;
    project.write("r/a.csv", "1");
    let state = with_choice(|choice| workspace.store_set(choice, Placement::Linked).unwrap().unwrap());
    project.write("r/a.csv", "2");
    project.write("r/b.csv", "3");
    project.write("r/note.txt", "mine");
    let name = ProjectPath::from_record("r/*.csv").unwrap();
    let mut plan = Checkout::default();
    with_choice(|choice| workspace.plan_checkout_set(&name, choice, &state, false, &mut plan).unwrap());
    assert_eq!(plan.unsaved.len(), 2);
    assert_eq!(plan.changes().len(), 2);
    workspace.carry_out(&mut plan, &project.folder.path().join("aside")).unwrap();
    assert_eq!((project.read("r/a.csv").as_deref(), project.read("r/b.csv")), (Some("1"), None));
    assert_eq!(project.read("r/note.txt").as_deref(), Some("mine"));
}

#[test]
fn what_lies_behind_a_link_to_a_folder_is_not_the_stages() {
    let project = project();
    let workspace = &project.workspace;
    project.write("mine/x.csv", "1");
    project.write("r/a.csv", "1");
    symlink("../mine", project.folder.path().join("r/link")).unwrap();
    symlink("../mine", project.folder.path().join("r/link.csv")).unwrap();
    symlink("../mine/x.csv", project.folder.path().join("r/file.csv")).unwrap();
    let files = with_choice(|choice| chosen_files(project.folder.path(), choice).unwrap());
    assert_eq!(files.iter().map(ProjectPath::as_str).collect::<Vec<_>>(), ["r/a.csv", "r/file.csv"]);
    let state = with_choice(|choice| workspace.store_set(choice, Placement::Linked).unwrap().unwrap());
    with_choice(|choice| workspace.restore_set(choice, &state, Placement::Linked).unwrap());
    assert_eq!(project.read("mine/x.csv").as_deref(), Some("1"));
    symlink("nowhere", project.folder.path().join("r/z.csv")).unwrap();
    let fault = with_choice(|choice| workspace.observe_set(choice).unwrap_err());
    assert!(matches!(fault, CacheError::Dangling { .. }), "{fault}");
}

#[test]
fn a_recorded_set_with_other_files_is_refused_and_a_folder_is_no_place() {
    let project = project();
    let workspace = &project.workspace;
    project.write("r/a.csv", "1");
    project.write("r/note.txt", "x");
    let all = workspace.store(&ProjectPath::from_record("r").unwrap(), Placement::Linked).unwrap().unwrap();
    project.write("r/note.txt", "mine");
    let fault = with_choice(|choice| workspace.restore_set(choice, &all, Placement::Linked).unwrap_err());
    assert!(matches!(fault, CacheError::Stray { .. }), "{fault}");
    assert_eq!(project.read("r/note.txt").as_deref(), Some("mine"));
    let state = with_choice(|choice| workspace.store_set(choice, Placement::Linked).unwrap().unwrap());
    fs::remove_file(project.folder.path().join("r/a.csv")).unwrap();
    project.write("r/a.csv/note.txt", "mine");
    assert!(with_choice(|choice| workspace.restore_set(choice, &state, Placement::Linked)).is_err());
    assert_eq!(project.read("r/a.csv/note.txt").as_deref(), Some("mine"));
}

/// Every one of them is the same blob, which threads place at the same time.
#[test]
fn equal_files_are_stored_at_the_same_time() {
    let text = "x".repeat(300_000);
    for _ in 0..20 {
        let project = project();
        std::thread::scope(|scope| {
            for at in 0..8 {
                let (project, text) = (&project, &text);
                scope.spawn(move || {
                    let path = ProjectPath::from_record(&format!("r/{at}.csv")).unwrap();
                    project.write(path.as_str(), text);
                    assert!(project.workspace.store(&path, Placement::Linked).unwrap().is_some());
                });
            }
        });
    }
}
