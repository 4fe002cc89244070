//! DVC's features, project by project: what `pipe status` and `dvc status` call stale is the same, each accepts what the
//! other has run, both write the same text of each stage into `dvc.lock`, and each pulls what the other has pushed.

use std::collections::{BTreeMap, BTreeSet};

use crate::dvc_features::{FEATURES, Feature};
use crate::dvc_imports::source;
use crate::dvc_tool::{Dvc, pipe, project, stale};
use crate::harness::Sandbox;

/// A project of features, at the root or below.
struct Recipe {
    features: Vec<&'static Feature>,
    folder: &'static str,
}

fn recipes() -> Vec<Recipe> {
    let count = FEATURES.len();
    let mut recipes = Vec::new();
    for at in 0..count {
        recipes.push(Recipe { features: vec![&FEATURES[at]], folder: "" });
        recipes.push(Recipe {
            features: vec![&FEATURES[at], &FEATURES[(at + 7) % count]],
            folder: "a folder/sub/",
        });
    }
    recipes
}

/// The files of a recipe by path, its edits, and its stages that are never up to date.
struct Made {
    files: BTreeMap<String, String>,
    adds: Vec<String>,
    imports: Vec<Vec<String>>,
    datasets: Vec<Vec<String>>,
    edits: Vec<(String, Option<String>)>,
    restless: BTreeSet<String>,
}

fn make(recipe: &Recipe, external: &str) -> Made {
    let (mut stages, mut params, mut vars) = (String::new(), String::new(), String::new());
    let mut made = Made {
        files: BTreeMap::new(),
        adds: Vec::new(),
        imports: Vec::new(),
        datasets: Vec::new(),
        edits: Vec::new(),
        restless: BTreeSet::new(),
    };
    let indent = |text: &str, by: &str| text.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
    for (number, feature) in recipe.features.iter().enumerate() {
        let prefix = format!("f{number}");
        let fill = |text: &str| text.replace('@', &prefix).replace("EXTERNAL", external);
        stages += &indent(&fill(feature.stages), "  ");
        if !feature.params.is_empty() {
            params += &format!("{prefix}p:\n{}", indent(&fill(feature.params), "  "));
        }
        vars += &fill(feature.vars);
        let place = |path: &str| {
            let path = fill(path);
            if path.starts_with('/') { path } else { format!("{}{path}", recipe.folder) }
        };
        for (path, text) in feature.files {
            made.files.insert(place(path), fill(text));
        }
        made.adds.extend(feature.adds.iter().map(|path| place(path)));
        for words in feature.imports {
            let word = |word: &&str| if word.starts_with('@') { place(word) } else { fill(word) };
            made.imports.push(words.iter().map(word).collect());
        }
        for words in feature.datasets {
            // DVC takes no others that are files of this machine.
            let up = format!("{}tmp/external", "../".repeat(recipe.folder.matches('/').count() + 1));
            made.datasets.push(words.iter().map(|word| fill(word).replace("OUTSIDE", &up)).collect());
        }
        for (path, text) in feature.edits {
            made.edits.push((place(path), text.map(fill)));
        }
        let address = |name: &&str| match recipe.folder {
            "" => fill(name),
            folder => format!("{folder}dvc.yaml:{}", fill(name)),
        };
        made.restless.extend(feature.restless.iter().map(address));
    }
    if !params.is_empty() {
        made.files.insert(format!("{}params.yaml", recipe.folder), params);
    }
    let vars = if vars.is_empty() { vars } else { format!("vars:\n{vars}") };
    made.files.insert(format!("{}dvc.yaml", recipe.folder), format!("{vars}stages:\n{stages}"));
    made
}

fn put(sandbox: &Sandbox, path: &str, text: Option<&str>) {
    let place = if path.starts_with('/') { path.into() } else { sandbox.path(path) };
    match text {
        Some(text) => {
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            // What DVC placed may be read-only.
            let _ = std::fs::remove_file(&place);
            std::fs::write(place, text).unwrap();
        }
        None => drop(std::fs::remove_file(place)),
    }
}

fn check(dvc: &mut Dvc, recipe: &Recipe) -> Result<(), String> {
    let sandbox = project(dvc);
    let external = sandbox.path("../tmp").canonicalize().unwrap().join("external").display().to_string();
    let made = make(recipe, &external);
    for (path, text) in &made.files {
        put(&sandbox, path, Some(text));
    }
    for path in &made.adds {
        dvc.ok(&sandbox, &["add", "-q", path]);
    }
    if made.files.values().any(|text| text.contains("remote://st/")) {
        std::fs::create_dir_all(&external).unwrap();
        dvc.ok(&sandbox, &["remote", "add", "-q", "st", &external]);
    }
    if !made.imports.is_empty() || !made.datasets.is_empty() {
        source(dvc, &sandbox);
    }
    let from = sandbox.root().with_file_name("source").display().to_string();
    let filled = |words: &[String]| -> Vec<String> {
        words.iter().map(|word| if word == "SOURCE" { from.clone() } else { word.clone() }).collect()
    };
    for words in &made.imports {
        let words = filled(words);
        dvc.ok(&sandbox, &words.iter().map(String::as_str).collect::<Vec<_>>());
    }
    for words in &made.datasets {
        let words = filled(words);
        let words = ["dataset"].into_iter().chain(words.iter().map(String::as_str)).collect::<Vec<_>>();
        let (code, _, err) = dvc.call_in(&sandbox.path(recipe.folder), &words);
        assert_eq!(code, 0, "dvc {words:?}: {err}");
    }
    let locks = || {
        let files = sandbox.files("").into_iter().filter(|file| file.ends_with("dvc.lock"));
        files.map(|file| (blocks(&sandbox.read(&file)), file)).collect::<Vec<_>>()
    };
    let same = |dvc: &mut Dvc, when: &str| {
        let (ours, theirs) = (stale(&sandbox), dvc.stale(&sandbox));
        if ours == theirs { Ok(()) } else { Err(format!("{when}: ours {ours:?}, DVC {theirs:?}")) }
    };
    let clean = |stale: BTreeSet<String>, when: &str| {
        let left: Vec<String> = stale.difference(&made.restless).cloned().collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{when}: {left:?} is stale")) }
    };
    let run = || {
        let said = pipe(&sandbox, &["repro", "-P"]);
        if said.code_of() == Some(0) { Ok(()) } else { Err(format!("pipe repro: {}", said.stderr)) }
    };
    same(dvc, "before anything ran")?;
    run()?;
    clean(dvc.stale(&sandbox), "after pipe repro, for DVC")?;
    clean(stale(&sandbox), "after pipe repro, for pipe")?;
    let ours = locks();
    for (_, file) in &ours {
        // What it says of data sets nobody but `dvc dataset` can say.
        match without_stages(&sandbox.read(file)) {
            Some(text) => sandbox.write(file, text),
            None => sandbox.remove(file),
        }
    }
    dvc.ok(&sandbox, &["repro", "-q", "-f", "-P"]);
    let theirs = locks();
    // What persists holds more the second time.
    if ours != theirs && recipe.features.iter().all(|feature| feature.name != "outs that persist") {
        return Err(format!("locks differ; ours:\n{ours:#?}\nDVC's:\n{theirs:#?}"));
    }
    clean(stale(&sandbox), "after dvc repro, for pipe")?;
    same(dvc, "after dvc repro")?;
    exchange(dvc, &sandbox, recipe)?;
    same(dvc, "after the exchange")?;
    for (at, (path, text)) in made.edits.iter().enumerate() {
        put(&sandbox, path, text.as_deref());
        let when = format!("edit {at} of {path}");
        same(dvc, &when)?;
        let said = pipe(&sandbox, &["status"]);
        if said.stderr.contains("rror:") && text.is_some() {
            return Err(format!("{when}: pipe status: {}", said.stderr));
        }
        if at % 2 == 0 && text.is_some() {
            run()?;
            clean(dvc.stale(&sandbox), &format!("after {when} and pipe repro, for DVC"))?;
        } else {
            let (code, _, err) = dvc.call(&sandbox, &["repro", "-q", "-P"]);
            let is_data = made.adds.iter().chain(made.imports.iter().flatten()).any(|data| {
                path.strip_prefix(data.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            if code != 0 && text.is_none() && made.files.contains_key(path) && !is_data {
                // An input that is gone: nobody can.
                let said = pipe(&sandbox, &["repro", "-P"]);
                if said.code_of() == Some(0) {
                    return Err(format!("{when}: pipe repro takes no notice: {}", said.stderr));
                }
                continue;
            }
            if code != 0 && is_data {
                // DVC restores no data here, and we do.
                run()?;
                clean(dvc.stale(&sandbox), &format!("after {when} and pipe repro, for DVC"))?;
                continue;
            }
            if code != 0 {
                return Err(format!("{when}: dvc repro: {err}"));
            }
            clean(stale(&sandbox), &format!("after {when} and dvc repro, for pipe"))?;
        }
    }
    Ok(())
}

/// What a lock says of data sets; `None` where it says nothing of them.
fn without_stages(lock: &str) -> Option<String> {
    let (_, rest) = lock.split_once("\ndatasets:\n")?;
    let end = rest.find("\nstages:").map_or(rest.len(), |at| at + 1);
    Some(format!("schema: '2.0'\ndatasets:\n{}", &rest[..end]))
}

/// The stages of a lock: their order is that in which they were done, and several at once have none.
fn blocks(lock: &str) -> BTreeSet<String> {
    let mut blocks = vec![String::new()];
    for line in lock.lines() {
        if line.starts_with("  ") && !line.starts_with("   ") {
            blocks.push(String::new());
        }
        blocks.last_mut().unwrap().push_str(&format!("{line}\n"));
    }
    blocks.into_iter().collect()
}

/// What one tool has pushed the other pulls, as into a clone that has nothing.
fn exchange(dvc: &mut Dvc, sandbox: &Sandbox, recipe: &Recipe) -> Result<(), String> {
    let data = || {
        let listed = sandbox.git(["ls-files", "-z", "--others", "--ignored", "--exclude-standard"]);
        let names = listed.split_terminator('\0').filter(|name| !name.starts_with(".dvc/"));
        names.map(|name| (name.to_owned(), sandbox.bytes(name))).collect::<BTreeMap<_, _>>()
    };
    let before = data();
    // Some is kept from remotes.
    let is_whole = recipe.features.iter().all(|feature| !feature.stages.contains("push: false"));
    sandbox.commit("all");
    for name in ["shared", "elsewhere"] {
        let folder = sandbox.root().with_file_name(name).display().to_string();
        dvc.ok(sandbox, &["remote", "add", "-q", "-f", "-d", name, &folder]);
        std::fs::create_dir(folder).unwrap();
    }
    dvc.ok(sandbox, &["remote", "default", "-q", "shared"]);
    for (push, pull) in [("pipe", "dvc"), ("dvc", "pipe")] {
        let story = format!("pushed by {push}, pulled by {pull}");
        let call = |dvc: &mut Dvc, tool: &str, command: &str| match tool {
            "pipe" => {
                let said = pipe(sandbox, &[command]);
                (said.code_of() == Some(0), said.stderr)
            }
            _ => {
                let (code, _, err) = dvc.call(sandbox, &[command, "-q"]);
                (code == 0, err)
            }
        };
        let (is_fine, told) = call(dvc, push, "push");
        if !is_fine {
            return Err(format!("{story}: {push} push: {told}"));
        }
        sandbox.git(["clean", "-q", "-f", "-f", "-d", "-X"]);
        let (is_fine, told) = call(dvc, pull, "pull");
        if is_whole && !is_fine {
            return Err(format!("{story}: {pull} pull: {told}"));
        }
        let after = data();
        if is_whole && after != before {
            return Err(format!("{story}: {:?} instead of {:?}", after.keys(), before.keys()));
        }
        let (ours, theirs) = (stale(sandbox), dvc.stale(sandbox));
        if ours != theirs {
            return Err(format!("{story}: ours {ours:?}, DVC {theirs:?}"));
        }
        if !is_whole {
            pipe(sandbox, &["repro", "-P"]).code(0);
        }
        for name in ["shared", "elsewhere"] {
            let folder = sandbox.root().with_file_name(name);
            std::fs::remove_dir_all(&folder).unwrap();
            std::fs::create_dir(folder).unwrap();
        }
        let _ = std::fs::remove_file(sandbox.path(".dvc/tmp/pipe/remotes.json"));
    }
    Ok(())
}

fn check_all(part: usize, parts: usize) {
    let sandbox = Sandbox::without_git();
    let mut dvc = Dvc::start(&sandbox);
    let recipes = recipes();
    assert!(recipes.len() >= 40);
    let only = std::env::var("PIPE_TEST_DVC_FEATURE").ok();
    let mut faults = Vec::new();
    for recipe in recipes.iter().skip(part).step_by(parts) {
        let name = recipe.features.iter().map(|feature| feature.name).collect::<Vec<_>>().join(" + ");
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        // What one project breaks, the others tell more of.
        let check = std::panic::AssertUnwindSafe(|| check(&mut dvc, recipe));
        let told = |panic: Box<dyn std::any::Any + Send>| {
            Err(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_owned()))
        };
        if let Err(fault) = std::panic::catch_unwind(check).unwrap_or_else(told) {
            faults.push(format!("== {name} in `{}`: {fault}", recipe.folder));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn features_at_the_root() {
    check_all(0, 2);
}

#[test]
fn features_together_in_folders() {
    check_all(1, 2);
}

/// Whether something stands in the texts of a project.
type Sign = fn(&Made, &str) -> bool;

/// Of each feature that a project of DVC may have, how to see in the texts of a project that it is there.
const SIGNS: [(&str, Sign); 16] = [
    ("foreach", |_, text| text.contains("foreach:")),
    ("matrix", |_, text| text.contains("matrix:")),
    ("vars", |_, text| text.contains("vars:")),
    ("wdir", |_, text| text.contains("wdir:")),
    ("folders", |_, text| text.contains("cmd: mkdir -p") && text.contains("outs: [f")),
    ("outs that persist", |_, text| text.contains("persist: true")),
    ("metrics without cache", |_, text| has_plain(text, "metrics:")),
    ("plots without cache", |_, text| has_plain(text, "plots:")),
    ("frozen stages", |_, text| text.contains("frozen: true")),
    ("imports", |made, _| !made.imports.is_empty()),
    ("pipelines in folders of each other", |made, _| {
        made.files.keys().filter(|file| file.ends_with("dvc.yaml")).count() > 1
    }),
    (".dvc files", |made, _| !made.adds.is_empty()),
    ("paths outside", |_, text| text.contains("deps: [/")),
    ("outs outside", |_, text| text.contains("  - remote://") && text.contains("  - /")),
    ("data sets", |_, text| text.contains("ds://")),
    ("names beyond ASCII", |_, text| text.lines().any(|line| line.contains("outs: [") && !line.is_ascii())),
];

/// Whether the first entry below such a key is not kept in the cache.
fn has_plain(text: &str, key: &str) -> bool {
    let below = |(at, _): (usize, &str)| {
        text[at..].lines().skip(2).take(1).any(|line| line.ends_with("cache: false"))
    };
    text.match_indices(key).any(below)
}

#[test]
fn every_feature_is_in_two_projects_at_least() {
    let recipes = recipes();
    assert!(recipes.len() >= 40);
    let made: Vec<Made> = recipes.iter().map(|recipe| make(recipe, "/outside")).collect();
    let text = |made: &Made| {
        let texts = made.files.iter().filter(|(file, _)| file.ends_with("dvc.yaml"));
        texts.map(|(_, text)| text.as_str()).collect::<String>()
    };
    let count =
        |sign: &dyn Fn(&Made, &str) -> bool| made.iter().filter(|made| sign(made, &text(made))).count();
    for (feature, sign) in SIGNS {
        assert!(count(&sign) >= 2, "{feature}: {}", count(&sign));
    }
    for spelling in ["e-0", "1.0e+16", "10.0"] {
        let has = |made: &Made, _: &str| made.files.values().any(|text| text.contains(spelling));
        assert!(count(&has) >= 2, "floats as in {spelling}");
    }
    // And each is alone in one.
    for feature in FEATURES {
        let alone = |recipe: &&Recipe| recipe.features.len() == 1 && recipe.features[0].name == feature.name;
        assert_eq!(recipes.iter().filter(alone).count(), 1, "{}", feature.name);
    }
}
