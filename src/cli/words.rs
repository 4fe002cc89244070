//! Commands that people bring along from DVC, MLflow and Optuna, and what they are called here.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// By word: what to do instead.
const WORDS: &[(&[&str], &str)] = &[
    (
        &["run", "reproduce", "make", "start"],
        "`pipe repro` runs what is stale; `pipe stage add` writes a stage",
    ),
    (
        &["exp", "experiment", "search"],
        "`pipe repro` records every run: `pipe runs list` and `pipe runs compare` show them, and `pipe experiments` the \
         experiments that they are in",
    ),
    (&["queue"], "`pipe repro -j` runs stages at once, and several `pipe repro` work beside each other"),
    (
        &["model", "registry", "artifacts"],
        "`pipe models` is the registry, `pipe log artifact` and `pipe log model` log files, and `pipe runs download` and \
         `pipe models download` fetch them",
    ),
    (
        &[
            "sweep",
            "tune",
            "optimize",
            "create-study",
            "studies",
            "study",
            "trials",
            "best-trial",
            "ask",
            "tell",
        ],
        "a search over params is a stage with `matrix`; `pipe runs list --sort 'best(METRIC)'` orders what came of it",
    ),
    (
        &["deployments", "build-docker", "sagemaker", "gateway"],
        "`pipe models download` fetches the files of a version, for whatever serves it",
    ),
    (&["db"], "the run store is upgraded when it is opened; `pipe runs gc` removes what was deleted"),
    (&["traces", "webhooks", "scorers"], "pipe keeps runs and models: `pipe runs`, `pipe models`"),
    #[cfg(feature = "serve")]
    (&["server", "gui", "studio"], "`pipe ui` serves the runs"),
    #[cfg(not(feature = "serve"))]
    (
        &["ui", "serve", "server", "gui", "studio"],
        "this pipe was built without its server: `pipe runs list` and `pipe plots show` show what there is",
    ),
    (
        &["import-db", "test-db"],
        "a stage runs the query and writes its rows: `pipe stage add` with the query as a dep, `--always-changed` where it \
         is asked anew each time",
    ),
    (
        &["download", "get-db"],
        "`pipe get-url` and `pipe import-url` bring what lies at a URL, `pipe import` what another repository has",
    ),
    (&["rename"], "`pipe move`"),
    (&["untrack"], "`pipe remove`"),
    (&["lock"], "`pipe freeze`"),
    (&["unlock"], "`pipe unfreeze`"),
    (&["pipeline", "graph"], "`pipe dag`"),
    (
        &["destroy"],
        "remove by hand what there is: `pipe unprotect` makes files of links into the cache, then the folder `.pipe`, \
         pointers, pipeline.yaml and pipeline.lock can go; in a project of DVC, the folder `.dvc`, `.dvc` files, dvc.yaml and \
         dvc.lock, and `.dvcignore`",
    ),
    (&["daemon"], "pipe leaves no process behind, and reports to nobody"),
    (
        &["dataset", "ds"],
        "`pipe status` and `pipe repro` judge deps `ds://NAME` by what `dvc dataset` wrote into dvc.lock; `pipe import` and `pipe \
         import-url` bring data with where it came from, `pipe update` newer one",
    ),
    (&["git-hook"], "`pipe install` writes hooks for git that call pipe"),
    (
        &["ls-url", "list-url"],
        "`pipe list` lists other repositories, `pipe get-url` brings what lies at a URL",
    ),
    (&["unfrozen"], "`pipe unfreeze`"),
    (&["frozen"], "`pipe freeze`"),
];

/// By the command that they follow, and word: what to do instead.
const BELOW: &[(&str, &[&str], &str)] = &[
    ("cache", &["migrate"], "nothing needs to be done: what DVC 2 left in its cache is read where it lies"),
    ("data", &["ls", "list"], "`pipe list`"),
    ("plots", &["templates"], "`pipe plots show --help` names them, and `--template NAME` draws by one"),
    (
        "plots",
        &["modify"],
        "the options stand under `plots` in the pipeline file; `pipe plots show` takes them too",
    ),
    ("runs", &["ls", "search", "query", "find"], "`pipe runs list --where FILTER`"),
    ("runs", &["create", "new", "begin"], "`pipe runs start`"),
    ("runs", &["describe", "get", "info", "metrics", "params"], "`pipe runs show`"),
    ("runs", &["diff"], "`pipe runs compare`"),
    ("runs", &["rm", "remove"], "`pipe runs delete`, and `pipe runs gc` for ever"),
    ("runs", &["mv"], "`pipe runs rename`"),
    ("runs", &["stop", "finish"], "`pipe runs end`"),
    ("runs", &["set-tag", "tags"], "`pipe runs tag`"),
    ("runs", &["purge"], "`pipe runs gc`"),
    (
        "experiments",
        &["ls", "search", "csv"],
        "`pipe experiments list`, and `pipe runs list --experiment NAME --csv`",
    ),
    (
        "experiments",
        &["create", "add"],
        "the first run in an experiment makes it: `pipe runs start --experiment NAME`",
    ),
    ("experiments", &["rm", "remove"], "`pipe experiments delete`"),
    ("models", &["ls", "search", "versions"], "`pipe models list` and `pipe models show`"),
    ("models", &["create", "add", "log"], "`pipe models register`, and `pipe log model` in a run"),
    ("models", &["get", "info"], "`pipe models show`"),
    ("models", &["rm", "remove"], "`pipe models delete`"),
    ("models", &["promote", "transition"], "`pipe models alias` and `pipe models stage`"),
    ("models", &["serve"], "`pipe models download` fetches the files of a version, for whatever serves it"),
    ("log", &["metrics"], "`pipe log metric NAME VALUE`, and `pipe log metric -` for many"),
    ("log", &["params"], "`pipe log param KEY=VALUE…`"),
    ("log", &["tags", "set-tag"], "`pipe log tag KEY=VALUE…`"),
    (
        "log",
        &["artifacts", "image", "figure", "table", "dict", "text", "file", "files"],
        "`pipe log artifact PATH` logs a file or a folder",
    ),
    ("log", &["note"], "`pipe runs note`"),
];

const NO_SYSTEM: &str = "there is no file of the system; `--user` is for all projects of the user";
const OWN_REMOTES: &str =
    "the other repository's own settings say where its data is; `--remote NAME` chooses among its remotes";
const NO_CLOUD: &str = "sources are paths and plain HTTP, which need no settings and keep no versions";

/// By command and flag that it does not have: what to do instead.
const FLAGS: &[(&str, &[&str], &str)] = &[
    ("gc", &["--not-in-remote"], "`pipe push` first: what the remote has can be fetched again"),
    (
        "gc",
        &["--skip-failed"],
        "nobody knows what a commit needs that cannot be read; `--rev`, `--num` and `--all-tags` choose others",
    ),
    (
        "install",
        &["--use-pre-commit-tool"],
        "`pipe install` writes its hooks beside those of the pre-commit tool, and before or after `pre-commit install`",
    ),
    ("config", &["--system"], NO_SYSTEM),
    ("remote add", &["--system"], NO_SYSTEM),
    ("remote default", &["--system"], NO_SYSTEM),
    ("remote modify", &["--system"], NO_SYSTEM),
    ("remote remove", &["--system"], NO_SYSTEM),
    ("cache dir", &["--system"], NO_SYSTEM),
    (
        "remote rename",
        &["--global", "--user", "--system", "--project", "--local"],
        "it is renamed in every file that names it",
    ),
    (
        "remote list",
        &["--global", "--user", "--system", "--project", "--local"],
        "`pipe config --list --local` and the like show what one file sets",
    ),
    (
        "du",
        &["--remote", "--config", "--remote-config"],
        "`pipe list REPO --size` tells of another repository",
    ),
    ("list", &["--config", "--remote-config"], OWN_REMOTES),
    ("get", &["--config", "--remote-config"], OWN_REMOTES),
    ("import", &["--config", "--remote-config"], OWN_REMOTES),
    (
        "get",
        &["--show-url"],
        "`pipe get` brings it itself; `pipe list REPO --show-hash` tells which bytes it is",
    ),
    ("get-url", &["--fs-config"], NO_CLOUD),
    ("import-url", &["--fs-config", "--version-aware"], NO_CLOUD),
    ("init", &["--force", "-f"], "`pipe init` leaves what there is; remove the folder `.pipe` to begin anew"),
    ("metrics diff", &["--recursive", "-R"], "`--targets FILE…` names the files to compare"),
    ("plots show", &["--show-vega"], "`--json` prints the points"),
    ("plots diff", &["--show-vega"], "`--json` prints the points"),
    (
        "plots show",
        &["--open"],
        "open the page that is named in the end; `--format text` draws in the terminal",
    ),
    (
        "plots diff",
        &["--open"],
        "open the page that is named in the end; `--format text` draws in the terminal",
    ),
    ("plots show", &["--html-template"], "`--format svg` makes drawings for a page of your own"),
    ("plots diff", &["--html-template"], "`--format svg` makes drawings for a page of your own"),
    (
        "update",
        &["--force", "-f"],
        "`pipe checkout -f DATA` gives up what was edited here; `pipe update` then brings what is new",
    ),
    ("update", &["--to-remote", "--remote", "-r"], "`pipe push` brings it to a remote afterwards"),
    ("repro", &["-n"], "`--dry` tells what would run, and `--no-commit` stores no outs"),
    (
        "add",
        &["--recursive", "-R"],
        "`pipe add FOLDER` puts a folder under version control as one, `pipe add FOLDER/*` each thing in it",
    ),
    ("commit", &["--data-only"], "`pipe commit DATA` records the data that is named, and no stage"),
    ("add", &["--external"], "`pipe import-url PATH` brings what lies outside of the project"),
];

/// The command after which an unknown one stands; empty for `pipe` itself.
fn parent(told: &clap::Error) -> String {
    let Some(ContextValue::StyledStr(usage)) = told.get(ContextKind::Usage) else { return String::new() };
    let usage = usage.to_string();
    let words = usage.split_whitespace().skip_while(|word| *word != "pipe").skip(1);
    words.take_while(|word| !word.starts_with(['[', '<', '-'])).collect::<Vec<_>>().join(" ")
}

/// Puts what an unknown command is called here in the place of what is only spelled like it.
pub fn translate(mut told: clap::Error) -> clap::Error {
    if told.kind() == ErrorKind::UnknownArgument {
        return translate_flag(told);
    }
    if told.kind() != ErrorKind::InvalidSubcommand {
        return told;
    }
    let Some(ContextValue::String(word)) = told.get(ContextKind::InvalidSubcommand) else { return told };
    let (word, parent) = (word.as_str(), parent(&told));
    let below = BELOW.iter().find(|(above, words, _)| *above == parent && words.contains(&word));
    let anywhere = WORDS.iter().find(|(words, _)| words.contains(&word));
    if let Some(instead) = below.map(|(.., instead)| instead).or(anywhere.map(|(_, instead)| instead)) {
        told.remove(ContextKind::SuggestedSubcommand);
        told.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![(*instead).into()]));
    }
    told
}

fn translate_flag(mut told: clap::Error) -> clap::Error {
    let Some(ContextValue::String(flag)) = told.get(ContextKind::InvalidArg) else { return told };
    let parent = parent(&told);
    let known = FLAGS.iter().find(|(command, flags, _)| *command == parent && flags.contains(&flag.as_str()));
    if let Some((.., instead)) = known {
        told.remove(ContextKind::SuggestedArg);
        told.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![(*instead).into()]));
    } else if !std::path::Path::new(flag).exists() {
        // That it could be a path (`-- -n`) helps whoever has such a file.
        told.remove(ContextKind::Suggested);
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
            check(&command, instead);
        }
        for (above, words, instead) in BELOW {
            let above = command.find_subcommand(above).expect("a command");
            for word in *words {
                assert!(above.find_subcommand(word).is_none(), "{word}");
            }
            check(&command, instead);
        }
    }

    #[test]
    fn no_flag_that_is_translated_is_one() {
        let command = Cli::command();
        for (words, flags, instead) in FLAGS {
            let below =
                |found: &clap::Command, word| found.find_subcommand(word).cloned().expect("a command");
            let found = words.split(' ').fold(command.clone(), |found, word| below(&found, word));
            for argument in found.get_arguments() {
                let long = argument.get_long().map(|long| format!("--{long}")).unwrap_or_default();
                assert!(!flags.contains(&long.as_str()), "{words} {long}");
            }
            check(&command, instead);
        }
    }

    /// That the commands which a text names are there, with those below them.
    fn check(command: &clap::Command, instead: &str) {
        for text in instead.split("`pipe ").skip(1) {
            let text = text.split('`').next().unwrap_or_default();
            let mut found = command;
            for name in text.split(' ').take_while(|name| !name.starts_with('-')) {
                if !found.has_subcommands() {
                    break;
                }
                found = found.find_subcommand(name).unwrap_or_else(|| panic!("{name} in {instead}"));
            }
        }
    }
}
