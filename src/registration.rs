//! A version of a registered model, and the rule under which it is made, as `pipe models register` and `pipe train` take it.

use std::collections::BTreeMap;

use clap::Args;
use track::{
    Bound, Change, Comparison, Direction, Field, Filter, Literal, NewVersion, Precondition, RegistryChange,
    RunId,
};

use crate::error::{CliError, CliResult};

// What must hold of the run in the moment in which a version is made of it, and what the version is called. A doc comment
// here would become what a command that takes these flags is about.
#[derive(Clone, Debug, Default, Args)]
pub struct RuleArgs {
    /// Only if these bounds of metrics hold: 'metrics.acc > 0.9 and metrics.loss < 0.1'
    #[arg(long, value_name = "CONDITION")]
    r#if: Option<String>,
    /// Only if the run is better than that of the version with this alias, with this number, or of the `latest`; where no
    /// version has the alias, or there is none yet, it is, but where that version's value cannot be told (its run is gone, or
    /// has no such metric) it is not
    #[arg(long, value_name = "ALIAS|VERSION", requires = "metric", value_parser = champion)]
    if_better_than: Option<String>,
    /// The metric that `--if-better-than` compares, by its last value
    #[arg(long, requires = "if_better_than")]
    metric: Option<String>,
    /// Less of the metric is better [default: as for best() of `pipe runs list`]
    #[arg(long, requires = "metric")]
    lower_is_better: bool,
    /// More of the metric is better
    #[arg(long, requires = "metric", conflicts_with = "lower_is_better")]
    higher_is_better: bool,
    /// Make this alias mean the new version; may be repeated
    #[arg(long, value_parser = alias)]
    pub alias: Vec<String>,
}

fn alias(text: &str) -> Result<String, String> {
    check_alias(text).map(|()| text.to_owned())
}

/// Whom a run has to beat, as `Precondition::BetterThanChampion` calls it: an alias, `latest`, or `v` and a number.
fn champion(text: &str) -> Result<String, String> {
    let plain = text.strip_prefix('@').unwrap_or(text);
    let number = text.strip_prefix(['v', 'V']).unwrap_or(text);
    if plain.eq_ignore_ascii_case("latest") {
        return Ok("latest".to_owned());
    }
    if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: i64 = number.parse().map_err(|_| format!("there is no version {number}"))?;
        return Ok(format!("v{number}"));
    }
    check_alias(plain)
        .map(|()| plain.to_owned())
        .map_err(|fault| format!("{fault}; expected an alias, the number of a version, or latest"))
}

/// Refuses what nobody should call a version. MLflow takes an alias of digits, and so does the store; people would take
/// it for a version's number.
///
/// # Errors
/// When it is a number, or MLflow would refuse it.
pub fn check_alias(alias: &str) -> Result<(), String> {
    track::check_alias(alias).map_err(|fault| fault.to_string())?;
    if alias.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("the alias `{alias}` is not allowed: a number means that version"));
    }
    Ok(())
}

impl RuleArgs {
    /// The preconditions of a version of the registered model `name` that is made of a run with these tags; `holder` is the run
    /// that a metric was logged to.
    ///
    /// # Errors
    /// When the condition is made of something else than bounds of metrics.
    pub fn preconditions(
        &self,
        name: &str,
        holder: &dyn Fn(&str) -> RunId,
        tags: &BTreeMap<String, String>,
    ) -> CliResult<Vec<Precondition>> {
        let mut preconditions = Vec::new();
        if let Some(text) = &self.r#if {
            bounds(&Filter::parse(text)?, holder, &mut preconditions)?;
        }
        if let (Some(alias), Some(metric)) = (&self.if_better_than, &self.metric) {
            let is_higher = match (self.lower_is_better, self.higher_is_better) {
                (true, _) => false,
                (_, true) => true,
                _ => Direction::of(metric, tags) == Direction::Higher,
            };
            preconditions.push(Precondition::BetterThanChampion {
                run: holder(metric),
                model: name.to_owned(),
                alias: alias.clone(),
                metric: metric.clone(),
                higher_is_better: is_higher,
            });
        }
        Ok(preconditions)
    }
}

/// What makes a version of a registered model, which is made too when there is none of that name.
pub fn registration(version: NewVersion) -> [Change; 2] {
    let create = RegistryChange::CreateModel {
        name: version.model.clone(),
        description: None,
        tags: Vec::new(),
        if_absent: true,
    };
    [Change::Registry(create), Change::Registry(RegistryChange::CreateVersion(version))]
}

/// The bounds that a condition is made of.
fn bounds(filter: &Filter, holder: &dyn Fn(&str) -> RunId, found: &mut Vec<Precondition>) -> CliResult {
    match filter {
        Filter::And(parts) => parts.iter().try_for_each(|part| bounds(part, holder, found)),
        Filter::Compare {
            field: Field::Metric(metric),
            comparison,
            value: Literal::Number { value, .. },
        } => {
            let bound = match comparison {
                Comparison::Greater => Bound::Above(*value),
                Comparison::GreaterOrEqual => Bound::AtLeast(*value),
                Comparison::Less => Bound::Below(*value),
                Comparison::LessOrEqual => Bound::AtMost(*value),
                Comparison::Equal | Comparison::NotEqual => return Err(no_bound()),
            };
            found.push(Precondition::MetricBound { run: holder(metric), metric: metric.clone(), bound });
            Ok(())
        }
        _ => Err(no_bound()),
    }
}

fn no_bound() -> CliError {
    CliError::message("a condition for a version is made of bounds of metrics")
        .hint("write <, <=, > or >= and a number after each metric, joined by and: 'metrics.acc > 0.9'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_no_number() {
        for good in ["champion", "2024-05", "v", "_1"] {
            assert_eq!(check_alias(good), Ok(()), "{good}");
        }
        for bad in ["12", "0", "v12", "latest", ""] {
            assert!(check_alias(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn whom_a_run_has_to_beat() {
        for (text, whom) in [
            ("champion", "champion"),
            ("@champion", "champion"),
            ("latest", "latest"),
            ("@Latest", "latest"),
            ("3", "v3"),
            ("v3", "v3"),
            ("03", "v3"),
        ] {
            assert_eq!(champion(text).as_deref(), Ok(whom), "{text}");
        }
        for bad in ["", "@", "a b", "1.5", "m/1", "m@champion", "@3", "99999999999999999999"] {
            assert!(champion(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_command_that_takes_a_rule_stays_about_what_it_was() {
        let command = RuleArgs::augment_args(clap::Command::new("train").about("Train"));
        assert_eq!(command.get_about().map(ToString::to_string).as_deref(), Some("Train"));
        assert!(command.get_long_about().is_none());
    }
}
