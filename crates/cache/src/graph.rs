//! The objects that some contents are made of, each once, and which of them names which.
//!
//! There may be millions of them: of each there is little more than its digest, and its path is made when somebody asks.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use base::{Digest, FileState, ProjectPath};
use hashbrown::HashTable;

use crate::transfer::{Extent, Item, Name, Root};
use crate::tree::Tree;

/// One of the objects of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place(u32);

impl Place {
    fn of(at: usize) -> Self {
        Place(u32::try_from(at).expect("no graph is given so many objects"))
    }

    /// A number below [`Graph::len`].
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// Contents with all that is in them.
#[derive(Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
    /// Their names in the folders in which they were found first, one after the other.
    names: String,
    /// The paths of those that lie in none of the others.
    tops: HashMap<Place, ProjectPath>,
    /// What is in folders whose manifests are known, one folder after the other,
    entries: Vec<Place>,
    /// and where in this list.
    folders: HashMap<Place, Range<usize>>,
    /// All of them by their digests.
    known: HashTable<Place>,
    hasher: RandomState,
}

struct Node {
    state: FileState,
    /// Where its name begins.
    name: usize,
    /// The folder in which it was found first; of a top, itself.
    above: Place,
    is_old: bool,
    /// Whether it is an object of its own: a folder in a folder may stand in the manifest of that one.
    is_object: bool,
}

impl Node {
    fn name(&self) -> Name {
        Name { digest: self.state.digest, is_folder: self.state.is_folder(), is_old: self.is_old }
    }
}

impl Graph {
    /// How many objects and folders there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// All of them, in the order in which they were found.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> + use<> {
        (0..self.nodes.len()).map(Place::of)
    }

    /// Those that are objects of their own.
    pub(crate) fn objects(&self) -> impl Iterator<Item = Place> {
        self.places().filter(|place| self.nodes[place.at()].is_object)
    }

    /// Those that are files.
    pub(crate) fn files(&self) -> impl Iterator<Item = Place> {
        self.places().filter(|place| !self.state(*place).is_folder())
    }

    /// What one is.
    pub(crate) fn state(&self, place: Place) -> &FileState {
        &self.nodes[place.at()].state
    }

    /// What one is named by.
    pub(crate) fn name(&self, place: Place) -> Name {
        self.nodes[place.at()].name()
    }

    /// One with its path.
    pub(crate) fn item(&self, place: Place) -> Item {
        let Node { state, is_old, .. } = self.nodes[place.at()];
        Item { path: self.path(place), state, is_old }
    }

    fn path(&self, place: Place) -> ProjectPath {
        let mut parts = Vec::new();
        let mut place = place;
        loop {
            if let Some(top) = self.tops.get(&place) {
                return parts.into_iter().rev().fold(top.clone(), |path, name| path.join(name));
            }
            let end = self.nodes.get(place.at() + 1).map_or(self.names.len(), |next| next.name);
            let node = &self.nodes[place.at()];
            parts.push(&self.names[node.name..end]);
            place = node.above;
        }
    }

    /// What is in a folder; of a file, and of a folder whose manifest is not known, nothing.
    pub(crate) fn below(&self, place: Place) -> &[Place] {
        self.folders.get(&place).map_or(&[], |range| &self.entries[range.clone()])
    }

    /// Those of a digest.
    pub(crate) fn of_digest(&self, digest: &Digest) -> impl Iterator<Item = Place> {
        let found = self.known.iter_hash(self.hasher.hash_one(digest)).copied();
        found.filter(move |place| self.state(*place).digest == *digest)
    }

    /// Adds a content, unless it is there. A folder that is new goes into `new`. With `is_flat` a part of another one has no
    /// manifest of its own.
    pub(crate) fn add_root(&mut self, root: &Root, is_flat: bool, new: &mut Vec<Place>) {
        let count = self.len();
        let place = self.add(root.state, root.is_old, None, new);
        let is_object = !(is_flat && root.extent == Extent::Part && root.state.is_folder());
        let node = &mut self.nodes[place.at()];
        if place.at() == count || (is_object && !node.is_object) {
            node.is_object = is_object;
            self.tops.insert(place, root.path.clone());
        }
    }

    /// Adds what is in a folder. Folders that are new go into `new`. With `is_flat` they have no manifest of their own.
    pub(crate) fn add_entries(&mut self, folder: Place, tree: &Tree, is_flat: bool, new: &mut Vec<Place>) {
        let is_old = self.nodes[folder.at()].is_old;
        let start = self.entries.len();
        for (name, entry) in tree.entries() {
            let count = self.len();
            let place = self.add(entry.state(), is_old, Some((folder, name)), new);
            if place.at() == count {
                self.nodes[count].is_object = !(is_flat && entry.state().is_folder());
            }
            self.entries.push(place);
        }
        self.folders.insert(folder, start..self.entries.len());
    }

    fn add(
        &mut self,
        state: FileState,
        is_old: bool,
        found: Option<(Place, &str)>,
        new: &mut Vec<Place>,
    ) -> Place {
        let name = Name { digest: state.digest, is_folder: state.is_folder(), is_old };
        let hash = self.hasher.hash_one(name.digest);
        if let Some(known) = self.known.find(hash, |place| self.nodes[place.at()].name() == name) {
            return *known;
        }
        let place = Place::of(self.nodes.len());
        let (above, text) = found.unwrap_or((place, ""));
        self.nodes.push(Node { state, name: self.names.len(), above, is_old, is_object: false });
        self.names.push_str(text);
        let Graph { nodes, known, hasher, .. } = self;
        known.insert_unique(hash, place, |place| hasher.hash_one(nodes[place.at()].state.digest));
        if state.is_folder() {
            new.push(place);
        }
        place
    }

    /// All of them by how far they are above files: what is in a folder comes in an earlier level than the folder.
    pub(crate) fn levels(&self) -> Vec<Vec<Place>> {
        // Files wait for nothing, so that only folders have to be counted.
        let folders_in =
            |place: Place| self.below(place).iter().filter(|below| self.state(**below).is_folder());
        let folders = || self.places().filter(|place| self.state(*place).is_folder());
        let mut above: HashMap<Place, Vec<Place>> = HashMap::new();
        let mut waiting: HashMap<Place, usize> = HashMap::new();
        for folder in folders() {
            for below in folders_in(folder) {
                // A folder may hold a content more than once.
                above.entry(*below).or_default().push(folder);
                *waiting.entry(folder).or_default() += 1;
            }
        }
        let mut levels = vec![self.files().collect()];
        let mut level: Vec<Place> = folders().filter(|place| !waiting.contains_key(place)).collect();
        while !level.is_empty() {
            let mut next = Vec::new();
            for folder in level.iter().filter_map(|place| above.get(place)).flatten() {
                let left = waiting.get_mut(folder).expect("it was counted");
                *left -= 1;
                if *left == 0 {
                    next.push(*folder);
                }
            }
            levels.push(std::mem::replace(&mut level, next));
        }
        levels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_bytes;
    use crate::tree::TreeEntry;

    fn file(text: &str) -> TreeEntry {
        TreeEntry::File { digest: hash_bytes(text.as_bytes()), size: 1, executable: false }
    }

    fn folder(tree: &Tree) -> TreeEntry {
        TreeEntry::Folder { digest: hash_bytes(&tree.encode()), size: 1, files: 1 }
    }

    #[test]
    fn each_content_is_there_once_with_the_path_where_it_was_found_first() {
        let tree = |entries: &[(&str, TreeEntry)]| {
            Tree::new(entries.iter().map(|(name, entry)| ((*name).to_owned(), entry.clone())).collect())
        };
        let inner = tree(&[("x", file("1")), ("y", file("2"))]);
        let middle = tree(&[("inner", folder(&inner)), ("z", file("2"))]);
        let outer = tree(&[("a", folder(&middle)), ("b", folder(&inner)), ("c", file("1"))]);
        let mut graph = Graph::default();
        let mut open = Vec::new();
        let path = ProjectPath::from_record("data/out").unwrap();
        let root = Root { path, state: folder(&outer).state(), is_old: false, extent: Extent::Whole };
        graph.add_root(&root, false, &mut open);
        graph.add_root(&root, false, &mut open);
        while let Some(place) = open.pop() {
            let known = [&inner, &middle, &outer];
            let tree = known.into_iter().find(|tree| folder(tree).state() == *graph.state(place)).unwrap();
            graph.add_entries(place, tree, false, &mut open);
        }
        let mut paths: Vec<String> =
            graph.objects().map(|place| graph.item(place).path.to_string()).collect();
        paths.sort();
        assert_eq!(paths, ["data/out", "data/out/a", "data/out/b", "data/out/b/y", "data/out/c"]);
        let levels: Vec<Vec<String>> = graph
            .levels()
            .iter()
            .map(|level| level.iter().map(|place| graph.item(*place).path.to_string()).collect())
            .collect();
        assert_eq!(levels[1..], [["data/out/b"], ["data/out/a"], ["data/out"]]);
        assert_eq!(levels[0].len(), 2);
        let one = hash_bytes(b"1");
        assert_eq!(
            graph.of_digest(&one).map(|place| graph.path(place).to_string()).collect::<Vec<_>>(),
            ["data/out/c"]
        );
        assert_eq!(graph.of_digest(&hash_bytes(b"none")).count(), 0);
    }
}
