//! The project's lock: taken by who changes something, shared by who reads what may go meanwhile.

use std::time::Duration;

use disk::{LockError, LockFile, Sharing};

use super::Project;
use crate::error::{CliError, CliResult, ErrorKind};
use crate::interrupt::Interrupt;
use crate::ui::Printer;

/// What commands say that need the lock and cannot have it.
const NOTHING_DONE: &str = "nothing was done";

impl Project {
    /// What to do when somebody is in the way who is not waited for.
    pub fn waiting_hint(&self) -> String {
        match self.enclosing_stage() {
            Some(stage) => format!(
                "stage {stage} of this project called pipe, which waits for nobody there, since it could wait for itself"
            ),
            None => "leave `--no-wait` out to wait for it".to_owned(),
        }
    }

    /// Takes the project's lock, alone or with others that share it, waiting while another process is in the way,
    /// unless `wait` is false; until `interrupt` comes.
    ///
    /// # Errors
    /// When it is held and `wait` is false, the wait was interrupted, or the lock file cannot be written.
    pub fn lock(
        &self,
        command: &str,
        sharing: Sharing,
        wait: bool,
        interrupt: &Interrupt,
        printer: Printer,
    ) -> CliResult<LockFile> {
        self.make_pipe_folder().map_err(|fault| self.told_if_read_only(fault, NOTHING_DONE))?;
        self.prepare_cache().map_err(|fault| self.told_of_cache(fault.into()))?;
        let patience = self.patience(wait);
        let path = self.pipe_path("lock");
        let told = &mut |holder: &str| tell_wait(holder, printer);
        let taken = LockFile::acquire(&path, command, sharing, patience, &|| !interrupt.came(), told);
        let lock =
            taken.map_err(|fault| self.told_if_read_only(self.not_locked(fault, interrupt), NOTHING_DONE))?;
        disk::clear_made(&self.root, &self.making_folder(), &|name| lock.is_of_the_living(name));
        Ok(lock)
    }

    /// Shares the project's lock for a command that only reads what is in it: where nothing can be written, without a name, or
    /// not at all where there never was one.
    ///
    /// # Errors
    /// When it is held by somebody who is alone and the wait was interrupted, or the lock file cannot be read.
    pub fn lock_to_read(
        &self,
        command: &str,
        interrupt: &Interrupt,
        printer: Printer,
    ) -> CliResult<Option<LockFile>> {
        self.lock_as_may_be(command, Sharing::Shared, interrupt, printer)
    }

    /// Takes the lock of a project that another command than its own has to keep from changing meanwhile: where it is another
    /// user's and nothing can be written, without a name, or not at all where there never was one.
    ///
    /// # Errors
    /// When it is held and the wait was interrupted, or the lock file cannot be read.
    pub fn lock_from_outside(
        &self,
        command: &str,
        interrupt: &Interrupt,
        printer: Printer,
    ) -> CliResult<Option<LockFile>> {
        self.lock_as_may_be(command, Sharing::Exclusive, interrupt, printer)
    }

    fn lock_as_may_be(
        &self,
        command: &str,
        sharing: Sharing,
        interrupt: &Interrupt,
        printer: Printer,
    ) -> CliResult<Option<LockFile>> {
        match self.lock(command, sharing, true, interrupt, printer) {
            Err(fault) if fault.is_read_only() => {}
            taken => return taken.map(Some),
        }
        let told = &mut |holder: &str| tell_wait(holder, printer);
        let (path, patience) = (self.pipe_path("lock"), self.patience(true));
        let taken = LockFile::acquire_to_read(&path, sharing, patience, &|| !interrupt.came(), told);
        taken.map_err(|fault| self.not_locked(fault, interrupt))
    }

    /// A stage that called pipe could wait for itself.
    fn patience(&self, wait: bool) -> Duration {
        if wait && self.enclosing_stage().is_none() { Duration::MAX } else { Duration::ZERO }
    }

    fn not_locked(&self, fault: LockError, interrupt: &Interrupt) -> CliError {
        match fault {
            LockError::Held { .. } if interrupt.came() => {
                CliError::silent(ErrorKind::Interrupted(interrupt.signal()))
            }
            LockError::Held { .. } => CliError::from(fault).hint(self.waiting_hint()),
            LockError::Disk(fault) => CliError::from(fault),
        }
    }

    /// The same of a cache that lies elsewhere: the project may well be written to.
    fn told_of_cache(&self, fault: CliError) -> CliError {
        let cache = self.cache_folder();
        if cache.starts_with(&self.root) || !fault.is_read_only() {
            return self.told_if_read_only(fault, NOTHING_DONE);
        }
        fault
            .context(format!("{NOTHING_DONE}: nothing can be written into the cache {}", base::shown(&cache)))
    }

    /// Says of a project in which nothing can be written that this is why something was not done.
    pub fn told_if_read_only(&self, fault: CliError, undone: &str) -> CliError {
        if !fault.is_read_only() {
            return fault;
        }
        let text = format!("{undone}: the project {} can only be read here", base::shown(&self.root));
        fault.context(text)
    }
}

fn tell_wait(holder: &str, printer: Printer) {
    printer.say(format_args!("Waiting: {holder} holds the project."));
}
