//! Our own layout: `blake3/ab/cdef…`, files and manifests alike.

use std::path::{Path, PathBuf};

use base::Digest;

/// Where a content lies.
pub(super) fn path(root: &Path, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    root.join(digest.algorithm().name()).join(&hex[..2]).join(&hex[2..])
}
