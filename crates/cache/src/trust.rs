//! Whose results are restored.
//!
//! What an entry says of its maker is what somebody wrote there: this keeps mistakes away (another platform, a colleague's
//! experiments), and no liar. Who must not be able to write results must not be able to write to the remote.

use crate::maker::{Maker, platform};

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

    /// Whether a result of this maker counts; one that tells of none, as those of DVC, counts where everybody's do.
    pub fn admits(&self, maker: Option<&Maker>) -> bool {
        let Some(maker) = maker else { return self.whose == Whose::All };
        let of_maker = match &self.whose {
            Whose::All => true,
            Whose::Local => maker.host == disk::Holder::current().host,
            Whose::Named(names) => names.iter().any(|name| *name == maker.user || *name == maker.host),
        };
        of_maker && (self.other_platforms || maker.platform == platform())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_and_platforms_are_looked_at() {
        let own = Maker::here();
        let maker = Maker { user: "alice".to_owned(), host: "laptop".to_owned(), ..own.clone() };
        let whose = |whose| Trust { whose, other_platforms: false };
        let named = |name: &str| whose(Whose::Named(vec![name.to_owned()]));
        for trust in [Trust::default(), named("alice"), named("laptop")] {
            assert!(trust.admits(Some(&maker)), "{trust:?}");
        }
        assert!(!named("bob").admits(Some(&maker)) && !whose(Whose::Local).admits(Some(&maker)));
        assert!(whose(Whose::Local).admits(Some(&own)));
        let other = Maker { platform: "plan9-mips".to_owned(), ..maker };
        assert!(!Trust::default().admits(Some(&other)));
        assert!(Trust { other_platforms: true, ..Trust::default() }.admits(Some(&other)));
        // Of a result that tells of nobody, neither is known.
        assert!(Trust::default().admits(None));
        assert!(!named("alice").admits(None) && !whose(Whose::Local).admits(None));
    }
}
