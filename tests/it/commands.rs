//! How commands start: simple ones without a shell, and nobody can tell but by the time.

use crate::harness::Sandbox;

/// Tells who started it, and what it was given.
const WHO: &str = "#!/bin/sh\ncat /proc/$PPID/comm\nprintenv PWD\necho \"$0\" \"$@\"\ncat\n";

#[cfg(target_os = "linux")]
#[test]
fn a_simple_command_needs_no_shell() {
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  simple:
    wdir: sub
    cmd: ./who -a b=ü <in >  out
    outs: [out]
  again:
    wdir: sub
    cmd: [printf first > more, ./who >> more]
    outs: [more]
  shell:
    wdir: sub
    cmd: ./who 'a b' > quoted
    outs: [quoted]
",
    );
    sandbox.write_program("sub/who", WHO);
    sandbox.write("sub/in", "read\n");
    sandbox.ok(["repro", "-j1"]);
    let folder = sandbox.path("sub");
    let folder = folder.canonicalize().unwrap();
    let folder = folder.display();
    assert_eq!(sandbox.read("sub/out"), format!("pipe\n{folder}\n./who -a b=ü\nread\n"));
    assert_eq!(sandbox.read("sub/more"), format!("firstpipe\n{folder}\n./who\n"));
    assert_eq!(sandbox.read("sub/quoted"), format!("sh\n{folder}\n./who a b\n"));
}

#[test]
fn what_only_a_shell_can_start_is_left_to_it() {
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  script:
    cmd: ./no-first-line > out
    outs: [out]
  missing:
    cmd: no-such-program at all
",
    );
    sandbox.write_program("no-first-line", "echo read by sh\n");
    let failed = sandbox.pipe(["repro", "-k"]).code(1);
    assert_eq!(sandbox.read("out"), "read by sh\n");
    assert!(failed.stderr.contains("exited with code 127"), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("no-such-program: not found") || failed.stderr.contains("command not found")
    );
}

/// The module system of a cluster, say: a function that the environment brings along for bash goes before a program of
/// its name.
#[cfg(target_os = "linux")]
#[test]
fn a_function_of_the_environment_goes_before_a_program() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a:\n    cmd: who-started > out\n    outs: [out]\n");
    sandbox.write_program("bin/who-started", "#!/bin/sh\ncat /proc/$PPID/comm\n");
    let path = format!("{}:{}", sandbox.path("bin").display(), std::env::var("PATH").unwrap());
    let run_with = |function: &str| {
        let mut command = sandbox.pipe_command(["repro", "-f"]);
        command.env("PATH", &path).env(format!("BASH_FUNC_{function}%%"), "() { echo the function; }");
        sandbox.finish(command).code(0);
        sandbox.read("out")
    };
    assert_eq!(run_with("other"), "pipe\n");
    // Whether it is called is the shell's affair.
    assert_ne!(run_with("who-started"), "pipe\n");
}
