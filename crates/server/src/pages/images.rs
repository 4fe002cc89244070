//! The images among the artifacts of a run: which files are one image, what it is called, and in which order they are seen.
//!
//! What MLflow's `log_image` writes for a key and a step are two files, `images/KEY+step+N+timestamp+T+ID.png` and a small
//! one that ends with `+compressed.webp`. Asks no store and writes no HTML.

use std::collections::BTreeMap;

use crate::artifacts::IMAGES;
use crate::listing::content_type;

/// The largest image that is shown, in bytes.
const LARGEST: u64 = 8 << 20;
/// What a small one has in the place of `.png`.
const SMALL: &str = "+compressed.webp";
/// Between the parts of such a name; earlier clients have the second one.
const MARKS: [char; 2] = ['+', '%'];

/// An image as it is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Where the whole one is.
    pub there: String,
    /// Where the one is that is shown, which may be a smaller one.
    pub small: String,
    /// What it is called.
    pub caption: String,
}

/// A file among the artifacts: its path, its size, and where it is.
pub struct File<'a> {
    pub path: &'a str,
    pub size: u64,
    pub there: &'a str,
}

/// The images among some files, by key and step, others by path.
pub fn images<'a>(files: impl IntoIterator<Item = File<'a>>) -> Vec<Image> {
    let mut whole: BTreeMap<Name<'_>, Vec<File<'_>>> = BTreeMap::new();
    for file in files.into_iter().filter(|file| IMAGES.contains(&content_type(file.path))) {
        whole.entry(Name::of(file.path)).or_default().push(file);
    }
    let image = |(name, mut files): (Name<'_>, Vec<File<'_>>)| {
        // The small one comes first where there are both.
        files.sort_by_key(|file| !file.path.ends_with(SMALL));
        let (small, whole) = (files.first()?, files.last()?);
        let image = || Image {
            there: whole.there.to_owned(),
            small: small.there.to_owned(),
            caption: name.caption(),
        };
        (small.size <= LARGEST).then(image)
    };
    whole.into_iter().filter_map(image).collect()
}

/// The name of an image, by which images are ordered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a> {
    /// The key of a logged one, the path of another.
    key: String,
    /// The step, the time and the id of a logged one.
    logged: Option<(i64, i64, &'a str)>,
}

impl<'a> Name<'a> {
    fn of(path: &'a str) -> Name<'a> {
        MARKS
            .into_iter()
            .find_map(|mark| Name::logged(path, mark))
            .unwrap_or(Name { key: path.to_owned(), logged: None })
    }

    fn logged(path: &'a str, mark: char) -> Option<Name<'a>> {
        let name = path.strip_prefix("images/")?;
        let name = name.strip_suffix(".png").or_else(|| {
            let small = name.strip_suffix("compressed.webp")?;
            small.strip_suffix(mark)
        })?;
        // From the end: a key may have such a mark, too.
        let parts: Vec<&str> = name.rsplitn(6, mark).collect();
        let [id, time, "timestamp", step, "step", key] = parts[..] else { return None };
        let logged = Some((step.parse().ok()?, time.parse().ok()?, id));
        // So clients write what would be a folder.
        Some(Name { key: key.replace('~', "/"), logged })
    }

    fn caption(&self) -> String {
        match self.logged {
            Some((step, ..)) => format!("{}, step {step}", self.key),
            None => self.key.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(paths: &[(&str, u64)]) -> Vec<(String, String, String)> {
        let file = |(path, size): &(&'static str, u64)| File { path, size: *size, there: path };
        let paths: Vec<(&'static str, u64)> =
            paths.iter().map(|(path, size)| (&*path.to_string().leak(), *size)).collect();
        let images = images(paths.iter().map(file));
        images.into_iter().map(|image| (image.caption, image.small, image.there)).collect()
    }

    fn own(texts: [&str; 3]) -> (String, String, String) {
        let [caption, small, there] = texts.map(str::to_owned);
        (caption, small, there)
    }

    #[test]
    fn a_logged_image_is_one_with_its_small_one_and_they_stand_by_key_and_step() {
        let (ten, two) = ("images/a~b+step+10+timestamp+5+id-1", "images/a~b+step+2+timestamp+6+id-2");
        let other = "images/a+b+step+0+timestamp+7+id";
        let (ten_small, two_small) = (format!("{ten}+compressed.webp"), format!("{two}+compressed.webp"));
        let (ten, two, other) = (format!("{ten}.png"), format!("{two}.png"), format!("{other}.png"));
        let found = seen(&[
            (&ten_small, 1),
            (&ten, LARGEST + 1),
            (&two, 9),
            (&two_small, 1),
            (&other, 9),
            ("plots/last.png", 9),
            ("plots/large.png", LARGEST + 1),
            ("note.txt", 1),
            ("x.svg", 1),
        ]);
        let expected = [
            ["a+b, step 0", &other, &other],
            ["a/b, step 2", &two_small, &two],
            ["a/b, step 10", &ten_small, &ten],
            ["plots/last.png", "plots/last.png", "plots/last.png"],
        ];
        assert_eq!(found, expected.map(own));
    }

    #[test]
    fn what_is_named_otherwise_keeps_its_name() {
        let paths = ["images/a+step+x+timestamp+1+id.png", "images/a.png", "images/a+compressed.webp"];
        let found = seen(&paths.map(|path| (path, 1)));
        let mut names: Vec<&str> = found.iter().map(|(caption, ..)| caption.as_str()).collect();
        names.sort_unstable();
        let mut expected = paths;
        expected.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!(seen(&[("images/a%step%3%timestamp%1%id.png", 1)])[0].0, "a, step 3");
    }
}
