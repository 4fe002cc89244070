//! Who reads what whom wrote: the order of stages, and what is wrong with it.
//!
//! An edge leads from the stage that writes an out to each stage with a dep equal to it, inside it, or containing
//! it. Every look-up goes by path through a sorted map, never from stage to stage, so that the work grows with
//! the number of paths and their depth.
//!
//! The edges are lists by dense number, which a scheduler can borrow as they are; petgraph's visit traits at the
//! end of the file make a petgraph graph of them, so that the searches are petgraph's. The order is our own:
//! petgraph's `toposort` and `Topo` promise none among stages that do not depend on each other, and here that of
//! the file counts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashSet};
use std::ops::Bound;

use base::ProjectPath;
use petgraph::Direction;
use petgraph::algo::kosaraju_scc;
use petgraph::visit::{
    Dfs, GraphBase, IntoNeighbors, IntoNeighborsDirected, IntoNodeIdentifiers, Reversed, Visitable,
};

use crate::codec::lock_beside;
use crate::dialect::Dialect;
use crate::resolve::FileGroup;
use crate::special::Glob;
use crate::stage::{Out, Stage, StageId, is_pointer};

/// Files that git itself reads: no stage may write them.
const GIT_FILES: [&str; 3] = [".gitignore", ".gitattributes", ".gitmodules"];

/// Files that tell what pipe, and DVC, pass over: no pointer may tell of them.
const IGNORE_FILES: [&str; 2] = [".pipeignore", ".dvcignore"];

/// The edges between stages. Acyclic.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Every out that is a path with its stage.
    producers: BTreeMap<ProjectPath, StageId>,
    /// Every out that is a pattern, as it is written and as it is meant, with its stage.
    patterns: Vec<(ProjectPath, Glob, StageId)>,
    /// Every out outside the project, by its place there, with its stage.
    outside: BTreeMap<ProjectPath, StageId>,
    /// By stage: those that write what it reads. Sorted, each once.
    upstream: Vec<Vec<StageId>>,
    /// By stage: those that read what it writes. Sorted, each once.
    downstream: Vec<Vec<StageId>>,
    /// All stages, each after its upstream, otherwise in the order of the file.
    order: Vec<StageId>,
}

/// Why stages make no graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GraphFault {
    /// The stage to point at.
    pub stage: StageId,
    pub message: String,
    pub hint: Option<String>,
}

impl GraphFault {
    fn new(stage: StageId, message: String) -> Self {
        GraphFault { stage, message, hint: None }
    }
}

impl Graph {
    /// The graph of `stages`; no out may be or contain one of the files `protected`.
    pub(crate) fn build(
        stages: &[Stage],
        protected: &BTreeSet<ProjectPath>,
    ) -> Result<Graph, Vec<GraphFault>> {
        let mut faults = Vec::new();
        for (id, stage) in numbered(stages) {
            faults.extend(stage.outs.iter().filter_map(|out| match &out.glob {
                None => refuse(id, stage, &out.path, protected),
                Some(glob) => refuse_pattern(id, stage, &out.path, glob, protected),
            }));
        }
        let producers = producers(stages, &mut faults);
        let patterns = patterns(stages, &producers, &mut faults);
        let outside = outside(stages, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut graph = Graph {
            producers,
            patterns,
            outside,
            upstream: vec![Vec::new(); stages.len()],
            downstream: vec![Vec::new(); stages.len()],
            order: Vec::new(),
        };
        let own = stages.iter().filter(|stage| !stage.is_source() && is_native(stage));
        let locks: HashSet<ProjectPath> = own.map(|stage| lock_beside(&stage.address.file)).collect();
        for (id, stage) in numbered(stages) {
            graph.connect(id, stage, &mut faults);
            let lock = stage.deps.iter().find(|dep| locks.contains(dep));
            faults.extend(lock.map(|lock| {
                let message = format!(
                    "dep `{lock}` of {} is a lock, which changes whenever a stage runs",
                    called(stage)
                );
                let hint = Some("name what the stages there write instead".to_owned());
                GraphFault { hint, ..GraphFault::new(id, message) }
            }));
        }
        if faults.is_empty()
            && let Err(cycle) = graph.sort()
        {
            faults.push(cycle_fault(stages, &cycle));
        }
        if faults.is_empty() { Ok(graph) } else { Err(faults) }
    }

    /// Adds the edges into one stage. A frozen one never runs, so it waits for nobody.
    fn connect(&mut self, id: StageId, stage: &Stage, faults: &mut Vec<GraphFault>) {
        let mut upstream = BTreeSet::new();
        for dep in &stage.deps {
            for (out, producer) in self.touching(dep) {
                if producer == id {
                    let name = &stage.address;
                    let message = match dep == out {
                        true => format!("stage `{name}` has `{dep}` both as dep and as out"),
                        false => format!("stage `{name}` has dep `{dep}` and out `{out}`, which overlap"),
                    };
                    let is_pattern = !self.producers.contains_key(out);
                    let hint = is_pattern && !dep.contains(out);
                    let hint = hint
                        .then(|| format!("leave it out: `exclude: ['{}']`", dep.relative_to(&stage.wdir)));
                    faults.push(GraphFault { hint, ..GraphFault::new(id, message) });
                } else {
                    upstream.insert(producer);
                }
            }
        }
        for glob in stage.special.iter().filter_map(|special| special.glob.as_ref()) {
            for (out, producer) in self.touching_glob(glob) {
                if producer == id {
                    let name = &stage.address;
                    let message =
                        format!("stage `{name}` has out `{out}`, which a pattern among its deps covers");
                    let out = out.relative_to(&stage.wdir);
                    let hint = Some(format!("leave it out: `exclude: ['{out}']`"));
                    faults.push(GraphFault { hint, ..GraphFault::new(id, message) });
                } else {
                    upstream.insert(producer);
                }
            }
        }
        let mut files: Vec<&ProjectPath> =
            stage.params.iter().filter_map(|param| param.file.inside()).collect();
        files.dedup();
        for file in files {
            for (out, producer) in self.touching(file) {
                if producer == id {
                    let message = format!(
                        "stage `{}` reads params from `{file}`, which its own out `{out}` holds",
                        stage.address
                    );
                    let hint = Some("let one stage write them, and another read them".to_owned());
                    faults.push(GraphFault { hint, ..GraphFault::new(id, message) });
                } else {
                    upstream.insert(producer);
                }
            }
        }
        let params = stage.params.iter().filter_map(|param| param.file.outside());
        for dep in stage.special.iter().map(|special| &special.name).chain(params) {
            let place = dep.place();
            for (_, producer) in place.iter().flat_map(|place| touching(&self.outside, place)) {
                if producer == id {
                    let message = format!("stage `{}` has dep `{dep}`, and writes there", stage.address);
                    faults.push(GraphFault::new(id, message));
                } else {
                    upstream.insert(producer);
                }
            }
        }
        if stage.frozen {
            return;
        }
        for &producer in &upstream {
            self.downstream[producer.index()].push(id);
        }
        self.upstream[id.index()] = upstream.into_iter().collect();
    }

    /// The outs that a stage reads, by its deps and by its patterns, with their stages.
    pub(crate) fn read_by(&self, stage: &Stage) -> Vec<(&ProjectPath, StageId)> {
        let globs = stage.special.iter().filter_map(|special| special.glob.as_ref());
        let by_path = stage.deps.iter().flat_map(|dep| self.touching(dep));
        by_path.chain(globs.flat_map(|glob| self.touching_glob(glob))).collect()
    }

    /// The outs equal to `path`, containing it, or inside it, and the patterns that concern it, with their stages.
    pub(crate) fn touching(&self, path: &ProjectPath) -> Vec<(&ProjectPath, StageId)> {
        let mut found = touching(&self.producers, path);
        let patterns = self.patterns.iter().filter(|(_, glob, _)| glob.concerns(path));
        found.extend(patterns.map(|(pattern, _, id)| (pattern, *id)));
        found
    }

    /// The outs that a pattern can mean something of, with their stages.
    fn touching_glob(&self, glob: &Glob) -> Vec<(&ProjectPath, StageId)> {
        let near = self.above(glob.base()).chain(self.below(glob.base()));
        let mut found: Vec<_> = near.filter(|(out, _)| glob.touches(out)).collect();
        let patterns = self.patterns.iter().filter(|(_, other, _)| glob.meets(other));
        found.extend(patterns.map(|(pattern, _, id)| (pattern, *id)));
        found
    }

    /// The outs equal to `path` or containing it. Outs do not overlap, so there is at most one.
    fn above(&self, path: &ProjectPath) -> impl Iterator<Item = (&ProjectPath, StageId)> {
        above(&self.producers, path)
    }

    fn below<'a>(&'a self, path: &ProjectPath) -> impl Iterator<Item = (&'a ProjectPath, StageId)> {
        below(&self.producers, path).map(|(path, &id)| (path, id))
    }

    /// Puts every stage behind its upstream; an error names the stages of one cycle, each before its reader.
    fn sort(&mut self) -> Result<(), Vec<StageId>> {
        let mut waiting: Vec<usize> = self.upstream.iter().map(Vec::len).collect();
        let mut ready: BinaryHeap<Reverse<StageId>> =
            self.ids().filter(|id| waiting[id.index()] == 0).map(Reverse).collect();
        let mut order = Vec::with_capacity(waiting.len());
        while let Some(Reverse(id)) = ready.pop() {
            order.push(id);
            for &reader in &self.downstream[id.index()] {
                waiting[reader.index()] -= 1;
                if waiting[reader.index()] == 0 {
                    ready.push(Reverse(reader));
                }
            }
        }
        if order.len() < waiting.len() {
            return Err(self.cycle());
        }
        self.order = order;
        Ok(())
    }

    /// One cycle, the earliest stage of the file first, so that the same cycle always reads the same.
    ///
    /// Kosaraju's search and not Tarjan's, since petgraph's Tarjan recurses: one stack frame for each stage of
    /// the longest chain.
    fn cycle(&self) -> Vec<StageId> {
        let knots = kosaraju_scc(self).into_iter().filter(|knot| knot.len() > 1);
        let mut knot = knots.min_by_key(|knot| knot.iter().min().copied()).expect("no order, so a cycle");
        knot.sort_unstable();
        let inside = |id: &StageId| knot.binary_search(id).is_ok();
        // Each stage of a knot reads from another one in it, so a walk upstream must come back to where it was.
        let mut seen = HashSet::new();
        let mut walk = Vec::new();
        let mut at = knot[0];
        while seen.insert(at) {
            walk.push(at);
            at = *self.upstream(at).iter().find(|id| inside(id)).expect("a knot has no way out upstream");
        }
        let first_visit = walk.iter().position(|id| *id == at).expect("it was there before");
        let mut cycle = walk.split_off(first_visit);
        cycle.reverse();
        let first = (0..cycle.len()).min_by_key(|&at| cycle[at]).unwrap_or(0);
        cycle.rotate_left(first);
        cycle
    }

    /// All stages in the order of the file.
    pub fn ids(&self) -> impl Iterator<Item = StageId> + use<> {
        (0..self.upstream.len()).map(number)
    }

    /// All stages, each after those it reads from, otherwise in the order of the file.
    pub fn order(&self) -> &[StageId] {
        &self.order
    }

    /// The stages that write what `id` reads. Sorted, each once; none for a frozen stage.
    pub fn upstream(&self, id: StageId) -> &[StageId] {
        &self.upstream[id.index()]
    }

    /// The stages that read what `id` writes. Sorted, each once.
    pub fn downstream(&self, id: StageId) -> &[StageId] {
        &self.downstream[id.index()]
    }

    /// `targets` and everything they need, in [`Graph::order`].
    pub fn with_upstream(&self, targets: &[StageId]) -> Vec<StageId> {
        self.reached(Reversed(self), targets)
    }

    /// `targets` and everything that needs them, in [`Graph::order`].
    pub fn with_downstream(&self, targets: &[StageId]) -> Vec<StageId> {
        self.reached(self, targets)
    }

    fn reached(&self, edges: impl IntoNeighbors<NodeId = StageId>, targets: &[StageId]) -> Vec<StageId> {
        let mut search = Dfs::from_parts(targets.to_vec(), self.visit_map());
        while search.next(edges).is_some() {}
        self.order.iter().copied().filter(|id| search.discovered.contains(id)).collect()
    }

    /// The stage whose out is `path` or contains it, or has a pattern that is written so or matches it.
    pub fn producer(&self, path: &ProjectPath) -> Option<StageId> {
        let means =
            |(pattern, glob, _): &&(ProjectPath, Glob, StageId)| pattern == path || glob.matches(path);
        let pattern = || self.patterns.iter().find(means).map(|(_, _, id)| *id);
        self.above(path).next().map(|(_, id)| id).or_else(pattern)
    }
}

/// In files of DVC's a lock is a dep like any other.
fn is_native(stage: &Stage) -> bool {
    Dialect::of_file(&stage.address.file) == Dialect::Native
}

/// How messages call a stage.
fn called(stage: &Stage) -> String {
    let word = if stage.is_source() { "pointer" } else { "stage" };
    format!("{word} `{}`", stage.address)
}

fn number(at: usize) -> StageId {
    StageId(u32::try_from(at).expect("fewer stages than a 4 GiB text has lines"))
}

fn numbered(stages: &[Stage]) -> impl Iterator<Item = (StageId, &Stage)> {
    stages.iter().enumerate().map(|(at, stage)| (number(at), stage))
}

/// The outs equal to `path`, containing it, or inside it, with their stages.
fn touching<'a>(
    outs: &'a BTreeMap<ProjectPath, StageId>,
    path: &ProjectPath,
) -> Vec<(&'a ProjectPath, StageId)> {
    above(outs, path).chain(below(outs, path).map(|(path, &id)| (path, id))).collect()
}

/// The outs equal to `path` or containing it, of which there is at most one, since outs do not overlap.
fn above<'a>(
    outs: &'a BTreeMap<ProjectPath, StageId>,
    path: &ProjectPath,
) -> impl Iterator<Item = (&'a ProjectPath, StageId)> {
    std::iter::successors(Some(path.clone()), ProjectPath::parent)
        .find_map(|path| outs.get_key_value(&path))
        .map(|(path, &id)| (path, id))
        .into_iter()
}

/// The entries strictly below `path`. They stand together only behind `path/`: in byte order `a-b` lies
/// between `a` and `a/b`.
fn below<'a, T>(
    map: &'a BTreeMap<ProjectPath, T>,
    path: &ProjectPath,
) -> impl Iterator<Item = (&'a ProjectPath, &'a T)> {
    let start = if path.is_root() { ProjectPath::root() } else { path.join("") };
    let path = path.clone();
    map.range((Bound::Excluded(start), Bound::Unbounded)).take_while(move |(inner, _)| path.contains(inner))
}

fn refuse(
    id: StageId,
    stage: &Stage,
    out: &ProjectPath,
    protected: &BTreeSet<ProjectPath>,
) -> Option<GraphFault> {
    let name = called(stage);
    if out.is_root() {
        let what = if stage.is_source() { "the data" } else { "an out" };
        return Some(GraphFault::new(id, format!("{what} of {name} is the project root itself")));
    }
    if out.contains(&stage.wdir) {
        let message = match stage.is_source() {
            true => format!("{name} lies inside its own data `{out}`: move it out of there"),
            false => format!("{name} runs inside its own out `{out}`"),
        };
        return Some(GraphFault::new(id, message));
    }
    if GIT_FILES.contains(&out.name()) {
        let message = format!("out `{out}` of {name} is a file that git itself reads");
        return Some(GraphFault::new(id, message));
    }
    if stage.is_source() && IGNORE_FILES.contains(&out.name()) {
        let message = format!("out `{out}` of {name} is a file that tells what is passed over");
        let hint = format!("git keeps such files: remove {}", stage.address.file);
        return Some(GraphFault { hint: Some(hint), ..GraphFault::new(id, message) });
    }
    let dialect = Dialect::of_file(&stage.address.file);
    let is_stranger = stage.is_source() && Dialect::reads_somewhere(out.name());
    if [dialect.pipeline_file(), dialect.lock_file()].contains(&out.name()) || is_stranger {
        let message = format!("out `{out}` of {name} is a pipeline, lock or params file");
        return Some(GraphFault::new(id, message));
    }
    if stage.is_source() && is_pointer(out) {
        return Some(GraphFault::new(id, format!("out `{out}` of {name} is a pointer to data")));
    }
    let file = protected.get(out).or_else(|| {
        // What lies inside stands together behind `out/`.
        let inside = protected.range((Bound::Excluded(out.join("")), Bound::Unbounded)).next();
        inside.filter(|file| out.contains(file))
    })?;
    let kind = if is_pointer(file) { "a pointer to data" } else { "a pipeline, lock or params file" };
    let message = match out == file {
        true => format!("out `{out}` of {name} is {kind}"),
        false => format!("out `{out}` of {name} contains `{file}`, {kind}"),
    };
    let hint = stage
        .is_source()
        .then(|| format!("git keeps such files: take it out of the data, or remove {}", stage.address.file));
    Some(GraphFault { hint, ..GraphFault::new(id, message) })
}

fn refuse_pattern(
    id: StageId,
    stage: &Stage,
    out: &ProjectPath,
    glob: &Glob,
    protected: &BTreeSet<ProjectPath>,
) -> Option<GraphFault> {
    let name = &stage.address;
    if let Some(file) = GIT_FILES.iter().find(|file| glob.may_name(file)) {
        let message = format!("out `{out}` of stage `{name}` covers `{file}`, a file that git itself reads");
        return Some(GraphFault::new(id, message));
    }
    let file = protected.iter().find(|file| glob.matches(file))?;
    let message = format!("out `{out}` of stage `{name}` covers `{file}`, a pipeline, lock or params file");
    let hint = Some(format!("leave it out: `exclude: ['{}']`", file.relative_to(&stage.wdir)));
    Some(GraphFault { hint, ..GraphFault::new(id, message) })
}

/// Faults for outs that `foreach` would go through: which stages there are has to be known before one runs.
pub(crate) fn items_that_are_made(stages: &[Stage], groups: &[FileGroup]) -> Vec<GraphFault> {
    let made = groups.iter().flat_map(|group| numbered(stages).map(move |(id, stage)| (group, id, stage)));
    let made = made.filter(|(.., stage)| !stage.is_source());
    let fault = |(group, id, stage): (&FileGroup, StageId, &Stage)| {
        let FileGroup { address, glob, .. } = group;
        let meets = |out: &&Out| match &out.glob {
            Some(other) => glob.meets(other),
            None => glob.concerns(&out.path) || out.path.contains(glob.base()),
        };
        let out = &stage.outs.iter().find(meets)?.path;
        let message = format!(
            "`foreach` of `{address}` could go through out `{out}` of stage `{}`, and its files have to be there \
             before any stage runs",
            stage.address
        );
        let folder = address.file.parent().unwrap_or_default();
        let hint = Some(format!("leave it out there: `exclude: ['{}']`", out.relative_to(&folder)));
        Some(GraphFault { hint, ..GraphFault::new(id, message) })
    };
    // What is wrong with one member is most likely wrong with all.
    made.filter_map(fault).take(1).collect()
}

/// Every pattern with its stage; faults for those that could mean a file of another out.
fn patterns(
    stages: &[Stage],
    producers: &BTreeMap<ProjectPath, StageId>,
    faults: &mut Vec<GraphFault>,
) -> Vec<(ProjectPath, Glob, StageId)> {
    let mut patterns: Vec<(ProjectPath, Glob, StageId)> = Vec::new();
    for (id, stage) in numbered(stages) {
        for (path, glob) in stage.outs.iter().filter_map(|out| Some((&out.path, out.glob.as_ref()?))) {
            let is_near = |out: &ProjectPath| out.contains(glob.base()) || glob.base().contains(out);
            // One text for two outs of a stage would be one name in its lock.
            let is_met = |out: &ProjectPath| out == path || (is_near(out) && glob.touches(out));
            let paths = producers.iter().filter(|(out, _)| is_met(out));
            let others = patterns.iter().filter(|(_, other, _)| glob.meets(other));
            let met = paths.map(|(out, id)| (out, *id)).chain(others.map(|(out, _, id)| (out, *id)));
            faults.extend(met.map(|(out, other)| {
                let (name, other) = (called(stage), called(&stages[other.index()]));
                let message = format!(
                    "out `{path}` of {name} can mean files of out `{out}` of {other}, and no file has \
                     two stages"
                );
                let hint = Some(format!("leave them out: `exclude: ['{}']`", out.relative_to(&stage.wdir)));
                GraphFault { hint, ..GraphFault::new(id, message) }
            }));
            patterns.push((path.clone(), glob.clone(), id));
        }
    }
    patterns
}

/// Every out outside the project by its place, with its stage; faults for those that two have, or that lie inside another.
fn outside(stages: &[Stage], faults: &mut Vec<GraphFault>) -> BTreeMap<ProjectPath, StageId> {
    let mut places = BTreeMap::new();
    for (id, stage) in numbered(stages) {
        for (out, place) in stage.special_outs.iter().filter_map(|out| Some((out, out.name.place()?))) {
            if let Some((_, other)) = touching(&places, &place).first() {
                let (name, other) = (called(stage), called(&stages[other.index()]));
                let message = format!("out `{}` of {name} overlaps an out of {other}", out.name);
                faults.push(GraphFault::new(id, message));
            }
            places.insert(place, id);
        }
    }
    places
}

/// Every out that is a path with its stage; faults for outs that two have, or that lie inside another.
fn producers(stages: &[Stage], faults: &mut Vec<GraphFault>) -> BTreeMap<ProjectPath, StageId> {
    let mut producers: BTreeMap<ProjectPath, StageId> = BTreeMap::new();
    let name = |id: StageId| called(&stages[id.index()]);
    for (id, stage) in numbered(stages) {
        for out in stage.outs.iter().filter(|out| out.glob.is_none()) {
            match producers.insert(out.path.clone(), id) {
                Some(first) if first == id => {
                    let message = format!("{} has out `{}` twice", name(id), out.path);
                    faults.push(GraphFault::new(id, message));
                }
                Some(first) => {
                    let message =
                        format!("`{}` is an out of both {} and {}", out.path, name(first), name(id));
                    faults.push(GraphFault::new(id, message));
                }
                None => {}
            }
        }
    }
    for (path, &id) in &producers {
        let above = std::iter::successors(path.parent(), ProjectPath::parent);
        let outer = above.filter(|path| !path.is_root()).find_map(|path| producers.get_key_value(&path));
        if let Some((outer, &owner)) = outer {
            faults.push(GraphFault::new(
                id,
                format!("out `{path}` of {} lies inside out `{outer}` of {}", name(id), name(owner)),
            ));
        }
    }
    producers
}

fn cycle_fault(stages: &[Stage], cycle: &[StageId]) -> GraphFault {
    let first = cycle.first().copied();
    let names: Vec<String> =
        cycle.iter().copied().chain(first).map(|id| stages[id.index()].address.to_string()).collect();
    let stage = first.unwrap_or(StageId(0));
    GraphFault::new(stage, format!("stages depend on each other in a circle: {}", names.join(" -> ")))
}

/// For petgraph, a stage is a node, and an edge leads to the stage that reads.
impl GraphBase for Graph {
    type NodeId = StageId;
    type EdgeId = (StageId, StageId);
}

impl<'a> IntoNeighbors for &'a Graph {
    type Neighbors = std::iter::Copied<std::slice::Iter<'a, StageId>>;

    fn neighbors(self, id: StageId) -> Self::Neighbors {
        self.downstream(id).iter().copied()
    }
}

impl<'a> IntoNeighborsDirected for &'a Graph {
    type NeighborsDirected = std::iter::Copied<std::slice::Iter<'a, StageId>>;

    fn neighbors_directed(self, id: StageId, direction: Direction) -> Self::NeighborsDirected {
        match direction {
            Direction::Outgoing => self.downstream(id).iter().copied(),
            Direction::Incoming => self.upstream(id).iter().copied(),
        }
    }
}

impl IntoNodeIdentifiers for &Graph {
    type NodeIdentifiers = std::iter::Map<std::ops::Range<usize>, fn(usize) -> StageId>;

    fn node_identifiers(self) -> Self::NodeIdentifiers {
        (0..self.upstream.len()).map(number)
    }
}

impl Visitable for Graph {
    type Map = HashSet<StageId>;

    fn visit_map(&self) -> Self::Map {
        HashSet::with_capacity(self.upstream.len())
    }

    fn reset_map(&self, map: &mut Self::Map) {
        map.clear();
    }
}

#[cfg(test)]
#[path = "graph_tests.rs"]
pub(crate) mod tests;
