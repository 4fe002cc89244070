//! Who made a result, when and where: what an entry of the stage cache tells, and one of DVC's run cache in a comment.
//!
//! DVC names its entries by what they mean and copies them as they are, so a comment is carried everywhere and says
//! nothing to DVC. Its YAML reader refuses a file with control characters, also in comments, and removes it then:
//! the comment is plain ASCII, whatever users and hosts are called.

use std::fmt::Write as _;

use base::Timestamp;
use serde::{Deserialize, Serialize};

/// What the comment begins with.
const MARK: &str = "# pipe: ";

/// No comment that tells of a maker is longer: all of it may come to a terminal.
const LONGEST: usize = 4096;

/// What is told of the making of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maker {
    /// The run that made it, when it was recorded.
    pub run: Option<String>,
    /// Who ran it; empty where that is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// The host it ran on; empty where nothing is told of the making.
    pub host: String,
    /// Operating system and processor, as in `linux-x86_64`.
    pub platform: String,
    /// The git revision of the project then.
    pub git_revision: Option<String>,
    /// When it ended.
    pub created: Timestamp,
    /// How long the command took, in milliseconds.
    pub duration: u64,
}

impl Maker {
    /// Of a result that is made here and now, with nothing known but that.
    pub fn here() -> Self {
        let host = disk::Holder::current().host;
        Maker { host, platform: platform(), created: Timestamp::now(), ..Maker::default() }
    }

    /// The line that tells it in an entry of DVC's run cache, of which it is to be the last.
    pub fn comment(&self) -> String {
        let json = serde_json::to_string(self).expect("a maker is plain data");
        let mut comment = MARK.to_owned();
        for c in json.chars() {
            match c {
                ' '..='~' => comment.push(c),
                // Only texts hold others, and there this is what they may be written as.
                c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                    let _ = write!(comment, "\\u{unit:04x}");
                }),
            }
        }
        comment.push('\n');
        comment
    }

    /// What the last line of an entry of DVC's run cache tells; `None` where it is no such comment, or cannot be read.
    pub fn of_entry(text: &str) -> Option<Self> {
        let json = text.lines().next_back()?.strip_prefix(MARK).filter(|json| json.len() <= LONGEST)?;
        let maker: Maker = serde_json::from_str(json).ok()?;
        (!maker.host.is_empty() && !maker.platform.is_empty()).then_some(maker)
    }
}

/// Operating system and processor of this machine.
pub fn platform() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maker() -> Maker {
        Maker {
            run: Some("019aa5c0c5c57a0a9b5d1d1d1d1d1d1d".to_owned()),
            user: "ana".to_owned(),
            host: "node7".to_owned(),
            platform: "linux-x86_64".to_owned(),
            git_revision: None,
            created: Timestamp(1_763_721_727_045),
            duration: 1500,
        }
    }

    #[test]
    fn the_comment_is_pinned() {
        let comment = "# pipe: {\"run\":\"019aa5c0c5c57a0a9b5d1d1d1d1d1d1d\",\"user\":\"ana\",\"host\":\"node7\",\
                       \"platform\":\"linux-x86_64\",\"git_revision\":null,\"created\":1763721727045,\
                       \"duration\":1500}\n";
        assert_eq!(maker().comment(), comment);
        assert_eq!(Maker::of_entry(&format!("cmd: a\n{comment}")), Some(maker()));
        // A later version may tell more, or less of what may be unknown.
        let more = comment.replace("\"host\"", "\"nice\":[{\"x\":1}],\"host\"");
        assert_eq!(Maker::of_entry(&more), Some(maker()));
        let less = comment.replace("\"user\":\"ana\",", "").replace("\"git_revision\":null,", "");
        assert_eq!(Maker::of_entry(&less), Some(Maker { user: String::new(), ..maker() }));
        assert_eq!(Maker::of_entry(less.trim_end()), Maker::of_entry(&less), "without the line's end");
    }

    #[test]
    fn whatever_a_maker_is_called_the_comment_is_one_line_of_ascii() {
        let odd = "é\u{1f600}\u{1b}[2J\n# pipe: {}\r\u{7f}\u{85}\u{2028}\0\"\\".to_owned();
        let maker = Maker { user: odd.clone(), host: odd, ..maker() };
        let comment = maker.comment();
        assert!(comment.trim_end().bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{comment}");
        assert_eq!(Maker::of_entry(&comment), Some(maker));
    }

    #[test]
    fn what_is_no_such_comment_tells_of_nobody() {
        let comment = maker().comment();
        let line = comment.trim_end();
        for text in [
            String::new(),
            "cmd: a\nouts:\n- path: o\n".to_owned(),
            // Elsewhere than at the end.
            format!("{comment}cmd: a\n"),
            format!("{comment}\n"),
            format!(" {comment}"),
            format!("outs: [] {comment}"),
            // Another comment, or one that was cut off.
            comment.replace("# pipe", "#pipe"),
            comment.replace("# pipe", "# other"),
            line[..line.len() - 1].to_owned(),
            format!("{line} and more"),
            format!("{MARK}[]"),
            format!("{MARK}{}", "[".repeat(3000)),
            // Another type, no value, two values, none that says something.
            comment.replace("\"node7\"", "7"),
            comment.replace("\"duration\":1500", "\"duration\":-1"),
            comment.replace("1763721727045", "\"today\""),
            comment.replace("\"created\":1763721727045,", ""),
            comment.replace("\"host\"", "\"host\":\"x\",\"host\""),
            comment.replace("\"platform\":\"linux-x86_64\",", ""),
            comment.replace("node7", ""),
            comment.replace("linux-x86_64", ""),
            // One that is huge.
            comment.replace("ana", &"a".repeat(LONGEST)),
        ] {
            assert_eq!(Maker::of_entry(&text), None, "{text}");
        }
    }
}
