//! What a stage needs of the machine that runs it: `env`, `timeout`, `resources`, `pool`.
//!
//! Except for `env`, none of it is part of the stage key: it decides when and for how long a command runs, not what
//! it computes.

use base::Value;

use crate::env::EnvRef;
use crate::error::PipelineError;
use crate::format::native::spec::known_keys_only;
use crate::node::Node;
use crate::stage::Resources;

/// A stage's needs, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// Variables it reads; sorted, each once.
    pub env: Vec<EnvRef>,
    /// How long it may run, in milliseconds.
    pub timeout_millis: Option<u64>,
    /// What it occupies while it runs.
    pub resources: Resources,
    /// The pools it is in; sorted, each once.
    pub pools: Vec<String>,
}

/// Reads the needs of a stage.
pub(crate) fn read(stage: &Node<'_, '_>) -> Result<Needs, PipelineError> {
    Ok(Needs {
        env: env(stage)?,
        timeout_millis: stage.get("timeout").map(|node| timeout(&node)).transpose()?,
        resources: resources(stage)?,
        pools: pools(stage)?,
    })
}

fn env(stage: &Node<'_, '_>) -> Result<Vec<EnvRef>, PipelineError> {
    let Some(node) = stage.get("env") else { return Ok(Vec::new()) };
    let mut variables: Vec<EnvRef> = Vec::new();
    match node.value {
        Value::Map(_) => add_variables(&node, &mut variables)?,
        Value::List(_) => {
            for item in node.items()? {
                match item.value {
                    Value::Str(name) => add_variable(&item, name, false, &mut variables)?,
                    Value::Map(_) => add_variables(&item, &mut variables)?,
                    _ => return Err(item.expected("the name of a variable")),
                }
            }
        }
        _ => return Err(node.expected("a list of names, or a map of names to options")),
    }
    variables.sort();
    Ok(variables)
}

fn add_variables(map: &Node<'_, '_>, variables: &mut Vec<EnvRef>) -> Result<(), PipelineError> {
    for (name, options) in map.entries()? {
        let mut plain = false;
        if !matches!(options.value, Value::Null) {
            if !matches!(options.value, Value::Map(_)) {
                let hint = "a stage only says which variables it reads; set them before `pipe repro`";
                return Err(options.expected("options such as `{plain: true}`").hint(Some(hint)));
            }
            known_keys_only(&options, &format!("variable `{name}`"), &["plain"])?;
            plain = options.get("plain").map_or(Ok(false), |node| node.boolean())?;
        }
        add_variable(&options, name, plain, variables)?;
    }
    Ok(())
}

fn add_variable(
    node: &Node<'_, '_>,
    name: &str,
    plain: bool,
    variables: &mut Vec<EnvRef>,
) -> Result<(), PipelineError> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(good) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(node.key_fault(format!("`{}` is no name of a variable", name.escape_debug())));
    }
    if variables.iter().any(|known| known.name == name) {
        return Err(node.key_fault(format!("variable `{name}` is declared twice")));
    }
    variables.push(EnvRef { name: name.to_owned(), plain });
    Ok(())
}

/// A number of seconds, or amounts with units: `90`, `0.5`, `10s`, `1h30m`. In milliseconds.
fn timeout(node: &Node<'_, '_>) -> Result<u64, PipelineError> {
    let wrong = || node.expected("a time such as 90, `10s`, `5m` or `1h30m`, more than nothing");
    let seconds = match node.value {
        Value::Str(text) => duration(text).ok_or_else(wrong)?,
        number => number.as_f64().ok_or_else(wrong)?,
    };
    let millis = seconds * 1000.0;
    // Half of the largest exact whole number is some 140,000 years.
    if !(1.0..=4.5e15).contains(&millis) {
        return Err(node.fault(format!("`timeout`: {} is out of range", node.value)));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just above")]
    Ok(millis.round() as u64)
}

/// Seconds of a text such as `1h30m`; `None` when it is none.
fn duration(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, after) = number(rest)?;
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        seconds += number
            * match &after[..end] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                "" if number_only(text) => 1.0,
                _ => return None,
            };
        rest = after[end..].trim_start();
    }
    Some(seconds)
}

fn number_only(text: &str) -> bool {
    text.trim().chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// The decimal number at the start of a text, and what follows it.
fn number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim_start()))
}

fn resources(stage: &Node<'_, '_>) -> Result<Resources, PipelineError> {
    let mut resources = Resources::default();
    let Some(node) = stage.get("resources") else { return Ok(resources) };
    known_keys_only(&node, "`resources`", &["cpus", "gpus", "memory", "tokens"])?;
    if let Some(cpus) = node.get("cpus") {
        match cpus.value.as_f64() {
            Some(number) if number > 0.0 && number.is_finite() => resources.cpus = Some(number),
            _ => return Err(cpus.expected("a number above 0")),
        }
    }
    resources.gpus = node.get("gpus").map(|gpus| gpus.unsigned()).transpose()?;
    resources.memory = node.get("memory").map(|memory| bytes(&memory)).transpose()?;
    if let Some(tokens) = node.get("tokens") {
        for (name, count) in tokens.entries()? {
            resources.tokens.insert(name.to_owned(), count.unsigned()?);
        }
    }
    Ok(resources)
}

/// A number of bytes, or an amount with a unit: `512MiB`, `4 GB`.
fn bytes(node: &Node<'_, '_>) -> Result<u64, PipelineError> {
    let wrong = || node.expected("a number of bytes, or an amount such as `512MiB` or `4GB`");
    let Value::Str(text) = node.value else {
        return if matches!(node.value, Value::Int(_)) { node.unsigned() } else { Err(wrong()) };
    };
    let (number, unit) = number(text.trim()).ok_or_else(wrong)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        "tib" => 1_099_511_627_776.0,
        _ => return Err(wrong()),
    };
    let bytes = number * factor;
    if !(0.0..=9.0e15).contains(&bytes) {
        return Err(node.fault(format!("`memory`: {text} is out of range")));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just above")]
    Ok(bytes.round() as u64)
}

fn pools(stage: &Node<'_, '_>) -> Result<Vec<String>, PipelineError> {
    let Some(node) = stage.get("pool") else { return Ok(Vec::new()) };
    let name = |node: &Node<'_, '_>| {
        let name = node.string()?;
        if name.trim().is_empty() {
            return Err(node.fault("the name of a pool is empty"));
        }
        Ok(name.to_owned())
    };
    let mut pools = match node.value {
        Value::List(_) => node.items()?.map(|item| name(&item)).collect::<Result<Vec<_>, _>>()?,
        _ => vec![name(&node)?],
    };
    pools.sort_unstable();
    pools.dedup();
    Ok(pools)
}
