//! `model.safetensors`: a trained network as any safetensors reader opens it.
//!
//! Weights lie as PyTorch keeps them, (outputs, inputs), under the names `input`, `blocks.N`, `output` and, for each
//! germinated seed, `seedL_I.expand` and `seedL_I.contract`, each with `.weight` and `.bias`. All else is JSON under
//! the single metadata key `pipe`: with more keys the format's writer would put them in random order, and equal
//! models must give equal bytes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::model::{Architecture, Child, Dense, Model, Scaler, Trunk};
use super::seed::{Seed, SeedState};
use crate::TrainConfig;

/// Version of the names and of the metadata.
pub const MODEL_FORMAT_VERSION: u32 = 1;

const METADATA_KEY: &str = "pipe";

/// Why a model could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file could not be read or written.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// The file was read but is no model of ours.
    #[error("failed to read model {}: {fault}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
}

/// The metadata.
#[derive(Serialize, Deserialize)]
struct Header {
    format_version: u32,
    architecture: Architecture,
    config: TrainConfig,
    scaler: Scaler,
    seeds: Vec<Seed>,
}

/// Writes a model. Equal models give equal bytes.
///
/// # Errors
/// When the file cannot be written; an old one stands then.
pub fn save_model(path: &Path, model: &Model) -> Result<(), ModelError> {
    disk::replace(path, &model_bytes(model))?;
    Ok(())
}

/// Reads a model that [`save_model`] wrote.
///
/// # Errors
/// When the file cannot be read, is no safetensors file, was not written by `pipe` or by a newer one, or its tensors
/// do not fit its own metadata.
pub fn load_model(path: &Path) -> Result<Model, ModelError> {
    let bytes = disk::read(path)?;
    model_from_bytes(&bytes).map_err(|fault| ModelError::Content { path: path.to_owned(), fault })
}

/// Every layer with its name, in the order of the network.
fn named_layers(model: &Model) -> Vec<(String, &Dense)> {
    let mut layers =
        vec![("input".to_owned(), &model.trunk.input), ("output".to_owned(), &model.trunk.output)];
    layers.extend(
        model.trunk.blocks.iter().enumerate().map(|(index, block)| (format!("blocks.{index}"), block)),
    );
    for (seed, child) in model.seeds.iter().zip(&model.children) {
        if let Some(child) = child {
            layers.push((format!("{}.expand", seed.id), &child.expand));
            layers.push((format!("{}.contract", seed.id), &child.contract));
        }
    }
    layers
}

/// What [`save_model`] writes.
pub fn model_bytes(model: &Model) -> Vec<u8> {
    let header = Header {
        format_version: MODEL_FORMAT_VERSION,
        architecture: model.architecture,
        config: model.config.clone(),
        scaler: model.scaler.clone(),
        seeds: model.seeds.clone(),
    };
    let header = serde_json::to_string(&header).expect("metadata are plain data");
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, layer) in named_layers(model) {
        let weight = transposed(&layer.weight, layer.inputs, layer.outputs);
        tensors.push((format!("{name}.weight"), vec![layer.outputs, layer.inputs], to_bytes(&weight)));
        tensors.push((format!("{name}.bias"), vec![layer.outputs], to_bytes(&layer.bias)));
    }
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("shape and bytes agree");
        (name.as_str(), view)
    });
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
    safetensors::serialize(views, Some(metadata)).expect("the header is far below the format's limit")
}

/// Columns of a row-major (rows, columns) matrix as rows.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn model_from_bytes(bytes: &[u8]) -> Result<Model, String> {
    let (_, metadata) =
        SafeTensors::read_metadata(bytes).map_err(|fault| format!("no safetensors file ({fault})"))?;
    let metadata = metadata.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
    let header = metadata.ok_or("its metadata have no key \"pipe\": another program wrote it")?;
    let version: Version =
        serde_json::from_str(header).map_err(|fault| format!("its metadata are broken ({fault})"))?;
    if version.format_version != MODEL_FORMAT_VERSION {
        let found = version.format_version;
        return Err(format!(
            "its format is version {found}, and this pipe reads version {MODEL_FORMAT_VERSION}"
        ));
    }
    let header: Header =
        serde_json::from_str(header).map_err(|fault| format!("its metadata are broken ({fault})"))?;
    check_header(&header)?;
    let tensors =
        SafeTensors::deserialize(bytes).map_err(|fault| format!("no safetensors file ({fault})"))?;
    let Architecture { input_dim, hidden_dim, num_layers, classes, .. } = header.architecture;
    let layer = |name: &str, inputs, outputs| read_layer(&tensors, name, inputs, outputs);
    let trunk = Trunk {
        input: layer("input", input_dim, hidden_dim)?,
        blocks: (0..num_layers)
            .map(|index| layer(&format!("blocks.{index}"), hidden_dim, hidden_dim))
            .collect::<Result<_, _>>()?,
        output: layer("output", hidden_dim, classes)?,
    };
    let wide = hidden_dim.saturating_mul(4);
    let child = |seed: &Seed| {
        let id = seed.id;
        (seed.state != SeedState::Dormant)
            .then(|| {
                let expand = layer(&format!("{id}.expand"), hidden_dim, wide)?;
                Ok(Child { expand, contract: layer(&format!("{id}.contract"), wide, hidden_dim)? })
            })
            .transpose()
    };
    let children = header.seeds.iter().map(child).collect::<Result<_, String>>()?;
    let Header { architecture, config, scaler, seeds, .. } = header;
    Ok(Model { config, architecture, scaler, seeds, trunk, children })
}

/// Read first, since a newer version may have other fields.
#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

/// The metadata must agree with themselves before anything is built by them.
fn check_header(header: &Header) -> Result<(), String> {
    let Header { architecture, scaler, seeds, .. } = header;
    let positive = architecture.input_dim > 0 && architecture.hidden_dim > 0 && architecture.classes > 0;
    let count = architecture.num_layers.checked_mul(architecture.seeds_per_layer);
    if !positive || count != Some(seeds.len()) || seeds.is_empty() {
        return Err("its metadata name another number of seeds than layers hold".to_owned());
    }
    if !architecture.seed_ids().iter().eq(seeds.iter().map(|seed| &seed.id)) {
        return Err("its seeds are not those of its layers".to_owned());
    }
    if scaler.mean.len() != architecture.input_dim || scaler.std.len() != architecture.input_dim {
        return Err("its scaler has another number of columns than its input".to_owned());
    }
    Ok(())
}

fn read_layer(tensors: &SafeTensors<'_>, name: &str, inputs: usize, outputs: usize) -> Result<Dense, String> {
    let weight = read_tensor(tensors, &format!("{name}.weight"), &[outputs, inputs])?;
    let bias = read_tensor(tensors, &format!("{name}.bias"), &[outputs])?;
    Ok(Dense { inputs, outputs, weight: transposed(&weight, outputs, inputs), bias })
}

fn read_tensor(tensors: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
    let tensor = tensors.tensor(name).map_err(|_| format!("it has no tensor {name}"))?;
    if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
        let (kind, found) = (tensor.dtype(), tensor.shape());
        return Err(format!("tensor {name} is {kind:?} {found:?} but must be F32 {shape:?}"));
    }
    Ok(tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::super::random::{Purpose, Stream};
    use super::*;

    fn model() -> Model {
        let architecture =
            Architecture { input_dim: 3, hidden_dim: 4, num_layers: 2, seeds_per_layer: 2, classes: 2 };
        let mut seeds: Vec<Seed> = architecture.seed_ids().into_iter().map(Seed::new).collect();
        (seeds[2].state, seeds[2].alpha) = (SeedState::Blending, 16.0 / 30.0);
        let mut children = vec![None; 4];
        children[2] = Some(Child::draw(4, 1, 2));
        Model {
            config: TrainConfig::default(),
            architecture,
            scaler: Scaler { mean: vec![0.1, -0.2, 1e-3], std: vec![1.0, 2.0, 0.3] },
            seeds,
            trunk: Trunk::draw(&architecture, &mut Stream::new(1, Purpose::TrunkInit, 0)),
            children,
        }
    }

    #[test]
    fn a_model_reads_back_and_is_written_alike() {
        let model = model();
        let bytes = model_bytes(&model);
        assert_eq!(model_from_bytes(&bytes), Ok(model.clone()));
        assert!((0..20).all(|_| model_bytes(&model) == bytes));
    }

    #[test]
    fn other_files_are_refused_by_name_of_the_fault() {
        let fault = |bytes: &[u8]| model_from_bytes(bytes).expect_err("the file is broken");
        assert!(fault(b"").starts_with("no safetensors file"));
        let foreign =
            safetensors::serialize(Vec::<(&str, TensorView<'_>)>::new(), None).expect("an empty file");
        assert!(fault(&foreign).contains("another program wrote it"));
        let text = |from: &str, to: &str| {
            let bytes = model_bytes(&model());
            let position =
                bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect("is there");
            [&bytes[..position], to.as_bytes(), &bytes[position + from.len()..]].concat()
        };
        assert!(fault(&text("format_version\\\":1", "format_version\\\":9")).contains("version 9"));
        assert!(fault(&text("num_layers\\\":2", "num_layers\\\":1")).contains("number of seeds"));
        assert!(fault(&text("hidden_dim\\\":4", "hidden_dim\\\":5")).contains("must be F32 [5, 3]"));
        assert!(fault(&text("input.bias", "input.bixs")).contains("no tensor input.bias"));
    }

    #[test]
    fn no_cut_file_is_a_panic() {
        let bytes = model_bytes(&model());
        for end in (0..bytes.len()).step_by(7) {
            assert!(model_from_bytes(&bytes[..end]).is_err(), "cut at {end}");
        }
    }
}
