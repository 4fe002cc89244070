//! `model.onnx`: a trained network as any ONNX runtime opens it, computing what [`predict`](super::predict) computes.
//!
//! The graph is the forward pass written out: raw columns are standardised in 64 bits as training does it, each block
//! is a matrix product and a ReLU, and a seed that contributes adds its child by the shares that its state and alpha
//! give. Dormant and training seeds leave no node. Equal models give equal bytes.

mod proto;

use prost::Message;

use super::model::{Dense, Model};
use super::network::mix;
use super::seed::Seed;
use proto::{
    AttributeProto, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorType, TypeProto, ValueInfoProto,
};

/// Version of the operators: the first in which Softmax means what it means since.
pub const ONNX_OPSET: i64 = 13;
/// The graph's input: raw (not standardised) data, float32 (rows, columns).
pub const ONNX_INPUT: &str = "X";
/// The output that is the most probable class of each row, int64 (rows).
pub const ONNX_CLASSES: &str = "classes";
/// The output that is the probability of each class, float32 (rows, classes).
pub const ONNX_PROBABILITIES: &str = "probabilities";

/// Version of the file format that came with the operators.
const IR_VERSION: i64 = 7;
/// Of ONNX's element types.
const FLOAT: i32 = 1;
const INT64: i32 = 7;
const DOUBLE: i32 = 11;
/// The kind of an attribute that is a whole number.
const ATTRIBUTE_INT: i32 = 2;

/// A model as an ONNX file.
pub fn onnx_bytes(model: &Model) -> Vec<u8> {
    let mut graph = Graph::default();
    let mut value = graph.standardised(model);
    value = graph.relu("input", &model.trunk.input, value);
    for (block, dense) in model.trunk.blocks.iter().enumerate() {
        value = graph.relu(&format!("blocks.{block}"), dense, value);
        value = graph.seeds(model, block, value);
    }
    let logits = graph.dense("output", &model.trunk.output, value);
    let axis = ("axis", 1);
    graph.node("Softmax", &[&logits], &[axis], ONNX_PROBABILITIES);
    // Of equal logits the first counts, which is ArgMax's default.
    graph.node("ArgMax", &[&logits], &[axis, ("keepdims", 0)], ONNX_CLASSES);
    let sizes = model.architecture;
    let written = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "pipe".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: ONNX_OPSET }],
        graph: Some(GraphProto {
            node: graph.nodes,
            name: "pipe".to_owned(),
            initializer: graph.constants,
            input: vec![value_info(ONNX_INPUT, FLOAT, Some(sizes.input_dim))],
            output: vec![
                value_info(ONNX_CLASSES, INT64, None),
                value_info(ONNX_PROBABILITIES, FLOAT, Some(sizes.classes)),
            ],
        }),
    };
    written.encode_to_vec()
}

/// What was written so far. A value is known by the name of the node that gives it.
#[derive(Default)]
struct Graph {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl Graph {
    fn node(&mut self, operation: &str, inputs: &[&str], attributes: &[(&str, i64)], name: &str) -> String {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(ToString::to_string).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: operation.to_owned(),
            attribute: attributes
                .iter()
                .map(|(name, value)| AttributeProto {
                    name: (*name).to_owned(),
                    i: Some(*value),
                    r#type: ATTRIBUTE_INT,
                })
                .collect(),
        });
        name.to_owned()
    }

    fn constant(&mut self, name: &str, data_type: i32, shape: &[usize], bytes: Vec<u8>) -> String {
        let dims = shape.iter().map(|length| whole(*length)).collect();
        self.constants.push(TensorProto { dims, data_type, name: name.to_owned(), raw_data: Some(bytes) });
        name.to_owned()
    }

    fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, FLOAT, shape, bytes)
    }

    fn doubles(&mut self, name: &str, values: &[f64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, DOUBLE, &[values.len()], bytes)
    }

    /// The input as training sees it. In 64 bits, since large means would leave nothing of small deviations in 32.
    fn standardised(&mut self, model: &Model) -> String {
        let wide = self.node("Cast", &[ONNX_INPUT], &[("to", i64::from(DOUBLE))], "scaler.wide");
        let mean = self.doubles("scaler.mean", &model.scaler.mean);
        let deviation = self.doubles("scaler.std", &model.scaler.std);
        let centred = self.node("Sub", &[&wide, &mean], &[], "scaler.centred");
        let scaled = self.node("Div", &[&centred, &deviation], &[], "scaler.scaled");
        self.node("Cast", &[&scaled], &[("to", i64::from(FLOAT))], "scaler.narrow")
    }

    fn dense(&mut self, name: &str, dense: &Dense, input: String) -> String {
        let weight = self.floats(&format!("{name}.weight"), &[dense.inputs, dense.outputs], &dense.weight);
        let bias = self.floats(&format!("{name}.bias"), &[dense.outputs], &dense.bias);
        self.node("Gemm", &[&input, &weight, &bias], &[], name)
    }

    fn relu(&mut self, name: &str, dense: &Dense, input: String) -> String {
        let output = self.dense(name, dense, input);
        self.node("Relu", &[&output], &[], &format!("{name}.relu"))
    }

    /// The mean of a block's seeds' outputs, in the order in which the network sums them.
    fn seeds(&mut self, model: &Model, block: usize, input: String) -> String {
        let per_layer = model.architecture.seeds_per_layer;
        let first = block * per_layer;
        let seeds = &model.seeds[first..first + per_layer];
        if !seeds.iter().any(Seed::contributes) {
            return input;
        }
        let count = seeds.len() as f64;
        let keep: f64 = seeds.iter().map(|seed| mix(seed).0).sum();
        let mut sum = self.scaled(&format!("blocks.{block}.kept"), &input, keep / count);
        for (seed, child) in seeds.iter().zip(&model.children[first..]) {
            let Some(child) = child.as_ref().filter(|_| seed.contributes()) else { continue };
            let id = seed.id;
            let wide = self.relu(&format!("{id}.expand"), &child.expand, input.clone());
            let copied = self.dense(&format!("{id}.contract"), &child.contract, wide);
            let share = self.scaled(&format!("{id}.shared"), &copied, mix(seed).1 / count);
            sum = self.node("Add", &[&sum, &share], &[], &format!("{id}.sum"));
        }
        sum
    }

    fn scaled(&mut self, name: &str, input: &str, factor: f64) -> String {
        let factor = self.floats(&format!("{name}.factor"), &[], &[factor as f32]);
        self.node("Mul", &[input, &factor], &[], name)
    }
}

fn whole(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// A tensor of any number of rows.
fn value_info(name: &str, elem_type: i32, columns: Option<usize>) -> ValueInfoProto {
    let rows = Dimension { dim_value: None, dim_param: Some("rows".to_owned()) };
    let columns = columns.map(|count| Dimension { dim_value: Some(whole(count)), dim_param: None });
    let shape = TensorShapeProto { dim: std::iter::once(rows).chain(columns).collect() };
    let tensor_type = TensorType { elem_type, shape: Some(shape) };
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type: Some(tensor_type) }) }
}

#[cfg(test)]
mod tests {
    use super::super::model::{Architecture, Child, Scaler, Trunk};
    use super::super::random::{Purpose, Stream};
    use super::super::seed::SeedState;
    use super::*;
    use crate::TrainConfig;

    fn model(states: [SeedState; 4]) -> Model {
        let architecture =
            Architecture { input_dim: 3, hidden_dim: 4, num_layers: 2, seeds_per_layer: 2, classes: 5 };
        let mut seeds: Vec<Seed> = architecture.seed_ids().into_iter().map(Seed::new).collect();
        let mut children = Vec::new();
        for (position, (seed, state)) in seeds.iter_mut().zip(states).enumerate() {
            (seed.state, seed.alpha) = (state, 0.25);
            children.push((state != SeedState::Dormant).then(|| Child::draw(4, 1, position)));
        }
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
    fn only_seeds_that_contribute_leave_nodes() {
        use SeedState::{Active, Blending, Dormant, Training};
        let names = |states| {
            let read = ModelProto::decode(onnx_bytes(&model(states)).as_slice()).expect("it reads back");
            let nodes = read.graph.expect("a graph").node;
            nodes
                .into_iter()
                .map(|node| node.name)
                .filter(|name| name.starts_with("seed"))
                .collect::<Vec<_>>()
        };
        assert_eq!(names([Dormant, Training, Dormant, Dormant]), [""; 0]);
        assert_eq!(
            names([Dormant, Training, Blending, Active]).iter().filter(|name| name.ends_with(".sum")).count(),
            2
        );
    }

    #[test]
    fn shares_are_those_of_the_forward_pass() {
        use SeedState::{Active, Blending, Dormant};
        let written = onnx_bytes(&model([Blending, Dormant, Active, Dormant]));
        assert_eq!(written, onnx_bytes(&model([Blending, Dormant, Active, Dormant])));
        let read = ModelProto::decode(written.as_slice()).expect("it reads back");
        let graph = read.graph.expect("a graph");
        let factor = |name: &str| {
            let found = graph.initializer.iter().find(|tensor| tensor.name == format!("{name}.factor"));
            let bytes = found.and_then(|tensor| tensor.raw_data.clone()).expect("a factor");
            f32::from_le_bytes(bytes.try_into().expect("one number"))
        };
        // Of two seeds: (1 - 0.25 + 1) / 2 and 0.25 / 2; (1 + 1) / 2 and 1 / 2.
        assert_eq!(["blocks.0.kept", "seed1_1.shared"].map(factor), [0.875, 0.125]);
        assert_eq!(["blocks.1.kept", "seed2_1.shared"].map(factor), [1.0, 0.5]);
        // A value is made before it is used, and once.
        let mut known: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        known.push(ONNX_INPUT);
        for node in &graph.node {
            assert!(node.input.iter().all(|name| known.contains(&name.as_str())), "{node:?}");
            assert!(!known.contains(&node.output[0].as_str()), "{node:?}");
            known.push(&node.output[0]);
        }
    }
}
