//! Commands that people bring along from DVC and MLflow, and what they are called here.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// By word: what to do instead.
const WORDS: &[(&[&str], &str)] = &[
    (
        &["run", "reproduce", "make", "start"],
        "`pipe repro` runs what is stale; `pipe stage add` writes a stage",
    ),
    (
        &["exp", "experiment", "experiments", "log", "search"],
        "`pipe repro` records every run: `pipe runs list` and `pipe runs compare` show them",
    ),
    (&["queue"], "`pipe repro -j` runs stages at once, and several `pipe repro` work beside each other"),
    (
        &["models", "model", "registry", "artifacts"],
        "there is no registry: `artifacts` of pipeline.yaml names models, and `pipe runs show` what a run made",
    ),
    #[cfg(feature = "serve")]
    (&["server", "gui", "studio"], "`pipe ui` serves the runs to browsers and to MLflow's clients"),
    #[cfg(not(feature = "serve"))]
    (
        &["ui", "server", "gui", "studio"],
        "there is no server in this build: `pipe runs list` and `pipe plots show` show what there is",
    ),
    (
        &["get", "get-url", "import", "import-url", "update"],
        "download it yourself or in a stage; then `pipe add` puts it under version control",
    ),
    (&["ls"], "`pipe list`"),
    (&["mv", "rename"], "`pipe move`"),
    (&["rm", "untrack"], "`pipe remove`"),
    (&["lock"], "`pipe freeze`"),
    (&["unlock"], "`pipe unfreeze`"),
    (&["pipeline", "graph"], "`pipe dag`"),
    (&["cache"], "`pipe config cache.dir` says where the cache is, `pipe gc` collects what nothing needs"),
    (&["completion"], "`pipe completions`"),
    (&["version", "doctor"], "`pipe --version`"),
    (&["root"], "`git rev-parse --show-toplevel`, where the project is a repository"),
    (&["destroy"], "remove the folder `.pipe` by hand"),
];

/// Puts what an unknown command is called here in the place of what is only spelled like it.
pub fn translate(mut told: clap::Error) -> clap::Error {
    if told.kind() != ErrorKind::InvalidSubcommand {
        return told;
    }
    let Some(ContextValue::String(word)) = told.get(ContextKind::InvalidSubcommand) else { return told };
    if let Some((_, instead)) = WORDS.iter().find(|(words, _)| words.contains(&word.as_str())) {
        told.remove(ContextKind::SuggestedSubcommand);
        told.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![(*instead).into()]));
    }
    told
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn what_is_named_instead_is_there_and_no_word_is_a_command() {
        let command = Cli::command();
        let is_there = |word: &str| command.find_subcommand(word).is_some();
        for (words, instead) in WORDS {
            for word in *words {
                assert!(!is_there(word), "{word}");
            }
            let commands = instead.split("`pipe ").skip(1);
            let names = commands.filter_map(|text| text.split([' ', '`']).next());
            for name in names.filter(|name| !name.starts_with('-')) {
                assert!(is_there(name), "{name} in {instead}");
            }
        }
    }
}
