//! `pipe completions`, `--help` and `--version`: what a shell and a newcomer ask for first.

use crate::harness::Sandbox;

#[test]
fn every_shell_gets_a_script() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        let said = sandbox.ok(["completions", shell]);
        assert!(said.stdout.contains("repro") && said.stderr.is_empty(), "{shell}");
    }
    assert_eq!(sandbox.ok(["completion", "-s", "zsh"]).stdout, sandbox.ok(["completions", "zsh"]).stdout);
    let mut command = sandbox.program("bash");
    // The script is longer than an argument may be.
    sandbox.write("completions.bash", sandbox.ok(["completions", "bash"]).stdout);
    command.args(["-n", "completions.bash"]);
    sandbox.finish(command).code(0);
    sandbox.pipe(["completions", "tcl"]).code(2).tells(&["tcl", "bash"]);
}

#[test]
fn help_and_version_need_no_project() {
    let sandbox = Sandbox::without_git();
    assert!(sandbox.ok(["--version"]).stdout.starts_with("pipe 0."));
    let help = sandbox.ok(["--help"]).stdout;
    let commands = [
        "init",
        "repro",
        "status",
        "dag",
        "params",
        "metrics",
        "data",
        "runs",
        "log",
        "experiments",
        "models",
        "completions",
    ];
    for command in commands {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not in the help");
        assert!(sandbox.ok([command, "--help"]).stdout.contains("Usage: pipe "), "{command}");
    }
    assert!(sandbox.ok(["help", "runs", "list"]).stdout.contains("Usage: pipe runs list"));
    assert_eq!(sandbox.files(""), Vec::<String>::new(), "asking leaves nothing behind");
}

#[test]
fn wrong_usage_ends_with_2_and_a_suggestion() {
    let sandbox = Sandbox::new();
    sandbox.pipe(["repo"]).code(2).tells(&["repro"]);
    sandbox.pipe(["repro", "--jbos", "2"]).code(2).tells(&["--jobs"]);
    sandbox.pipe(["repro", "-j", "0"]).code(2).tells(&["0"]);
    sandbox.pipe(["--cd", "nowhere", "status"]).code(2).tells(&["nowhere"]);
    sandbox.pipe::<&str>([]).code(2);
}

#[test]
fn root_version_and_folder_of_the_cache_are_told() {
    let sandbox = Sandbox::without_git();
    sandbox.pipe(["root"]).code(2).tells(&["there is no pipeline.yaml"]);
    assert_eq!(sandbox.ok(["version"]).stdout.lines().count(), 1);
    sandbox.ok(["init", "--no-scm", "--subdir"]);
    let below = |arguments: &[&str]| {
        let mut command = sandbox.pipe_command(arguments);
        std::fs::create_dir_all(sandbox.path("a/b")).unwrap();
        command.current_dir(sandbox.path("a/b"));
        sandbox.finish(command).code(0).stdout.replace(sandbox.root().to_str().unwrap(), "ROOT")
    };
    assert_eq!(below(&["root"]), "../..\n");
    assert_eq!(sandbox.ok(["root"]).stdout, ".\n");
    assert_eq!(below(&["cache", "dir"]), "ROOT/.pipe/cache\n");
    below(&["cache", "dir", "../c"]);
    assert_eq!(below(&["cache", "dir"]), "ROOT/a/c\n");
    assert_eq!(sandbox.ok(["config", "cache.dir"]).stdout, "a/c\n");
    below(&["cache", "dir", "--unset"]);
    assert_eq!(below(&["cache", "dir"]), "ROOT/.pipe/cache\n");
    let told = below(&["doctor"]);
    assert!(told.contains("project of pipe: ROOT\ncache: ROOT/.pipe/cache\n"), "{told}");
}
