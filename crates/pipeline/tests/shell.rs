//! Names of files in commands, as real shells read them.

#![expect(clippy::disallowed_methods, reason = "only a shell tells what it reads")]

use std::process::Command;

use base::Value;
use pipeline::template::{Context, Field};
use proptest::prelude::*;

/// Scripts that print the name, with a point or a line's end behind it where the shell would take one away.
const SCRIPTS: [&str; 24] = [
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
    "x=; printf %s \"$x${item}\"",
    "x=; cat <<E\n$x${item}\nE",
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

/// Whether the name is put in as it is, as DVC does, and a shell takes it for a part of the variable before it.
fn continues_variable(script: &str, name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    let is_of_variable = |c: char| c.is_ascii_alphanumeric() || c == '_';
    script.contains("$x${item}") && name.chars().all(is_plain) && name.starts_with(is_of_variable)
}

fn check(name: &str) {
    for shell in ["/bin/sh", "/bin/bash"] {
        if !std::path::Path::new(shell).exists() {
            continue;
        }
        for (at, script) in SCRIPTS.iter().enumerate() {
            if continues_variable(script, name) {
                continue;
            }
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
        "plain",
        "=a",
        "a=",
    ] {
        check(name);
    }
}

/// Where bash calculates with what stands at the name.
const CALCULATED: [&str; 16] = [
    "[[ 1 -eq ${item} ]]",
    "[[ 1 -eq \"${item}\" ]]",
    "[[ '${item}' -eq 1 ]]",
    "[[ -n x && ( ${item} -lt 1 ) ]]",
    "[[ -v ${item} ]]",
    "[[ -n${item} -eq 1 ]]",
    "a[${item}]=1",
    "a[\"${item}\"]=1",
    "a[1 + ${item}]=1",
    "a=([${item}]=1)",
    "let ${item}",
    "let x=${item}",
    "true; let \"x = ${item}\"",
    "x=abc; echo \\${x:${item}}",
    "x=abc; echo \\${x:0:'${item}'}",
    "echo \\${x[${item}]}",
];

/// Where it looks alike, and the name is text.
const TEXT: [&str; 7] = [
    "[[ -n ${item} ]] && printf %s ${item}",
    "[[ ! -e \"x/${item}\" && 1 -eq 1 ]] && printf %s ${item}",
    "x=${item}; [[ \"$x\" == \"${item}\" ]] && printf %s ${item}",
    "[[ 1 -eq 1 ]] && printf %s ${item}",
    "a[1]=x; b=([2]=x); printf %s \"${item}\"",
    "let x=1; printf %s '${item}'",
    "x=abc; y=\\${x:1}\"\\${x:1:1}\"; printf %s \\${NOTHING:-${item}}",
];

#[test]
fn what_bash_calculates_with_is_refused() {
    let bash = "/bin/bash";
    if !std::path::Path::new(bash).exists() {
        return;
    }
    let name = "a[x y]";
    for script in CALCULATED {
        // As text it would do no harm. Who writes `$(…)` there has it run.
        let script_read = script.replace('\\', "");
        let (before, after) = script_read.split_once("${item}").unwrap();
        let quote = if before.contains(['\'', '"']) { "" } else { "'" };
        let quoted = format!("{before}{quote}{name}{quote}{after}");
        let output = Command::new(bash).args(["-c", &quoted]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("syntax error"), "{quoted}: {said}");
        assert_eq!(is_read(bash, script, name), (true, true), "{script}");
    }
    for name in [name, "a[$(echo ran >&2)]", "it's", "a\"b", "$HOME", "a b", "]", "]]"] {
        for script in TEXT {
            assert_eq!(is_read(bash, script, name), (true, false), "{name}: {script}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nasty_names_are_read_as_they_are(name in "[a-z '\"\\\\$`\n\t(){}#;&|<>*?!~=é\\[\\]%-]{1,12}") {
        check(&name);
    }
}
