//! Time in tests: it decides nothing but that something must end.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// What should take milliseconds may take this long on a machine that is busy.
pub(crate) const SOON: Duration = Duration::from_secs(1);

/// After this long, a test hangs.
const HANGS: Duration = Duration::from_secs(120);

/// Ends the process where the test does not end.
#[derive(Debug)]
pub(crate) struct Watchdog(Sender<()>);

impl Watchdog {
    pub(crate) fn new(what: &str) -> Self {
        let (done, ended) = mpsc::channel();
        let what = what.to_owned();
        std::thread::spawn(move || {
            if ended.recv_timeout(HANGS) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{what}: no end after {HANGS:?}");
                std::process::abort();
            }
        });
        Self(done)
    }
}

/// A trial that is watched.
pub(crate) fn trial(name: String, run: impl FnOnce() + Send + 'static) -> libtest_mimic::Trial {
    let what = name.clone();
    libtest_mimic::Trial::test(name, move || {
        let _watchdog = Watchdog::new(&what);
        run();
        Ok(())
    })
}

/// Runs the trials one after another, unless the command line says otherwise.
pub(crate) fn conclude(trials: Vec<libtest_mimic::Trial>) -> ! {
    let mut args = libtest_mimic::Arguments::from_args();
    args.test_threads.get_or_insert(1);
    libtest_mimic::run(&args, trials).exit()
}

/// Runs the trials one after another in any case: they count the descriptors of the process.
pub(crate) fn conclude_alone(trials: Vec<libtest_mimic::Trial>) -> ! {
    let mut args = libtest_mimic::Arguments::from_args();
    args.test_threads = Some(1);
    libtest_mimic::run(&args, trials).exit()
}

/// Runs `step` and checks that it did not take longer than `limit`.
#[track_caller]
pub(crate) fn within<T>(limit: Duration, step: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let done = step();
    let took = begin.elapsed();
    assert!(took < limit, "took {took:?}, {limit:?} allowed");
    done
}

/// Asks until the answer is yes.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < Duration::from_secs(20), "never came: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How often something is done: `most` times, or as often as the time allows, 100 times at
/// least.
#[derive(Debug)]
pub(crate) struct Budget {
    end: Instant,
    most: u64,
    done: u64,
}

impl Budget {
    pub(crate) fn new(most: u64, time: Duration) -> Self {
        Self { end: Instant::now() + time, most, done: 0 }
    }

    pub(crate) fn done(&self) -> u64 {
        self.done
    }

    pub(crate) fn more(&mut self) -> bool {
        let go_on = self.done < self.most
            && (self.done < 100 || self.done % 64 != 0 || Instant::now() < self.end);
        self.done += u64::from(go_on);
        go_on
    }
}
