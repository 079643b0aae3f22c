//! What both contenders of iceoryx2 share: a place of their own for each visit, and its removal.
//!
//! iceoryx2 keeps files in a folder and memory under names with a prefix. Both are given to it
//! anew for each visit, so that no other program's are touched, and what it leaves behind (empty
//! folders always, everything of a process that was killed) can be removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use iceoryx2::prelude::*;

use crate::error::Error;
use crate::watch::Watch;

/// The name of a service within a place.
pub(super) const REQUESTS: &str = "requests";
/// The name of the service that goes back, where there is one.
pub(super) const REPLIES: &str = "replies";

/// Where Linux keeps shared memory that has a name.
const MEMORY: &str = "/dev/shm";

/// How often a poll finds nothing before it asks whether its time is over.
const LOOK: u32 = 1 << 14;

/// A folder and a prefix; removed when dropped.
#[derive(Debug)]
pub(super) struct Place {
    prefix: String,
    folder: PathBuf,
}

impl Place {
    /// Makes a place and tells the second process of it.
    pub(super) fn prepare(command: &mut Command) -> Result<Self, Error> {
        static VISITS: AtomicU32 = AtomicU32::new(0);
        let visit = VISITS.fetch_add(1, Relaxed);
        let prefix = format!("trapline_rivals_{}_{visit}_", std::process::id());
        let folder = std::env::temp_dir().join(&prefix);
        fs::create_dir(&folder)?;
        command.arg(&prefix).arg(&folder);
        Ok(Self { prefix, folder })
    }

    /// A node in this place.
    pub(super) fn node(&self) -> Result<Node<ipc::Service>, Error> {
        node(&self.prefix, &self.folder)
    }

    fn memory(&self) -> impl Iterator<Item = PathBuf> {
        let files = fs::read_dir(MEMORY).into_iter().flatten().flatten();
        files
            .filter(|file| file.file_name().to_string_lossy().starts_with(&self.prefix))
            .map(|file| file.path())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is gone already need not be removed, and nothing else can be done about the rest.
        self.memory().for_each(|file| drop(fs::remove_file(file)));
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A node in the place that the first process has made.
pub(super) fn inherited() -> Result<Node<ipc::Service>, Error> {
    let mut args = std::env::args_os().skip(1);
    let (Some(prefix), Some(folder)) = (args.next(), args.next()) else {
        return Err(Error::Rival("no place was inherited".to_owned()));
    };
    node(&prefix.to_string_lossy(), Path::new(&folder))
}

fn node(prefix: &str, folder: &Path) -> Result<Node<ipc::Service>, Error> {
    set_log_level(LogLevel::Fatal);
    let folder = folder.to_string_lossy();
    let folder = iceoryx2::prelude::Path::new(folder.as_bytes()).map_err(Error::rival)?;
    let mut config = Config::default();
    config.global.prefix = FileName::new(prefix.as_bytes()).map_err(Error::rival)?;
    config.global.set_root_path(&folder);
    let builder = NodeBuilder::new().config(&config);
    // Else an interrupt would be noted instead of ending the program.
    builder.signal_handling_mode(SignalHandlingMode::Disabled).create().map_err(Error::rival)
}

/// The name of a service.
pub(super) fn service(name: &str) -> Result<ServiceName, Error> {
    name.try_into().map_err(Error::rival)
}

/// Polls until there is something.
#[inline]
pub(super) fn poll<T>(
    watch: &Watch,
    mut receive: impl FnMut() -> Result<Option<T>, Error>,
) -> Result<T, Error> {
    loop {
        for _ in 0..LOOK {
            if let Some(received) = receive()? {
                return Ok(received);
            }
            std::hint::spin_loop();
        }
        if watch.is_over() {
            return Err(Error::Hung);
        }
    }
}
