//! The generators against bytes that numpy and scikit-learn made.
//!
//! The digests are of X as row-major `<f4` and y as `<i8`, made by an independent program on numpy 2.4 and
//! scikit-learn 1.9; those of the default sizes are also the original project's own.

use md5::{Digest, Md5};

use super::*;

fn md5(bytes: impl AsRef<[u8]>) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn features_md5(dataset: &Dataset) -> String {
    md5(dataset.features.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

fn labels_md5(dataset: &Dataset) -> String {
    md5(dataset.labels.iter().flat_map(|label| label.to_le_bytes()).collect::<Vec<u8>>())
}

fn make(kind: ProblemType, rows: usize, columns: usize, change: impl FnOnce(&mut DataConfig)) -> Dataset {
    let mut config =
        DataConfig { problem_type: kind, n_samples: rows, input_dim: columns, ..DataConfig::default() };
    change(&mut config);
    generate(&config).expect("the configuration is valid")
}

#[track_caller]
fn assert_digests(dataset: &Dataset, features: &str, labels: &str) {
    assert_eq!((features_md5(dataset).as_str(), labels_md5(dataset).as_str()), (features, labels));
}

#[test]
fn spirals_are_the_originals_bytes() {
    let flat = make(ProblemType::Spirals, 2000, 2, |_| {});
    assert_digests(&flat, "00ee82348310171d219eb703d2a76c21", "4e60ffb132f32be601cf4748623f8454");
    let deep = make(ProblemType::Spirals, 2000, 3, |_| {});
    assert_eq!(features_md5(&deep), "c0564cac84ebb896f51196616b7098cc");
    let odd = make(ProblemType::Spirals, 301, 5, |config| (config.noise, config.rotations) = (0.1, 2));
    assert_digests(&odd, "465a1e86caf527e01a0dd0391cf1f1d9", "f0f64b5918cca87cd2daa21add23fe85");
}

#[test]
fn four_spiral_points_are_the_originals() {
    let dataset = make(ProblemType::Spirals, 4, 3, |_| {});
    let expected = [
        [-21.738604f32, -2.6084914, 0.1278404],
        [-9.619336, -13.220993, -0.316_242_6],
        [21.738604, 2.6084914, -0.016801158],
        [9.619336, 13.220993, -0.8530439],
    ];
    assert_eq!(dataset.features, ndarray::arr2(&expected));
}

#[test]
fn moons_are_the_originals_bytes() {
    let flat = make(ProblemType::Moons, 2000, 2, |_| {});
    assert_digests(&flat, "10eb8453346cff812536620d070035c2", "27bb98624e67b00c74ebe5cec2ad8870");
    let deep = make(ProblemType::Moons, 2000, 3, |_| {});
    assert_eq!(features_md5(&deep), "53ca0d21580a068bf67decefd52a879e");
    let odd = make(ProblemType::Moons, 101, 4, |config| (config.moon_noise, config.moon_sep) = (0.2, 0.0));
    assert_digests(&odd, "4beb67237b14c1aafbf26b685a5e6f4e", "302357c37b7f30a8cfca62023d91b4ea");
    let quiet = make(ProblemType::Moons, 50, 2, |config| config.moon_noise = 0.0);
    assert_digests(&quiet, "367946d24ef1fe1af12eb29f5a665c4d", "44f7ff69eae316ce63fe19a52d6c1c75");
}

#[test]
fn complex_moons_are_the_originals_bytes() {
    let even = make(ProblemType::ComplexMoons, 2000, 2, |_| {});
    assert_digests(&even, "1d95423b5431d624d24d398d183e3e4f", "0f7cbfcec687b0732cab99b98b201670");
    let odd = make(ProblemType::ComplexMoons, 203, 5, |config| config.moon_noise = 0.3);
    assert_digests(&odd, "36b1d0ee85182d8148d71bff5c226960", "f145b677a306583ce87d3aa001faed4d");
}

#[test]
fn clusters_are_the_originals_bytes() {
    let two = make(ProblemType::Clusters, 2000, 3, |_| {});
    assert_digests(&two, "b1a45dc55ea44c89cd9f05e5220c6687", "3f708b684c725f146e1073196be647c0");
    let flat = make(ProblemType::Clusters, 200, 2, |config| {
        (config.cluster_count, config.cluster_std, config.cluster_sep) = (5, 0.7, 2.0);
    });
    assert_digests(&flat, "c345e7c842e905fe7cc95662cbd0e5ae", "5d6fdceaa55efcef76d401f8579cf3c7");
    let deep =
        make(ProblemType::Clusters, 150, 6, |config| (config.cluster_count, config.cluster_std) = (3, 0.4));
    assert_digests(&deep, "5fe191c3b88447b61659d77788e95640", "0ede5c6b0c7e1328adb2c1c02010d27a");
}

#[test]
fn spheres_are_the_originals_bytes() {
    let two = make(ProblemType::Spheres, 2000, 3, |_| {});
    assert_digests(&two, "a404298ffe88a59714cc96b078fd831b", "75ed2d0a1501a45071312f68b95a094f");
    let flat = make(ProblemType::Spheres, 180, 2, |config| {
        (config.sphere_count, config.sphere_radii, config.sphere_noise) = (3, vec![1.0, 2.5, 4.0], 0.0);
    });
    assert_digests(&flat, "32aee676928a783f63eacaf1d4049461", "f5f31fe370f19675e1f42f4af257406c");
    let deep = make(ProblemType::Spheres, 140, 8, |config| {
        (config.sphere_radii, config.sphere_noise) = (vec![1.0, 3.0], 0.1);
    });
    assert_digests(&deep, "822c5db7f85c982715600cd20d57c0ff", "92554a74e2b766401842d14771a826eb");
}

#[test]
fn default_spirals_file_is_the_originals_file() {
    let bytes = npz_write::npz_bytes(&generate(&DataConfig::default()).expect("defaults are valid"));
    assert_eq!((bytes.len(), md5(&bytes).as_str()), (40_490, "bd61a7c3f63c221dabee5804dfb57ddc"));
}

#[test]
fn what_is_written_reads_back_with_its_memory_order() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("data/set.npz");
    for kind in ProblemType::ALL {
        let dataset = make(kind, 40, 4, |_| {});
        write_npz(&path, &dataset).expect("the folder is writable");
        let read = read_npz(&path).expect("our own file reads");
        assert_eq!(read, dataset);
        assert_eq!(read.by_columns(), kind == ProblemType::Spirals);
    }
}

#[test]
fn the_smallest_sets_are_made() {
    for kind in ProblemType::ALL {
        for columns in 2..6 {
            assert!(make(kind, 2, columns, |_| {}).features.iter().all(|value| value.is_finite()));
        }
    }
}
