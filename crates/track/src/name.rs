//! Names for runs that were given none: an adjective, a noun and a number, always the same for one id.

use crate::RunId;

const ADJECTIVES: [&str; 64] = [
    "amber", "ample", "apt", "awake", "bold", "brave", "bright", "brisk", "calm", "candid", "clear",
    "clever", "cosy", "crisp", "deft", "dapper", "eager", "early", "even", "exact", "fair", "fleet", "fond",
    "frank", "fresh", "gentle", "glad", "golden", "grand", "hardy", "honest", "humble", "jolly", "keen",
    "kind", "lively", "loyal", "lucid", "lucky", "mellow", "merry", "mild", "modest", "neat", "nimble",
    "noble", "patient", "placid", "plucky", "proud", "quick", "quiet", "ready", "robust", "serene", "sharp",
    "silver", "snug", "steady", "sturdy", "swift", "tidy", "vivid", "witty",
];

const NOUNS: [&str; 64] = [
    "acorn", "alder", "aspen", "badger", "beacon", "birch", "bison", "brook", "canyon", "cedar", "cliff",
    "clover", "comet", "condor", "coral", "crane", "delta", "dune", "eagle", "ember", "falcon", "fern",
    "finch", "fjord", "fox", "garnet", "glacier", "grove", "harbor", "hare", "hawk", "heron", "island",
    "ivy", "lagoon", "lark", "lynx", "maple", "marten", "meadow", "mesa", "moose", "moss", "oak", "ocean",
    "orchid", "osprey", "otter", "owl", "pebble", "pine", "quartz", "raven", "reef", "ridge", "river",
    "salmon", "sparrow", "spruce", "stork", "summit", "thistle", "tundra", "willow",
];

/// The friendly name of a run, such as `keen-otter-417`. Two ids may share one.
pub fn run_name(id: RunId) -> String {
    // The lowest bits alone would give neighbours (ids made in one millisecond) nearly equal names.
    let mixed = id.random_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let adjective = ADJECTIVES[(mixed >> 58) as usize];
    let noun = NOUNS[(mixed >> 52) as usize & 63];
    let number = (mixed >> 20) % 1000;
    format!("{adjective}-{noun}-{number}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use base::Timestamp;

    use super::*;

    #[test]
    fn the_same_id_has_the_same_name_and_neighbours_differ() {
        let names: HashSet<String> =
            (0..100).map(|low| run_name(RunId::from_parts(Timestamp(1), low))).collect();
        assert_eq!(names.len(), 100);
        assert_eq!(
            run_name(RunId::from_parts(Timestamp(7), 7)),
            run_name(RunId::from_parts(Timestamp(9), 7))
        );
    }

    #[test]
    fn every_word_is_listed_once() {
        assert_eq!(ADJECTIVES.iter().collect::<HashSet<_>>().len(), 64);
        assert_eq!(NOUNS.iter().collect::<HashSet<_>>().len(), 64);
    }
}
