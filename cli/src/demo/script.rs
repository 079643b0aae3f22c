//! The script of the demonstration, as a file: scripts are loaded by path.

use std::fs;
use std::path::PathBuf;

use crate::error::Error;

const SCRIPT: &str = include_str!("demo.js");

/// The file; it is removed with its folder in the end.
#[derive(Debug)]
pub(super) struct Script {
    folder: PathBuf,
}

impl Script {
    pub(super) fn write() -> Result<Self, Error> {
        let folder = std::env::temp_dir().join(format!("trapline-demo-{}", std::process::id()));
        let problem =
            |e: std::io::Error| Error::File { path: folder.clone(), problem: e.to_string() };
        // A folder that exists is somebody else's.
        fs::create_dir(&folder).map_err(problem)?;
        let script = Self { folder: folder.clone() };
        fs::write(folder.join("demo.js"), SCRIPT).map_err(problem)?;
        Ok(script)
    }

    pub(super) fn path(&self) -> String {
        self.folder.join("demo.js").to_string_lossy().into_owned()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // What cannot be removed from the temporary folder stays there.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
