//! `pipe models alias`, `stage`, `tag`, `describe` and `delete`.

use clap::Args;
use track::{
    Change, ModelStore, ModelVersion, RegistryChange, RunStore, SqliteStore, Stage, Tag, VersionRef,
    VersionSearch,
};

use crate::cli::arguments::{ConfirmArgs, parse_pair, text_argument};
use crate::cli::runs::open;
use crate::error::{CliError, CliResult};
use crate::logging::now;
use crate::models::{ModelName, find_version, registered_model};
use crate::project::Project;
use crate::registration::check_alias;
use crate::ui::Printer;

#[derive(Debug, Args)]
pub struct AliasArgs {
    /// The version: NAME/3, NAME@ALIAS, NAME/latest
    model: ModelName,
    /// The alias: letters, digits, `_` and `-`
    alias: String,
    /// Remove the alias instead
    #[arg(long)]
    delete: bool,
}

#[derive(Debug, Args)]
pub struct StageArgs {
    /// The version: NAME/3, NAME@ALIAS, NAME/latest
    model: ModelName,
    /// None, Staging, Production or Archived
    stage: Stage,
    /// Archive the versions that are in this stage
    #[arg(long)]
    archive_existing: bool,
}

#[derive(Debug, Args)]
pub struct TagArgs {
    /// A registered model, or a version: NAME/3, NAME@ALIAS
    model: ModelName,
    /// Tags to set
    #[arg(value_name = "KEY=VALUE", required_unless_present = "delete", value_parser = parse_pair)]
    tags: Vec<(String, String)>,
    /// Remove this tag; may be repeated
    #[arg(long, value_name = "KEY")]
    delete: Vec<String>,
}

#[derive(Debug, Args)]
pub struct DescribeArgs {
    /// A registered model, or a version: NAME/3, NAME@ALIAS
    model: ModelName,
    /// The description; `-` reads it from standard input, an empty one removes it [default: print it]
    #[arg(allow_hyphen_values = true)]
    text: Option<String>,
}

/// Delete a registered model with all its versions, or one version, for ever
///
/// Shows first what would go. The name of a model is free then; the number of a version is not used again.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// A registered model, or a version: NAME/3, NAME@ALIAS
    model: ModelName,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

/// Makes an alias mean a version, or removes it.
///
/// # Errors
/// When there is no such version or alias, or the alias is against the rules.
pub fn alias(args: &AliasArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let (name, alias) = (args.model.name.clone(), args.alias.clone());
    if args.delete {
        if !registered_model(&store, &name)?.aliases.contains_key(&alias) {
            return Err(CliError::message(format!("registered model `{name}` has no alias `{alias}`"))
                .hint(format!("`pipe models show {name}` shows its aliases")));
        }
        apply(&store, vec![RegistryChange::DeleteAlias { name: name.clone(), alias: alias.clone() }])?;
        printer.say(format_args!("Removed {name}@{alias}."));
        return Ok(());
    }
    check_alias(&alias).map_err(CliError::message)?;
    let version = reference(&find_version(&store, &args.model)?);
    apply(&store, vec![RegistryChange::SetAlias { alias: alias.clone(), version: version.clone() }])?;
    printer.say(format_args!("{name}@{alias} is version {}.", version.version));
    Ok(())
}

/// Moves a version to a stage.
///
/// # Errors
/// When there is no such version, or others cannot give way in that stage.
pub fn stage(args: &StageArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let version = reference(&find_version(&store, &args.model)?);
    let told = format!("Version {} of {} is in {}.", version.version, version.model, args.stage);
    let mut others = if args.archive_existing { versions_of(&store, &version.model)? } else { Vec::new() };
    others.retain(|other| other.stage == args.stage && other.version != version.version);
    let change =
        RegistryChange::SetStage { version, stage: args.stage, archive_existing: args.archive_existing };
    apply(&store, vec![change])?;
    printer.say(told);
    for other in others {
        printer.say(format_args!("Version {} of {} is archived.", other.version, other.model));
    }
    Ok(())
}

/// Sets and removes tags.
///
/// # Errors
/// When there is no such model, version or tag, or a key is against the rules.
pub fn tag(args: &TagArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let tags: Vec<Tag> =
        args.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
    let mut changes = Vec::new();
    let (known, what) = match chosen(&store, &args.model)? {
        Some(version) => {
            let reference = reference(&version);
            changes.push(RegistryChange::SetVersionTags { version: reference.clone(), tags });
            changes.extend(args.delete.iter().map(|key| RegistryChange::DeleteVersionTag {
                version: reference.clone(),
                key: key.clone(),
            }));
            let what = told(&version);
            (version.tags, what)
        }
        None => {
            let name = args.model.name.clone();
            changes.push(RegistryChange::SetModelTags { name: name.clone(), tags });
            changes.extend(
                args.delete
                    .iter()
                    .map(|key| RegistryChange::DeleteModelTag { name: name.clone(), key: key.clone() }),
            );
            (registered_model(&store, &name)?.tags, name)
        }
    };
    if let Some(key) = args.delete.iter().find(|key| !known.contains_key(*key)) {
        return Err(CliError::message(format!("{what} has no tag `{key}`"))
            .hint(format!("`pipe models show {}` shows what there is", args.model.name)));
    }
    apply(&store, changes)?;
    printer.say(format_args!("Changed the tags of {what}."));
    Ok(())
}

/// Describes a model or a version, or prints the description.
///
/// # Errors
/// When there is no such model or version.
pub fn describe(args: &DescribeArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let version = chosen(&store, &args.model)?;
    let name = args.model.name.clone();
    let Some(text) = args.text.as_deref().map(text_argument).transpose()? else {
        let known = match version {
            Some(version) => version.description,
            None => registered_model(&store, &name)?.description,
        };
        match known {
            Some(text) => printer.data_line(text.trim_end()),
            None => printer.say("There is no description."),
        }
        return Ok(());
    };
    let description = Some(text).filter(|text| !text.trim().is_empty());
    let (change, what) = match version {
        Some(version) => {
            let what = told(&version);
            (RegistryChange::DescribeVersion { version: reference(&version), description }, what)
        }
        None => (RegistryChange::DescribeModel { name: name.clone(), description }, name),
    };
    apply(&store, vec![change])?;
    printer.say(format_args!("Changed the description of {what}."));
    Ok(())
}

/// Deletes a model or a version for ever.
///
/// # Errors
/// When there is no such model or version; with exit code 1 when it is not confirmed.
pub fn delete(args: &DeleteArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let name = args.model.name.clone();
    let (change, versions) = match chosen(&store, &args.model)? {
        Some(version) => (RegistryChange::DeleteVersion { version: reference(&version) }, vec![version]),
        None => {
            registered_model(&store, &name)?;
            (RegistryChange::DeleteModel { name: name.clone() }, versions_of(&store, &name)?)
        }
    };
    let what = match &change {
        RegistryChange::DeleteVersion { version } => format!("version {} of {name}", version.version),
        _ => format!("{name} with {}", report::count_text(versions.len(), "version")),
    };
    let table = super::show::versions_table(&store, &versions)?;
    if !table.is_empty() {
        printer.data(table.text(printer.width(), printer.colors_data()));
    }
    if args.confirm.dry {
        printer.say(format_args!("Would remove {what} for ever."));
        return Ok(());
    }
    args.confirm.confirm(&format!("this would remove {what} for ever"), printer)?;
    apply(&store, vec![change])?;
    printer.say(format_args!("Removed {what}."));
    Ok(())
}

/// All versions of a model, the newest first.
///
/// # Errors
/// When the store fails.
pub fn versions_of(store: &SqliteStore, name: &str) -> CliResult<Vec<ModelVersion>> {
    let name = track::Literal::Exact(name.to_owned());
    let field = track::Field::Attribute(track::Attribute::Name);
    let filter = track::Filter::Compare { field, comparison: track::Comparison::Equal, value: name };
    Ok(store.search_model_versions(&VersionSearch { filter: Some(filter), ..VersionSearch::default() })?)
}

/// The version that is named; none when the model itself is.
fn chosen(store: &SqliteStore, model: &ModelName) -> CliResult<Option<ModelVersion>> {
    model.which.as_ref().map(|_| find_version(store, model)).transpose()
}

/// What a version is called in a sentence.
fn told(version: &ModelVersion) -> String {
    format!("version {} of {}", version.version, version.model)
}

fn reference(version: &ModelVersion) -> VersionRef {
    VersionRef { model: version.model.clone(), version: version.version }
}

fn apply(store: &SqliteStore, changes: Vec<RegistryChange>) -> CliResult {
    store.apply(now(changes.into_iter().map(Change::Registry).collect()))?;
    Ok(())
}
