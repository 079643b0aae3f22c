//! [`Second`]: the second process, from its start to its end.
//!
//! Two pipes tell each process of the other's end without a look at the clock: the second one reads
//! its standard input, which ends with the first one; the first one reads the second one's
//! standard output, which ends with that. So neither a killed command nor a killed child leaves a
//! process behind that waits or spins for ever.

use std::io::Read;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use trapline::{CallError, Link, LinkConfig, LinkError, PeerError};

use crate::error::Error;

/// How long a process that was told to end may take, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// The second process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Second {
    child: Child,
    /// What it wrote, once it has ended.
    output: Receiver<String>,
}

impl Second {
    /// Starts this program again in a role.
    ///
    /// # Errors
    /// [`Error::Start`]; nothing is left behind then.
    pub(crate) fn start(
        role: &str,
        args: &[String],
        config: &LinkConfig,
    ) -> Result<(Link, Self), Error> {
        let mut command = trapline::second::command(role).map_err(Error::Start)?;
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let (link, mut child) = Link::spawn(command, config).map_err(Error::Start)?;
        let (sender, output) = channel();
        if let Some(mut stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                let mut text = Vec::new();
                // Whatever ends the stream, nothing more will come.
                let _ = stdout.read_to_end(&mut text);
                let _ = sender.send(String::from_utf8_lossy(&text).into_owned());
            });
        }
        Ok((link, Self { child, output }))
    }

    /// Its process number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for it to end by itself, once its link was dropped, and returns what it wrote.
    ///
    /// # Errors
    /// [`Error::Silent`] where it had to be killed, [`Error::Ended`] where it failed.
    pub(crate) fn finish(mut self) -> Result<String, Error> {
        let output = self.output.recv_timeout(GRACE).map_err(|_| Error::Silent(GRACE))?;
        match self.status() {
            Some(status) if status.success() => Ok(output),
            status => Err(Error::Ended(status)),
        }
    }

    /// How it ended, if it does within the grace period.
    fn status(&mut self) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if start.elapsed() < GRACE => std::thread::sleep(GRACE / 2500),
                _ => return None,
            }
        }
    }

    /// What a failed trap means for the command: where the second process has gone, how it went.
    pub(crate) fn explain(&mut self, error: CallError, patience: Duration) -> Error {
        match error {
            CallError::Peer(PeerError::PeerDied { .. } | PeerError::Closed) => {
                Error::Ended(self.status())
            }
            CallError::Peer(PeerError::Timeout) => Error::Silent(patience),
            CallError::Thrown(thrown) => crate::js::thrown(&thrown),
            other => Error::Call(other),
        }
    }

    /// As [`Self::explain`], for frames.
    pub(crate) fn explain_link(&mut self, error: LinkError) -> Error {
        match error {
            LinkError::Peer(PeerError::PeerDied { .. } | PeerError::Closed) => {
                Error::Ended(self.status())
            }
            LinkError::Peer(PeerError::Timeout) => Error::Silent(crate::echo::PATIENCE),
            other => Error::Link(other),
        }
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        // Where it has ended already, there is nothing to kill, and the wait returns at once.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the second process: ends it some time after the first one has ended, whatever it is doing.
pub(crate) fn end_with_parent() {
    const GRACE: Duration = Duration::from_secs(2);
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        // Nobody writes into it; it ends with its writer.
        let _ = std::io::stdin().lock().read_to_end(&mut rest);
        std::thread::sleep(GRACE);
        std::process::exit(1);
    });
}
