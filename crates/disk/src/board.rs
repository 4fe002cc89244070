//! A board of numbers that a child process reads when it wants to: a file without a name, one number in each line.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::Stdio;

/// Digits of a number on the board, with the line's end.
const LINE: usize = 12;

/// The board, as its writer has it. Changing it wakes nobody.
#[derive(Debug)]
pub struct Board {
    file: File,
    /// What stands in each line; `None` in those that are free, which say 0.
    lines: Vec<Option<i32>>,
}

impl Board {
    /// An empty board.
    ///
    /// # Errors
    /// When the system makes no file.
    pub fn new() -> io::Result<Self> {
        Ok(Board { file: nameless_file()?, lines: Vec::new() })
    }

    /// The board for a child process, which reads it from its beginning.
    ///
    /// # Errors
    /// When the system gives no second handle.
    pub fn for_child(&self) -> io::Result<Stdio> {
        self.file.try_clone().map(Stdio::from)
    }

    /// Puts a number on the board.
    ///
    /// # Errors
    /// When the system does not write it.
    pub fn add(&mut self, number: i32) -> io::Result<()> {
        let free = self.lines.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            self.lines.push(None);
            self.lines.len() - 1
        });
        self.lines[at] = Some(number);
        self.write(at, number)
    }

    /// Takes a number off the board.
    ///
    /// # Errors
    /// When the system does not write it.
    pub fn remove(&mut self, number: i32) -> io::Result<()> {
        let Some(at) = self.lines.iter().position(|line| *line == Some(number)) else { return Ok(()) };
        self.lines[at] = None;
        self.write(at, 0)
    }

    fn write(&self, at: usize, number: i32) -> io::Result<()> {
        let line = format!("{number:0$}\n", LINE - 1);
        // With an offset of its own: the reader's stays where it is.
        self.file.write_all_at(line.as_bytes(), (at * LINE) as u64)
    }
}

#[cfg(target_os = "linux")]
fn nameless_file() -> io::Result<File> {
    let file = rustix::fs::memfd_create("board", rustix::fs::MemfdFlags::CLOEXEC)?;
    Ok(file.into())
}

#[cfg(not(target_os = "linux"))]
fn nameless_file() -> io::Result<File> {
    tempfile::tempfile()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn lines_are_used_again() {
        let mut board = Board::new().unwrap();
        for number in [7, 2_147_483_647, 9] {
            board.add(number).unwrap();
        }
        board.remove(7).unwrap();
        board.remove(1234).unwrap();
        board.add(11).unwrap();
        board.remove(9).unwrap();
        let mut text = String::new();
        (&board.file).read_to_string(&mut text).unwrap();
        let numbers: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(numbers, ["11", "2147483647", "0"]);
    }
}
