//! The lines of `.gitattributes` by which git lets pipe merge DVC's locks and pointers: they name ours then.

use pipeline::Dialect;

use crate::error::CliResult;
use crate::project::Project;

/// The file, below the project's root.
pub const FILE: &str = ".gitattributes";

/// What the file is to say; `None` when there is nothing to change in it.
///
/// # Errors
/// When it cannot be read.
pub fn renamed(project: &Project) -> CliResult<Option<String>> {
    let text = disk::read_text_optional(&project.root.join(FILE))?.unwrap_or_default();
    let new = with_ours(&text);
    Ok((new != text).then_some(new))
}

/// The text with our files instead of DVC's in lines that have pipe merge them.
fn with_ours(text: &str) -> String {
    let (dvc, ours) = (Dialect::Dvc, Dialect::Native);
    let line = |line: &str| {
        let pattern = line.split_ascii_whitespace().next().unwrap_or_default();
        let (folder, name) = pattern.rfind('/').map_or(("", pattern), |end| pattern.split_at(end + 1));
        let name = match name.strip_suffix(dvc.pointer_suffix()) {
            _ if name == dvc.lock_file() => ours.lock_file().to_owned(),
            Some(stem) => format!("{stem}{}", ours.pointer_suffix()),
            None => return line.to_owned(),
        };
        match line.split_ascii_whitespace().any(|word| word == "merge=pipe") {
            true => line.replacen(pattern, &format!("{folder}{name}"), 1),
            false => line.to_owned(),
        }
    };
    text.split_inclusive('\n').map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::with_ours;

    #[test]
    fn lines_of_others_stay() {
        let before = "*.bin -diff\n dvc.lock merge=pipe\r\n*.dvc\tmerge=pipe -text\n/a/dvc.lock merge=pipe\n*.dvc merge=dvc\n# *.dvc merge=pipe\n*.dvc merge=pipe";
        let after = "*.bin -diff\n pipeline.lock merge=pipe\r\n*.pipe\tmerge=pipe -text\n/a/pipeline.lock merge=pipe\n*.dvc merge=dvc\n# *.dvc merge=pipe\n*.pipe merge=pipe";
        assert_eq!(with_ours(before), after);
        assert_eq!(with_ours(after), after);
        assert_eq!(with_ours(""), "");
    }
}
