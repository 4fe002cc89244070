//! The real binary, in sealed temporary projects: one file per command, and files that tell a story across
//! several commands. What a single function can show is tested beside that function, not here.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "tests play the user, who writes files and starts programs as he likes"
)]

mod harness;

mod bad_data;
mod bad_input;
mod checkout;
#[cfg(target_os = "linux")]
mod clock;
mod commands;
mod commit;
mod compatibility;
mod completions;
mod config;
#[cfg(feature = "serve")]
mod crowd;
mod cutoff;
mod dag;
mod damaged;
mod data;
mod data_flags;
mod data_kills;
mod data_status;
mod defects;
mod deps;
mod diff;
mod dvc;
mod dvc_beside;
mod dvc_clones;
mod dvc_commits;
mod dvc_convert;
mod dvc_data;
mod dvc_edges;
mod dvc_features;
mod dvc_flags;
mod dvc_frozen;
mod dvc_gc;
mod dvc_imports;
mod dvc_json;
mod dvc_makers;
mod dvc_matrix;
mod dvc_missing;
mod dvc_old;
mod dvc_outside;
mod dvc_params;
mod dvc_paths;
mod dvc_random;
mod dvc_repro;
mod dvc_things;
mod dvc_tool;
mod dvc_unrecordable;
mod dvc_values;
mod elsewhere;
mod environment;
mod example;
mod failures;
mod files;
mod folders;
#[cfg(feature = "serve")]
mod full_disk;
mod gc;
mod groups;
mod half_brought;
mod histories;
mod hostile;
mod ignored_names;
mod imports;
mod init;
mod install;
mod interrupts;
mod kills;
mod links;
mod log;
mod made_params;
#[cfg(target_os = "linux")]
mod made_since;
mod metrics;
#[cfg(feature = "serve")]
mod mlflow;
#[cfg(feature = "serve")]
mod mlflow_tool;
mod models;
mod moved_files;
mod no_files;
mod options;
mod out_patterns;
mod outdated;
#[cfg(feature = "serve")]
mod own_search;
#[cfg(feature = "serve")]
mod pages;
mod params;
mod plots;
mod pointer_kills;
mod pointers;
mod python;
mod read_only;
mod recovery;
mod repro;
mod runs;
mod runs_edit;
#[cfg(feature = "serve")]
mod runs_joined;
mod runs_list;
mod safety;
#[cfg(feature = "serve")]
mod served;
mod shared_cache;
mod sharing;
mod shown;
mod stage;
mod status;
mod store_gone;
mod together;
mod told;
#[cfg(feature = "serve")]
mod track_kills;
#[cfg(feature = "serve")]
mod tracking;
#[cfg(feature = "train")]
mod train;
#[cfg(feature = "train")]
mod trained;
#[cfg(feature = "serve")]
mod ui;
mod unfinished;
mod unnamed;
mod verify;
mod way_out;

/// A file that nobody names here would silently never run.
#[test]
fn every_file_is_a_module() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let here = include_str!("main.rs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.starts_with('.') {
            continue;
        }
        let module = name.strip_suffix(".rs").unwrap_or_else(|| panic!("{name} is no Rust file"));
        assert!(module == "main" || here.contains(&format!("\nmod {module};")), "{name} is in no `mod` line");
    }
}
