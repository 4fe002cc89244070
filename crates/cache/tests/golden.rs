//! States written by version 1 must read until the version is raised. The golden bytes were put together by
//! hand from docs/design/state.md, not by the encoder.

use base::{Digest, ProjectPath};
use cache::State;
use disk::Stamp;

const STATE_1: &str = include_str!("golden/state-1.hex");

fn bytes(text: &str) -> Vec<u8> {
    let digits: String = text.lines().filter_map(|line| line.split('#').next()).collect();
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal"))
        .collect()
}

#[test]
fn a_state_of_version_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let (golden, ours) = (folder.path().join("golden"), folder.path().join("ours"));
    let path = ProjectPath::from_record("data/é.csv").expect("a path");
    let stamp = Stamp {
        size: 3,
        mtime: 1_763_721_727_045_000_001,
        ctime: 1_763_721_727_046_000_002,
        inode: 9,
        mode: 0o100_644,
    };
    let digest = Digest::Blake3(std::array::from_fn(|at| at as u8));

    disk::replace(&golden, &bytes(STATE_1)).expect("written");
    let state = State::load(&golden).expect("readable");
    assert!(!state.was_damaged());
    assert_eq!(state.get(&path, &stamp), Some(digest));

    let mut state = State::load(&ours).expect("readable");
    state.put(&path, stamp, digest, stamp.ctime + 1_000_000_000);
    state.save().expect("written");
    assert_eq!(disk::read(&ours).expect("readable"), bytes(STATE_1));
}
