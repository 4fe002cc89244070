//! Counterparts: numpy opens the data, ours opens what numpy writes, and Python's safetensors opens the model.
//!
//! `PIPE_TEST_PYTHON` names an interpreter that has numpy and safetensors; else it is `python3`. One
//! without them fails these tests: a check that is silently left out checks nothing.

use crate::harness::{Said, Sandbox};

/// Runs a Python script in the project.
fn python(sandbox: &Sandbox, script: &str) -> Said {
    let interpreter = std::env::var("PIPE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut command = sandbox.program(&interpreter);
    command.args(["-c", "import numpy, safetensors"]);
    let said = sandbox.finish(command);
    assert!(
        said.stderr.is_empty(),
        "{interpreter} lacks numpy or safetensors; install them (`{interpreter} -m pip install numpy safetensors`) or \
         name another interpreter in PIPE_TEST_PYTHON:\n{}",
        said.stderr
    );
    let mut command = sandbox.program(&interpreter);
    command.args(["-c", script]);
    sandbox.finish(command).code(0)
}

#[test]
fn numpy_opens_every_data_set() {
    let sandbox = Sandbox::without_git();
    for kind in ["spirals", "moons", "complex_moons", "clusters", "spheres"] {
        sandbox.ok([
            "data",
            "generate",
            "--problem_type",
            kind,
            "--input_dim",
            "4",
            "--n_samples",
            "90",
            "-o",
            kind,
        ]);
    }
    python(
        &sandbox,
        r"
import numpy
for kind in ['spirals', 'moons', 'complex_moons', 'clusters', 'spheres']:
    data = numpy.load(kind + '.npz', allow_pickle=False)
    assert sorted(data.files) == ['X', 'y'], data.files
    X, y = data['X'], data['y']
    assert X.dtype == numpy.dtype('<f4') and y.dtype == numpy.dtype('<i8'), (X.dtype, y.dtype)
    assert X.ndim == 2 and X.shape[1] == 4 and y.shape == X.shape[:1] and 80 <= len(y) <= 90, (kind, X.shape)
    assert numpy.isfinite(X).all() and y.min() == 0 and y.max() >= 1
",
    );
}

#[test]
fn the_original_spirals_are_reproduced_to_the_byte() {
    let sandbox = Sandbox::without_git();
    sandbox.ok([
        "data",
        "generate",
        "--problem_type",
        "spirals",
        "--n_samples",
        "2000",
        "--input_dim",
        "3",
        "-o",
        "s.npz",
    ]);
    python(
        &sandbox,
        r"
import hashlib, numpy
assert hashlib.md5(open('s.npz', 'rb').read()).hexdigest() == 'bd61a7c3f63c221dabee5804dfb57ddc'
data = numpy.load('s.npz')
print(data['X'].flags.f_contiguous, data['X'].flags.c_contiguous)
assert data['X'].shape == (2000, 3)
",
    );
}

/// The generators by numpy itself, from the formulas alone.
#[test]
fn numpy_writes_the_same_files_again() {
    let sandbox = Sandbox::without_git();
    sandbox.ok(["data", "generate", "--problem_type", "spirals", "-o", "a.npz"]);
    python(
        &sandbox,
        r"
import numpy
data = numpy.load('a.npz')
numpy.savez('b.npz', X=data['X'], y=data['y'])
a, b = (numpy.load(name) for name in ['a.npz', 'b.npz'])
assert a.zip.read('X.npy') == b.zip.read('X.npy') and a.zip.read('y.npy') == b.zip.read('y.npy')
",
    );
}

#[cfg(feature = "train")]
mod trained {
    use super::*;

    /// Flags for a training of a blink.
    const SHORT: [&str; 8] =
        ["--warm_up_epochs", "1", "--adaptation_epochs", "1", "--hidden_dim", "8", "--num_layers", "1"];

    #[test]
    fn ours_opens_what_numpy_writes() {
        let sandbox = Sandbox::without_git();
        python(
            &sandbox,
            r"
import numpy
random = numpy.random.default_rng(0)
points = random.integers(-50, 50, size=(120, 2))
classes = (points[:, 0] > 0).astype('i8')
for x in ['f4', 'f8', 'i4', 'i8']:
    for y in ['i4', 'i8']:
        for order in 'CF':
            for name, save in [('stored', numpy.savez), ('deflated', numpy.savez_compressed)]:
                save(f'{x}-{y}-{order}-{name}.npz', X=numpy.asarray(points.astype(x), order=order), y=classes.astype(y))
",
        );
        let files: Vec<String> =
            sandbox.files("").into_iter().filter(|file| file.ends_with(".npz")).collect();
        assert_eq!(files.len(), 32);
        let mut models: Vec<Vec<u8>> = files
            .iter()
            .map(|file| {
                sandbox.ok(["train", "--data", file, "--output", "out", "-q"].iter().chain(&SHORT));
                sandbox.bytes("out/model.safetensors")
            })
            .collect();
        models.dedup();
        assert_eq!(models.len(), 1, "the same numbers in any form train the same model");
    }

    #[test]
    fn safetensors_opens_the_model() {
        let sandbox = Sandbox::without_git();
        sandbox.ok([
            "data",
            "generate",
            "--problem_type",
            "moons",
            "--n_samples",
            "100",
            "--input_dim",
            "2",
            "-o",
            "d.npz",
        ]);
        sandbox.ok(["train", "--data", "d.npz", "--output", "out", "-q"].iter().chain(&SHORT));
        let said = python(
            &sandbox,
            r"
import numpy
from safetensors import safe_open
total = 0
with safe_open('out/model.safetensors', framework='numpy') as model:
    assert model.metadata(), 'what the model is stands in its metadata'
    for name in model.keys():
        tensor = model.get_tensor(name)
        assert tensor.dtype == numpy.float32 and numpy.isfinite(tensor).all(), name
        print(name, tensor.shape)
        total += tensor.size
assert total >= 2 * 8 + 8 + 8 * 8 + 8 + 8 * 2 + 2, total
",
        );
        assert!(!said.stdout.is_empty());
    }
}
