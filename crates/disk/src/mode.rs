//! The permission bits of files that people work with: what their mask leaves of all of them.

use std::fs;
use std::sync::OnceLock;

use rustix::fs::Mode as Bits;
use rustix::process::umask;

/// The permission bits that a file gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// These, whatever the process masks.
    Exact(u32),
    /// Those of any new file: what the process's mask, or the folder's list of rights, leaves of all.
    New {
        /// Whether it can be run.
        executable: bool,
    },
}

impl Mode {
    /// What the system is asked for when the file is made.
    pub(crate) fn asked(self) -> u32 {
        match self {
            Mode::Exact(bits) => bits,
            Mode::New { executable: true } => 0o777,
            Mode::New { executable: false } => 0o666,
        }
    }

    /// The bits that a file is given that is there already.
    pub fn bits(self) -> u32 {
        match self {
            Mode::Exact(bits) => bits,
            new @ Mode::New { .. } => new.asked() & !mask(),
        }
    }
}

/// What the process masks; nothing in it changes that.
fn mask() -> u32 {
    static MASK: OnceLock<u32> = OnceLock::new();
    *MASK.get_or_init(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        told(&status).unwrap_or_else(|| {
            // Elsewhere it can only be had by setting it. What others make in this moment is for its owner alone.
            let mask = umask(Bits::RWXG | Bits::RWXO);
            umask(mask);
            #[allow(clippy::useless_conversion, reason = "elsewhere it is a smaller number")]
            let bits = u32::from(mask.bits());
            bits
        })
    })
}

fn told(status: &str) -> Option<u32> {
    let told = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(told.trim(), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_what_the_system_tells() {
        assert_eq!(told("Name:\tpipe\nUmask:\t0027\nState:\tR\n"), Some(0o27));
        assert_eq!(told("Name:\tpipe\n"), None);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let mode = crate::Stamp::of(&fs::metadata(folder.path().join("file")).unwrap()).mode & 0o777;
        assert_eq!(Mode::New { executable: false }.bits(), mode);
    }
}
