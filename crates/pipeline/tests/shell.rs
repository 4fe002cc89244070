//! Names of files in commands, as real shells read them.

#![expect(clippy::disallowed_methods, reason = "only a shell tells what it reads")]

use std::process::Command;

use base::Value;
use pipeline::template::{Context, Field};
use proptest::prelude::*;

/// Scripts that print the name, with a point or a line's end behind it where the shell would take one away.
const SCRIPTS: [&str; 22] = [
    "printf %s ${item}",
    "printf %s \"${item}\"",
    "printf %s '${item}'",
    "printf '%s' \"\"\"${item}\"''",
    "x=${item}; printf %s \"$x\"",
    "# it's ${item}\nprintf %s \"${item}\"",
    "printf %s \"$(printf '%s.' \"${item}\")\"",
    "printf %s \"$(printf '%s.' ${item})\"",
    "printf %s \"$( (printf '%s.' '${item}') )\"",
    "x=$(printf '%s.' \"${item}\"); printf %s \"$x\"",
    "cat <<E\n${item}\nE",
    "cat <<'E'\n${item}\nE",
    "cat <<-E\n\t${item}\n\tE",
    "cat <<E >/dev/null; printf %s \"${item}\"\nit's \"\nE",
    "cat <<E >/dev/null\nit's \"\nE\nprintf %s \"${item}\"",
    "printf %s \\${NOTHING:-${item}}",
    "printf %s \"\\${NOTHING:-}${item}\"",
    "printf %s \"\\${NOTHING:-${item}}\"",
    "printf %s \"$((1<<2))${item}\" | tail -c +2",
    "printf %s \"$(case x in x) printf '%s.' ${item};; esac)\"",
    "printf %s \"`printf '%s.' ${item}`\"",
    "x=`printf '%s.' \"${item}\"`; printf %s \"$x\"",
];

/// Scripts from this list are never refused.
const ALWAYS: usize = 10;

/// Whether the shell reads the name in the script as it is; true where it is refused, which `is_refused` tells.
fn is_read(shell: &str, script: &str, name: &str) -> (bool, bool) {
    let locals = [("item", Value::from(name)), ("stem", Value::from("x"))];
    let Ok(filled) = Context::default().with(&locals).fill(&Value::from(script), Field::Command) else {
        return (true, true);
    };
    let output = Command::new(shell).args(["-e", "-c", filled.as_str().unwrap()]).output().unwrap();
    let ends = if script.contains("%s.") {
        "."
    } else if script.ends_with("${item}\nE") || script.ends_with("${item}\n\tE") {
        "\n"
    } else {
        ""
    };
    let is_read = output.stdout == format!("{name}{ends}").as_bytes();
    (is_read && output.status.success() && output.stderr.is_empty(), false)
}

fn check(name: &str) {
    for shell in ["/bin/sh", "/bin/bash"] {
        if !std::path::Path::new(shell).exists() {
            continue;
        }
        for (at, script) in SCRIPTS.iter().enumerate() {
            let (is_read, is_refused) = is_read(shell, script, name);
            assert!(is_read, "{shell}: {name:?} in {script}");
            assert!(!is_refused || at >= ALWAYS, "{name:?} is refused in {script}");
        }
    }
}

#[test]
fn names_are_read_as_they_are() {
    for name in [
        "raw/c d.png",
        "it's",
        "a\"b",
        "$HOME",
        "`id`",
        "$(id)",
        "a\\",
        "\\\\n",
        "a\nb",
        "*",
        "~",
        "!!",
        "é",
        "-n",
    ] {
        check(name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nasty_names_are_read_as_they_are(name in "[a-z '\"\\\\$`\n\t(){}#;&|<>*?!~=é\\[\\]%-]{1,12}") {
        check(&name);
    }
}
