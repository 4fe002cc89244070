//! The only printer: stdout carries data, stderr talk.

pub mod live;
mod pace;
mod progress;
#[cfg(feature = "train")]
pub mod training;
pub mod transfer;
mod wrap;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use base::plain_lines;

use crate::environment;

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors and data alone.
    Quiet,
    /// What happens.
    Normal,
    /// What happens, and why.
    Verbose,
}

/// What first kept standard output from taking data: one for all printers, as standard output is.
static LOST_DATA: OnceLock<io::Error> = OnceLock::new();

/// Where everything that a person or a program reads goes through.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    verbosity: Verbosity,
    color_out: bool,
    color_err: bool,
}

impl Printer {
    /// A printer that says nothing but errors.
    pub fn quiet() -> Self {
        Printer { verbosity: Verbosity::Quiet, color_out: false, color_err: false }
    }

    /// A printer as the global flags ask for it.
    pub fn new(verbosity: Verbosity, color: ColorChoice) -> Self {
        let wanted = |is_terminal: bool| match color {
            ColorChoice::Auto => is_terminal && !environment::no_color(),
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        Printer {
            verbosity,
            color_out: wanted(io::stdout().is_terminal()),
            color_err: wanted(io::stderr().is_terminal()),
        }
    }

    /// Data, on stdout, as it is. A reader that has gone away is no error: nobody wants the rest. Any other
    /// fault is kept for [`Printer::lost_data`].
    pub fn data(&self, text: impl Display) {
        // In one write: what several processes tell one reader stays whole line by line.
        let written = io::stdout().lock().write_all(text.to_string().as_bytes());
        let written = written.and_then(|()| io::stdout().flush());
        if let Err(fault) = written
            && fault.kind() != io::ErrorKind::BrokenPipe
        {
            let _ = LOST_DATA.set(fault);
        }
    }

    /// What the command line's parser has to say: help and version on stdout, wrong usage on stderr.
    pub fn usage(&self, told: &clap::Error) {
        if let Err(fault) = told.print().and_then(|()| io::stdout().flush())
            && fault.kind() != io::ErrorKind::BrokenPipe
            && !told.use_stderr()
        {
            let _ = LOST_DATA.set(fault);
        }
    }

    /// Why data did not arrive on stdout, if some did not: a full disk, for one.
    pub fn lost_data(&self) -> Option<&'static io::Error> {
        LOST_DATA.get()
    }

    /// Data with a line feed.
    pub fn data_line(&self, text: impl Display) {
        self.data(format_args!("{text}\n"));
    }

    /// Data in sentences: on a terminal, lines are wrapped.
    pub fn data_text(&self, text: impl Display) {
        match self.width() {
            Some(width) => self.data_line(wrap::wrapped(&text.to_string(), width)),
            None => self.data_line(text),
        }
    }

    /// What was done, file by file, on stdout; silent with `-q`.
    pub fn report(&self, text: impl Display) {
        if !self.is_quiet() {
            self.data_line(text);
        }
    }

    /// Talk, on stderr; silent with `-q`.
    pub fn say(&self, text: impl Display) {
        if !self.is_quiet() {
            talk(text);
        }
    }

    /// Talk with lines that stay whole: those of a script, or one that is meant to be copied.
    pub fn relay(&self, text: impl Display) {
        if !self.is_quiet() {
            let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
        }
    }

    /// What must not be missed, on stderr, with `-q` as well: a stage that failed, bytes that were saved.
    pub fn insist(&self, text: impl Display) {
        talk(text);
    }

    /// Something that went well enough, but that someone should know; said even with `-q`.
    pub fn warn(&self, text: impl Display) {
        // What others named, a run say, must not move the cursor.
        let text = plain_lines(&text.to_string());
        talk(format_args!("{} {text}", self.paint("33;1", "warning:")));
    }

    /// What went wrong, cause by cause, and what to do next.
    pub fn error(&self, causes: impl IntoIterator<Item = String>, hints: &[String]) {
        let mut said = String::new();
        for (index, cause) in causes.into_iter().enumerate() {
            let cause = plain_lines(&cause);
            // A wrapper that repeats its cause would say everything twice.
            if said.contains(&cause) {
                continue;
            }
            match index {
                0 => talk(format_args!("{} {cause}", self.paint("31;1", "error:"))),
                _ => talk(format_args!("  caused by: {cause}")),
            }
            said.push_str(&cause);
        }
        for hint in hints {
            let hint = plain_lines(hint);
            talk(format_args!("{} {hint}", self.paint("36;1", "hint:")));
        }
    }

    /// Whether somebody is there to be asked.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a question that is answered by yes or no; anything but yes is no. `None` when nobody is there to be
    /// asked: stdin or stderr is no terminal.
    pub fn ask(&self, question: impl Display) -> Option<bool> {
        if !self.can_ask() {
            return None;
        }
        self.put(question);
        Some(answer())
    }

    /// The same, until `stop` is set: then the answer is no.
    pub fn ask_until(&self, question: impl Display, stop: &AtomicBool) -> Option<bool> {
        if !self.can_ask() {
            return None;
        }
        self.put(question);
        let (sender, answers) = mpsc::channel();
        // Nothing else ends a read of a terminal: it is left to itself.
        std::thread::spawn(move || sender.send(answer()));
        loop {
            match answers.recv_timeout(Duration::from_millis(20)) {
                Ok(answer) => return Some(answer),
                Err(mpsc::RecvTimeoutError::Timeout) if !stop.load(Ordering::SeqCst) => {}
                Err(_) => {
                    talk("");
                    return Some(false);
                }
            }
        }
    }

    fn put(self, question: impl Display) {
        let mut err = io::stderr().lock();
        let _ = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
    }

    /// Whether `-v` was given.
    pub fn is_verbose(&self) -> bool {
        self.verbosity >= Verbosity::Verbose
    }

    /// Whether `-q` was given.
    pub fn is_quiet(&self) -> bool {
        self.verbosity == Verbosity::Quiet
    }

    /// Whether talk goes to a terminal that can be redrawn.
    pub fn is_live(&self) -> bool {
        !self.is_quiet() && io::stderr().is_terminal() && !environment::is_dumb_terminal()
    }

    /// How wide data may be: the terminal's width, or nothing when stdout is no terminal.
    pub fn width(&self) -> Option<usize> {
        io::stdout().is_terminal().then(|| usize::from(console::Term::stdout().size().1))
    }

    /// Text in the given SGR style, on stderr.
    pub fn paint(&self, style: &str, text: impl Display) -> String {
        if self.color_err { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_string() }
    }

    /// Whether data on stdout may be coloured.
    pub fn colors_data(&self) -> bool {
        self.color_out
    }
}

/// Whether the next line of stdin is a yes.
fn answer() -> bool {
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Writes to stderr, with lines wrapped where it is a terminal.
fn talk(text: impl Display) {
    let mut err = io::stderr().lock();
    let text = match err.is_terminal().then(|| usize::from(console::Term::stderr().size().1)) {
        Some(width) => format!("{}\n", wrap::wrapped(&text.to_string(), width)),
        None => format!("{text}\n"),
    };
    // In one write, as in `Printer::data`: stderr has no buffer, and each part of a format would be one of its own.
    let _ = err.write_all(text.as_bytes());
}
