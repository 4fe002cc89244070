//! DVC as a neighbour: it keeps a list of the paths that its processes read and write, and works on none that somebody
//! else has put there. So do we, in its list, that neither runs a stage into the other's files.
//!
//! The list is `rwlock` in its folder for temporary files: JSON, under `write` one process by path, under `read`
//! several, each with pid and command; it is changed while `rwlock.lock` is held. What a dead process left in it
//! counts for nothing.

use std::path::{Path, PathBuf};

use disk::{DiskError, Moment};
use rustix::process::{Pid, test_kill_process};
use serde_json::{Map, Value as Json, json};

use crate::claim::Wish;

/// The neighbour of a project.
#[derive(Clone, Debug)]
pub struct Neighbour {
    root: PathBuf,
    folder: PathBuf,
}

/// Paths that stand in the neighbour's list; dropping it takes them out.
#[derive(Debug)]
pub(crate) struct Listed {
    neighbour: Neighbour,
    info: Json,
    reads: Vec<String>,
    writes: Vec<String>,
}

impl Neighbour {
    /// The one of the project at `root`, whose temporary files are in `folder`.
    pub fn new(root: &Path, folder: &Path) -> Self {
        Neighbour { root: root.to_owned(), folder: folder.to_owned() }
    }

    /// Waits until no command of the neighbour reads or writes the project's records, and keeps it from that.
    ///
    /// # Errors
    /// When its lock file cannot be made or locked.
    pub fn records(&self) -> Result<Moment, DiskError> {
        Moment::take(&self.folder.join("lock"))
    }

    /// Who of the neighbour's living processes reads or writes anything; `None` when nobody does.
    ///
    /// # Errors
    /// When its list cannot be read.
    pub fn at_work(&self) -> Result<Option<String>, DiskError> {
        let _guard = self.guard()?;
        let all = [self.root.to_string_lossy().into_owned()];
        Ok(in_the_way(&self.read()?, &[], &all, std::process::id()))
    }

    /// Puts what `wish` reads and writes on the list; `Err` tells who is in the way.
    pub(crate) fn list(&self, wish: &Wish, command: &str) -> Result<Result<Listed, String>, DiskError> {
        let text = |path: &base::ProjectPath| path.to_path(&self.root).to_string_lossy().into_owned();
        let spelled = |path: &PathBuf| path.to_string_lossy().into_owned();
        let reads = wish.reads.iter().map(text).chain(wish.reads_outside.iter().map(spelled));
        let reads: Vec<String> = reads.collect();
        let outside = wish.outside.iter().map(|(path, _)| spelled(path));
        let writes: Vec<String> = wish.written_paths().iter().map(text).chain(outside).collect();
        let pid = std::process::id();
        let info = json!({ "pid": pid, "cmd": format!("{command} ({})", wish.what) });
        let _guard = self.guard()?;
        let mut list = self.read()?;
        if let Some(by) = in_the_way(&list, &reads, &writes, pid) {
            return Ok(Err(by));
        }
        for path in &reads {
            let readers = section(&mut list, "read").entry(path.as_str()).or_insert_with(|| json!([]));
            if let Some(readers) = readers.as_array_mut()
                && !readers.contains(&info)
            {
                readers.push(info.clone());
            }
        }
        for path in &writes {
            section(&mut list, "write").insert(path.clone(), info.clone());
        }
        self.write(&list)?;
        Ok(Ok(Listed { neighbour: self.clone(), info, reads, writes }))
    }

    fn guard(&self) -> Result<Moment, DiskError> {
        Moment::take(&self.folder.join("rwlock.lock"))
    }

    fn path(&self) -> PathBuf {
        self.folder.join("rwlock")
    }

    fn read(&self) -> Result<Map<String, Json>, DiskError> {
        let Some(text) = disk::read_text_optional(&self.path())? else { return Ok(Map::new()) };
        let list = serde_json::from_str(&text).map_err(std::io::Error::other);
        list.map_err(|source| {
            DiskError::new(
                "read DVC's list of paths in use (remove it when no dvc runs)",
                &self.path(),
                source,
            )
        })
    }

    fn write(&self, list: &Map<String, Json>) -> Result<(), DiskError> {
        // A list that a power cut takes is one of dead processes.
        disk::replace_volatile(&self.path(), Json::Object(list.clone()).to_string().as_bytes())
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let take_out = || {
            let _guard = self.neighbour.guard()?;
            let mut list = self.neighbour.read()?;
            let readers = section(&mut list, "read");
            for path in &self.reads {
                if let Some(infos) = readers.get_mut(path).and_then(Json::as_array_mut) {
                    infos.retain(|info| *info != self.info);
                }
            }
            readers.retain(|_, infos| infos.as_array().is_none_or(|infos| !infos.is_empty()));
            section(&mut list, "write")
                .retain(|path, info| !(self.writes.contains(path) && *info == self.info));
            self.neighbour.write(&list)
        };
        // What stays there is of a process that is dead soon, and counts for nothing then.
        let _: Result<(), DiskError> = take_out();
    }
}

fn section<'a>(list: &'a mut Map<String, Json>, key: &str) -> &'a mut Map<String, Json> {
    let section = list.entry(key).or_insert_with(|| json!({}));
    if !section.is_object() {
        *section = json!({});
    }
    section.as_object_mut().expect("it was just made one")
}

/// Another living process that writes what is read or written, or reads what is written.
fn in_the_way(list: &Map<String, Json>, reads: &[String], writes: &[String], own: u32) -> Option<String> {
    let overlap = |a: &str, b: &str| {
        let (a, b) = (Path::new(a), Path::new(b));
        a.starts_with(b) || b.starts_with(a)
    };
    let of = |key: &str, wanted: &dyn Fn(&str) -> bool| {
        let entries = list.get(key).and_then(Json::as_object).into_iter().flatten();
        let infos = entries.filter(|(path, _)| wanted(path)).flat_map(|(path, infos)| {
            let infos = infos.as_array().map_or_else(|| vec![infos], |infos| infos.iter().collect());
            infos.into_iter().map(move |info| (path, info))
        });
        infos
            .filter(|(_, info)| {
                info["pid"].as_u64().is_some_and(|pid| pid != u64::from(own) && is_alive(pid))
            })
            .map(|(path, info)| {
                format!(
                    "`{}` (pid {}) is at work on {path}",
                    info["cmd"].as_str().unwrap_or("dvc"),
                    info["pid"]
                )
            })
            .next()
    };
    let any = |paths: &[String], path: &str| paths.iter().any(|known| overlap(known, path));
    of("write", &|path| any(reads, path) || any(writes, path))
        .or_else(|| of("read", &|path| any(writes, path)))
}

fn is_alive(pid: u64) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use base::ProjectPath;

    use super::*;

    fn wish(read: &str, written: &str) -> Wish {
        let path = |text: &str| ProjectPath::from_record(text).unwrap();
        Wish::named("stage a").reading([&path(read)]).writing_path(&path(written))
    }

    #[test]
    fn living_processes_are_in_the_way_and_dead_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let neighbour = Neighbour::new(Path::new("/project"), folder.path());
        // The first process lives as long as the system does.
        let write = |pid: u32| {
            let list = json!({ "write": { "/project/out": { "pid": pid, "cmd": "dvc repro" } } });
            disk::replace(&neighbour.path(), list.to_string().as_bytes()).unwrap();
        };
        write(1);
        for (read, written) in [("out", "x"), ("out/below", "x"), ("x", "out")] {
            let by = neighbour.list(&wish(read, written), "pipe repro").unwrap().unwrap_err();
            assert!(by.contains("`dvc repro` (pid 1) is at work on /project/out"), "{by}");
        }
        drop(neighbour.list(&wish("other", "x"), "pipe repro").unwrap().unwrap());
        write(u32::MAX >> 1);
        drop(neighbour.list(&wish("out", "x"), "pipe repro").unwrap().unwrap());
    }

    #[test]
    fn entries_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let neighbour = Neighbour::new(Path::new("/project"), folder.path());
        let one = neighbour.list(&wish("in", "out"), "pipe repro").unwrap().unwrap();
        let two = neighbour
            .list(&Wish { what: "stage b".to_owned(), ..wish("in", "two") }, "pipe repro")
            .unwrap()
            .unwrap();
        let list = neighbour.read().unwrap();
        assert_eq!(list["read"]["/project/in"].as_array().unwrap().len(), 2);
        assert_eq!(list["write"]["/project/out"]["pid"], std::process::id());
        drop(one);
        assert_eq!(neighbour.read().unwrap()["read"]["/project/in"].as_array().unwrap().len(), 1);
        drop(two);
        assert_eq!(Json::Object(neighbour.read().unwrap()), json!({ "read": {}, "write": {} }));
    }
}
