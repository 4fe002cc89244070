//! What stages at work occupy: slots, processors, memory, tokens, pools. Decides whether one more fits.
//!
//! A stage that asks for more than there is runs all the same, when nobody else holds any of what it lacks: a
//! pipeline that was written for a larger machine is slow on a small one, not stuck.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::Stage;

/// How much there is.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// How many slots there are; a stage occupies one for each processor that it asks for, and one at least unless
    /// it asks for a part of a processor.
    pub slots: f64,
    /// Graphics processors.
    pub gpus: u64,
    /// Memory, in bytes; `None` when nobody knows.
    pub memory: Option<u64>,
    /// Tokens by name; of a token that is not named here there is one.
    pub tokens: BTreeMap<String, u64>,
}

impl Limits {
    /// What a stage asks for beyond what there is: it runs all the same, while nobody else holds any of it.
    pub fn lacking(&self, stage: &Stage) -> Option<String> {
        let asked = &stage.resources;
        let mut wants = vec![("gpus".to_owned(), asked.gpus.unwrap_or(0), self.gpus)];
        wants.extend(
            self.memory.map(|memory| ("bytes of memory".to_owned(), asked.memory.unwrap_or(0), memory)),
        );
        wants.extend(asked.tokens.iter().map(|(name, count)| {
            (format!("of `{name}`"), *count, self.tokens.get(name).copied().unwrap_or(1))
        }));
        let lacking = wants.into_iter().filter(|(_, asked, limit)| asked > limit);
        let texts: Vec<String> =
            lacking.map(|(name, asked, limit)| format!("{asked} {name}, and there are {limit}")).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }
}

/// What is occupied.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    slots: f64,
    gpus: u64,
    memory: u64,
    tokens: BTreeMap<String, u64>,
    pools: BTreeSet<String>,
}

impl Budget {
    /// Everything is free.
    pub fn new(limits: Limits) -> Self {
        Budget { limits, slots: 0.0, gpus: 0, memory: 0, tokens: BTreeMap::new(), pools: BTreeSet::new() }
    }

    /// Whether `stage` may start beside those at work.
    pub fn fits(&self, stage: &Stage) -> bool {
        let asked = &stage.resources;
        let count = |held: u64, asked: u64, limit: u64| asked == 0 || held == 0 || held + asked <= limit;
        let slots = slots(stage);
        // Sums of parts (a third, three times) are off by a rounding error.
        let slots_fit = self.slots == 0.0 || self.slots + slots <= self.limits.slots + 1e-9;
        let memory_limit = self.limits.memory.unwrap_or(u64::MAX);
        slots_fit
            && count(self.gpus, asked.gpus.unwrap_or(0), self.limits.gpus)
            && count(self.memory, asked.memory.unwrap_or(0), memory_limit)
            && asked.tokens.iter().all(|(name, asked)| {
                let held = self.tokens.get(name).copied().unwrap_or(0);
                count(held, *asked, self.limits.tokens.get(name).copied().unwrap_or(1))
            })
            && stage.pools.iter().all(|pool| !self.pools.contains(pool))
    }

    /// A stage starts.
    pub fn take(&mut self, stage: &Stage) {
        self.slots += slots(stage);
        self.gpus += stage.resources.gpus.unwrap_or(0);
        self.memory = self.memory.saturating_add(stage.resources.memory.unwrap_or(0));
        for (name, count) in &stage.resources.tokens {
            *self.tokens.entry(name.clone()).or_default() += count;
        }
        self.pools.extend(stage.pools.iter().cloned());
    }

    /// A stage has ended.
    pub fn give_back(&mut self, stage: &Stage) {
        self.slots = (self.slots - slots(stage)).max(0.0);
        if self.slots < 1e-9 {
            self.slots = 0.0;
        }
        self.gpus -= stage.resources.gpus.unwrap_or(0);
        self.memory = self.memory.saturating_sub(stage.resources.memory.unwrap_or(0));
        for (name, count) in &stage.resources.tokens {
            *self.tokens.entry(name.clone()).or_default() -= count;
        }
        for pool in &stage.pools {
            self.pools.remove(pool);
        }
    }
}

fn slots(stage: &Stage) -> f64 {
    stage.resources.cpus.unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::ProjectPath;

    fn stages(text: &str) -> Vec<Stage> {
        let file = ProjectPath::from_record("pipeline.yaml").unwrap();
        let params = ProjectPath::from_record("params.yaml").unwrap();
        let texts = BTreeMap::from([(file.clone(), Some(text.to_owned())), (params, None)]);
        let texts = pipeline::Provided { texts, ..Default::default() };
        match pipeline::load(&file, &texts).unwrap() {
            pipeline::Loaded::Done(pipeline) => pipeline.stages,
            pipeline::Loaded::Need(paths) => panic!("{paths:?}"),
        }
    }

    fn budget() -> Budget {
        let tokens = BTreeMap::from([("licence".to_owned(), 2)]);
        Budget::new(Limits { slots: 4.0, gpus: 1, memory: Some(8_000), tokens })
    }

    /// Which of the stages start when they are offered one after the other.
    fn started(text: &str) -> Vec<bool> {
        let mut budget = budget();
        let take = |stage: &Stage| {
            let fits = budget.fits(stage);
            if fits {
                budget.take(stage);
            }
            fits
        };
        stages(text).iter().map(take).collect()
    }

    fn pipeline(needs: &[&str]) -> String {
        let stage = |(at, needs): (usize, &&str)| format!("  s{at}:\n    cmd: x\n    {needs}\n");
        let stages: String = needs.iter().enumerate().map(stage).collect();
        format!("stages:\n{stages}")
    }

    #[test]
    fn each_kind_is_counted() {
        let cases: [(&[&str], &[bool]); 7] = [
            (&["desc: x"; 5], &[true, true, true, true, false]),
            (&["resources: {cpus: 3}", "resources: {cpus: 2}", "desc: x"], &[true, false, true]),
            (&["resources: {cpus: 0.5}"; 9], &[true, true, true, true, true, true, true, true, false]),
            (&["resources: {gpus: 1}", "resources: {gpus: 1}", "desc: x"], &[true, false, true]),
            (
                &["resources: {memory: 5000}", "resources: {memory: 5000}", "resources: {memory: 3000}"],
                &[true, false, true],
            ),
            (&["resources: {tokens: {licence: 1}}"; 3], &[true, true, false]),
            (&["pool: db", "pool: [db, x]", "pool: x"], &[true, false, true]),
        ];
        for (needs, expected) in cases {
            assert_eq!(started(&pipeline(needs)), expected, "{needs:?}");
        }
    }

    #[test]
    fn too_much_is_given_to_who_is_alone() {
        let text = pipeline(&["resources: {cpus: 99, gpus: 8, tokens: {other: 5}}", "desc: x"]);
        let stages = stages(&text);
        let mut budget = budget();
        assert!(budget.fits(&stages[0]));
        budget.take(&stages[1]);
        assert!(!budget.fits(&stages[0]));
        budget.give_back(&stages[1]);
        budget.take(&stages[0]);
        assert!(!budget.fits(&stages[1]));
        budget.give_back(&stages[0]);
        assert!(budget.fits(&stages[1]));
    }
}
