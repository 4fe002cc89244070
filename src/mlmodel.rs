//! A trained network as a folder that MLflow's clients load: `MLmodel`, the ONNX file, what it needs of Python, and an
//! example of its input. The weights as `pipe` reads them lie beside.
//!
//! MLflow writes such a folder in Python; what is written here is what its version below writes for an ONNX model. Python's
//! packages are named by what they must at least be, since none of them took part in the making.

use std::fmt::Write;

use base::Timestamp;
use learn::{Dataset, Model, ONNX_CLASSES, ONNX_PROBABILITIES};
use serde_json::{Value as Json, json};
use track::{ExperimentId, ModelId, RunId};

/// The file of the weights that [`learn::load_model`] reads.
pub const WEIGHTS: &str = "model.safetensors";

/// The version of MLflow whose folders these are.
const MLFLOW_VERSION: &str = "3.17.2";
/// A Python for which all the packages exist.
const PYTHON: &str = "3.12";
const PACKAGES: [&str; 4] = ["mlflow>=2.9", "numpy>=1.24", "onnx>=1.15", "onnxruntime>=1.17"];
/// So many rows of the data are the example.
const EXAMPLE_ROWS: usize = 5;

/// Who a model is.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// The logged model.
    pub model: ModelId,
    /// The run that made it.
    pub run: RunId,
    /// The run's experiment.
    pub experiment: ExperimentId,
    /// When it was made.
    pub made: Timestamp,
}

/// The files of the folder, by their names in it.
pub fn files(identity: &Identity, model: &Model, data: &Dataset) -> Vec<(&'static str, Vec<u8>)> {
    let example = example(data);
    let requirements: String = PACKAGES.iter().map(|package| format!("{package}\n")).collect();
    let mut files = vec![
        ("model.onnx", learn::onnx_bytes(model)),
        (WEIGHTS, learn::model_bytes(model)),
        ("input_example.json", example.to_string().into_bytes()),
        ("serving_input_example.json", json!({"inputs": example}).to_string().into_bytes()),
        ("requirements.txt", requirements.into_bytes()),
        ("python_env.yaml", python_env().into_bytes()),
        ("conda.yaml", conda().into_bytes()),
    ];
    let size = files.iter().map(|(_, bytes)| bytes.len()).sum();
    files.insert(0, ("MLmodel", mlmodel(identity, model, size).into_bytes()));
    files
}

/// The first rows, as numpy's `tolist` gives them.
fn example(data: &Dataset) -> Json {
    let rows = data.features.rows().into_iter().take(EXAMPLE_ROWS);
    rows.map(|row| row.iter().map(|value| Json::from(f64::from(*value))).collect::<Json>()).collect()
}

fn mlmodel(identity: &Identity, model: &Model, size: usize) -> String {
    let Identity { model: id, run, experiment, made } = identity;
    let made = made.to_string().replace('T', " ");
    let made = made.trim_end_matches('Z');
    let sizes = model.architecture;
    // The input has no name, as that of an array has none: arrays and frames can be given.
    let inputs = json!([tensor(None, "float32", &[-1, whole(sizes.input_dim)])]);
    let outputs = json!([
        tensor(Some(ONNX_CLASSES), "int64", &[-1]),
        tensor(Some(ONNX_PROBABILITIES), "float32", &[-1, whole(sizes.classes)]),
    ]);
    let format = learn::MODEL_FORMAT_VERSION;
    let opset = learn::ONNX_OPSET;
    format!(
        "artifact_path: mlflow-artifacts:/{experiment}/models/{id}/artifacts
flavors:
  onnx:
    code: null
    data: model.onnx
    onnx_session_options: null
    onnx_opset: {opset}
    providers:
    - CPUExecutionProvider
  pipe:
    data: {WEIGHTS}
    format_version: {format}
  python_function:
    data: model.onnx
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.onnx
    python_version: '{PYTHON}'
is_signature_from_type_hint: false
mlflow_version: {MLFLOW_VERSION}
model_id: {id}
model_size_bytes: {size}
model_uuid: {id}
prompts: null
run_id: {run}
saved_input_example_info:
  artifact_path: input_example.json
  serving_input_path: serving_input_example.json
  type: ndarray
signature:
  inputs: '{inputs}'
  outputs: '{outputs}'
  params: null
type_hint_from_example: false
utc_time_created: '{made}'
"
    )
}

fn tensor(name: Option<&str>, kind: &str, shape: &[i64]) -> Json {
    let mut tensor = json!({"type": "tensor", "tensor-spec": {"dtype": kind, "shape": shape}});
    if let Some(name) = name {
        tensor["name"] = name.into();
    }
    tensor
}

fn whole(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn python_env() -> String {
    format!(
        "python: '{PYTHON}'\nbuild_dependencies:\n- pip\n- setuptools\n- wheel\ndependencies:\n- -r requirements.txt\n"
    )
}

fn conda() -> String {
    let mut text = format!("channels:\n- conda-forge\ndependencies:\n- python={PYTHON}\n- pip\n- pip:\n");
    for package in PACKAGES {
        let _ = writeln!(text, "  - {package}");
    }
    text.push_str("name: mlflow-env\n");
    text
}

#[cfg(test)]
mod tests {
    use learn::{Architecture, Dense, Scaler, Trunk};

    use super::*;

    #[test]
    #[cfg(feature = "serve")]
    fn the_folder_is_of_the_version_that_is_served() {
        assert_eq!(MLFLOW_VERSION, server::MLFLOW_VERSION);
    }

    #[test]
    fn the_description_is_pinned() {
        let dense = |inputs, outputs| Dense {
            inputs,
            outputs,
            weight: vec![0.5; inputs * outputs],
            bias: vec![0.0; outputs],
        };
        let model = Model {
            config: learn::TrainConfig::default(),
            architecture: Architecture {
                input_dim: 2,
                hidden_dim: 1,
                num_layers: 0,
                seeds_per_layer: 0,
                classes: 3,
            },
            scaler: Scaler { mean: vec![0.0; 2], std: vec![1.0; 2] },
            seeds: Vec::new(),
            trunk: Trunk { input: dense(2, 1), blocks: Vec::new(), output: dense(1, 3) },
            children: Vec::new(),
        };
        let made = Timestamp(1_763_721_727_045);
        let identity = Identity {
            model: ModelId::from_parts(made, 7),
            run: RunId::from_parts(made, 6),
            experiment: ExperimentId::DEFAULT,
            made,
        };
        assert_eq!(mlmodel(&identity, &model, 1234), include_str!("../tests/golden/MLmodel"));
    }
}
