//! `pipe data generate`: files by flags.

use crate::harness::{Sandbox, snapshot};

#[test]
fn every_problem_type_is_written() {
    let sandbox = Sandbox::without_git();
    for kind in ["spirals", "moons", "complex_moons", "clusters", "spheres"] {
        let said = sandbox.ok(["data", "generate", "--problem_type", kind, "--n_samples", "100", "-o", kind]);
        assert!(said.stderr.starts_with(&format!("Wrote {kind}.npz (")), "{}", said.stderr);
        assert_eq!(sandbox.bytes(&format!("{kind}.npz"))[..4], *b"PK\x03\x04");
    }
}

#[test]
fn flags_are_written_with_either_dash_and_give_the_same_bytes() {
    let sandbox = Sandbox::without_git();
    sandbox.ok(["data", "generate", "--problem_type", "spirals", "--n_samples", "50", "--output", "a.npz"]);
    sandbox.ok(["data", "generate", "--problem-type=spirals", "--n-samples=50", "--output=deep/b.npz"]);
    assert_eq!(sandbox.bytes("a.npz"), sandbox.bytes("deep/b.npz"));
    sandbox.ok([
        "data",
        "generate",
        "--problem_type",
        "spirals",
        "--n_samples",
        "50",
        "--noise",
        "0.3",
        "-o",
        "c.npz",
    ]);
    assert_ne!(sandbox.bytes("a.npz"), sandbox.bytes("c.npz"));
}

#[test]
fn illegal_values_name_the_flag() {
    let sandbox = Sandbox::without_git();
    let generate = |flags: &[&str]| {
        let all = ["data", "generate", "-o", "x.npz"].into_iter().chain(flags.iter().copied());
        let said = sandbox.pipe(all).code(2);
        assert!(!sandbox.exists("x.npz"), "{flags:?} wrote something");
        said
    };
    snapshot!(generate(&["--problem_type", "spiral"]), @r#"
    exit: 2
    --- stderr
    error: --problem_type "spiral" is not legal: unknown variant `spiral`, expected one of `spirals`, `moons`, `complex_moons`, `clusters`, `spheres`
    hint: `pipe data generate --help` lists the flags with their defaults
    "#);
    for (flags, named) in [
        (&["--problem_type", "moons", "--n_samples", "-5"][..], "n_samples"),
        (&["--problem_type", "moons", "--n_samples", "many"], "n_samples"),
        (&["--problem_type", "moons", "--n_samples", "0"], "n_samples"),
        (&["--problem_type", "moons", "--input_dim", "1"], "input_dim"),
        (&["--problem_type", "spirals", "--noise", "nan"], "noise"),
        (&["--problem_type", "spheres", "--sphere_radii", "1,x"], "sphere_radii"),
        (&["--problem_type", "clusters", "--cluster_count", "0"], "cluster_count"),
        (&[], "--problem_type"),
        (&["--problem_type", "moons", "--nsamples", "3"], "--n_samples"),
    ] {
        generate(flags).tells(&[named]);
    }
}

#[test]
fn the_file_is_replaced_whole_or_not_at_all() {
    let sandbox = Sandbox::without_git();
    sandbox.write("x.npz", "old");
    sandbox.ok(["data", "generate", "--problem_type", "moons", "-o", "x.npz"]);
    assert!(sandbox.bytes("x.npz").len() > 1000);
    assert_eq!(sandbox.files(""), ["x.npz"]);
    std::fs::create_dir(sandbox.path("folder.npz")).unwrap();
    sandbox
        .pipe(["data", "generate", "--problem_type", "moons", "-o", "folder.npz"])
        .code(2)
        .tells(&["folder.npz"]);
    assert_eq!(sandbox.files(""), ["x.npz"]);
}
