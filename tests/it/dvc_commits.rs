//! Projects of DVC as their commits have them, beside the real one: what belongs to them, and what cannot be read.


use crate::dvc_json::same;
use crate::dvc_tool::{Dvc, pipe, project};
use crate::harness::Sandbox;

#[test]
fn a_conflicted_pointer_is_no_deleted_data() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let change = |dvc: &mut Dvc, value: &str| {
        sandbox.write("a", value);
        dvc.ok(&sandbox, &["add", "-q", "a"]);
        sandbox.commit(value);
    };
    change(&mut dvc, "1");
    sandbox.git(["checkout", "-q", "-b", "b"]);
    change(&mut dvc, "2");
    sandbox.git(["checkout", "-q", "-"]);
    change(&mut dvc, "3");
    let mut merge = sandbox.program("git");
    merge.args(["merge", "-q", "b"]);
    sandbox.finish(merge).code(1);
    for command in
        [&["data", "status", "--json"][..], &["diff", "--json"], &["list", "."], &["du", "."], &["status"]]
    {
        let (code, _, told) = dvc.call(&sandbox, command);
        assert_ne!(code, 0, "dvc {command:?}: {told}");
        let said = pipe(&sandbox, command)
            .code(2)
            .tells(&["a.dvc:2:1: the file holds an unresolved merge conflict"]);
        let said = said.tells(&["`git checkout --ours"]);
        assert_eq!(said.stdout, "", "{command:?}");
    }
}
