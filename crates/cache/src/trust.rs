//! Whose results of the stage cache are restored.
//!
//! What an entry says of its maker is what somebody wrote there: this keeps mistakes away (another platform, a colleague's
//! experiments), and no liar. Who must not be able to write results must not be able to write to the remote.

use crate::stages::{StageEntry, platform};

/// Whose results count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's.
    #[default]
    All,
    /// Those of this machine. None is fetched.
    Local,
    /// Those of these users and hosts.
    Named(Vec<String>),
}

/// Which entries count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Whose.
    pub whose: Whose,
    /// Whether those of another operating system or processor count too.
    pub other_platforms: bool,
}

impl Trust {
    /// Whether results of others count at all.
    pub fn admits_others(&self) -> bool {
        self.whose != Whose::Local
    }

    /// Whether this result counts.
    pub fn admits(&self, entry: &StageEntry) -> bool {
        let of_maker = match &self.whose {
            Whose::All => true,
            Whose::Local => entry.host == disk::Holder::current().host,
            Whose::Named(names) => names.iter().any(|name| *name == entry.user || *name == entry.host),
        };
        of_maker && (self.other_platforms || entry.platform == platform())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_bytes;

    #[test]
    fn makers_and_platforms_are_looked_at() {
        let mut entry = StageEntry::new(hash_bytes(b"key"), "train".to_owned(), Vec::new());
        entry.user = "alice".to_owned();
        entry.host = "laptop".to_owned();
        let whose = |whose| Trust { whose, other_platforms: false };
        let named = |name: &str| whose(Whose::Named(vec![name.to_owned()]));
        assert!(
            Trust::default().admits(&entry)
                && named("alice").admits(&entry)
                && named("laptop").admits(&entry)
        );
        assert!(!named("bob").admits(&entry) && !whose(Whose::Local).admits(&entry));
        let own = StageEntry { host: disk::Holder::current().host, ..entry.clone() };
        assert!(whose(Whose::Local).admits(&own));
        let other = StageEntry { platform: "plan9-mips".to_owned(), ..entry };
        assert!(!Trust::default().admits(&other));
        assert!(Trust { other_platforms: true, ..Trust::default() }.admits(&other));
    }
}
