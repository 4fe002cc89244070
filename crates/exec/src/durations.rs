//! How long stages took last: a hint for the order in which they start, never a reason for anything else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pipeline::{Address, Graph, StageId};
use serde::{Deserialize, Serialize};

/// What a stage of unknown duration is taken for.
const UNKNOWN: u64 = 1000;

/// Durations by stage.
#[derive(Debug)]
pub struct Durations {
    path: PathBuf,
    known: Known,
    changed: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Known {
    version: u32,
    /// Milliseconds by the stage's address.
    stages: BTreeMap<String, u64>,
}

impl Durations {
    /// What the file at `path` tells; nothing when it is missing or damaged.
    pub fn load(path: &Path) -> Self {
        let text = disk::read_optional(path).ok().flatten();
        let known: Option<Known> = text.and_then(|text| serde_json::from_slice(&text).ok());
        let known = known.filter(|known| known.version == 1).unwrap_or_default();
        Durations { path: path.to_owned(), known, changed: false }
    }

    /// A stage's command took this long.
    pub fn note(&mut self, stage: &Address, took: Duration) {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.changed |= self.known.stages.insert(stage.spelled(), millis) != Some(millis);
    }

    /// Writes the file when something was noted. A disk that refuses costs the hint alone.
    pub fn save(&mut self) {
        if self.changed {
            self.known.version = 1;
            let text = serde_json::to_vec(&self.known).expect("plain data");
            let _ = disk::replace_volatile(&self.path, &text);
        }
    }

    /// For every stage, by its number: how long it and the longest chain of `wanted` stages after it take, in
    /// milliseconds. `wanted` is in an order where each comes after those before it.
    pub fn ranks(&self, graph: &Graph, wanted: &[StageId], address: impl Fn(StageId) -> Address) -> Vec<u64> {
        let mut ranks = vec![0_u64; graph.ids().count()];
        if self.known.stages.is_empty() {
            return ranks;
        }
        for id in wanted.iter().rev() {
            let own = self.known.stages.get(&address(*id).spelled()).copied().unwrap_or(UNKNOWN);
            let after = graph.downstream(*id).iter().map(|after| ranks[after.index()]).max().unwrap_or(0);
            ranks[id.index()] = own.saturating_add(after);
        }
        ranks
    }
}
