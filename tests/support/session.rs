//! [`Session`]: a remote and a toy behind a local, joined in one of nine ways.

use std::cell::Cell;
use std::fmt;
use std::process::Child;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use trapline::link::Stepper;
use trapline::{
    Kind, Link, LinkConfig, LinkError, Local, PeerError, Proxy, Remote, Value, WaitPolicy, second,
};

use super::toy::{self, Toy};
use super::{signals, watch};

/// Bytes of the rings of a session.
pub(crate) const RING: u64 = 1 << 20;

/// What lies between the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Places {
    /// One thread in which the waiting end steps the other.
    Stepped,
    /// Two threads.
    Thread,
    /// Two processes.
    Process,
}

/// One of the nine ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Combination {
    pub(crate) places: Places,
    pub(crate) wait: WaitPolicy,
}

impl Combination {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let policies = [WaitPolicy::Spin, WaitPolicy::Park, WaitPolicy::Adaptive];
        [Places::Stepped, Places::Thread, Places::Process]
            .into_iter()
            .flat_map(move |places| policies.map(move |wait| Self { places, wait }))
    }
}

impl fmt::Display for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", format!("{:?}/{:?}", self.places, self.wait).to_lowercase())
    }
}

/// The other end.
enum Other {
    Stepped { stepper: Stepper, local: Rc<Local<Toy>>, frozen: Rc<Cell<Frozen>> },
    Thread(JoinHandle<Result<(), LinkError>>),
    Process(Arc<Mutex<Child>>),
}

/// What the other end does where it is stepped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frozen {
    No,
    Yes,
    /// It leaves at its next step.
    Leaves,
}

/// A remote and the toy that it drives.
pub(crate) struct Session {
    pub(crate) how: Combination,
    pub(crate) remote: Remote,
    /// Another handle of the toy's end, where that is in this process.
    theirs: Option<Link>,
    other: Other,
    over: Cell<bool>,
}

/// Serves a toy as a child process, whose role is `toy` and the policy.
pub(crate) fn serve_as_child(policy: &str) -> Result<(), LinkError> {
    signals::handle();
    let wait = match policy {
        "Spin" => WaitPolicy::Spin,
        "Park" => WaitPolicy::Park,
        _ => WaitPolicy::Adaptive,
    };
    let config = LinkConfig { wait, ring_bytes: RING, ..LinkConfig::default() };
    toy::local(Link::inherited_with(&config)?, Arc::default())?.serve()
}

impl Session {
    pub(crate) fn open(how: Combination) -> Self {
        let config = LinkConfig { wait: how.wait, ring_bytes: RING, ..LinkConfig::default() };
        let (ours, theirs, other) = match how.places {
            Places::Stepped => stepped(&config),
            Places::Thread => {
                let (passive, active) = Link::pair(&config).expect("a pair");
                let theirs = passive.clone();
                let serve = move || toy::local(passive, Arc::default())?.serve();
                (active, Some(theirs), Other::Thread(std::thread::spawn(serve)))
            }
            Places::Process => {
                let lanes = LinkConfig::driven_by_passive(1).lanes;
                let role = format!("toy {:?}", how.wait);
                let command = second::command(&role).expect("this program");
                let config = LinkConfig { lanes, ..config };
                let (link, child) = Link::spawn(command, &config).expect("a child");
                (link, None, Other::Process(Arc::new(Mutex::new(child))))
            }
        };
        let remote = Remote::new(ours).expect("a lane to drive");
        Self { how, remote, theirs, other, over: Cell::new(false) }
    }

    /// A property of the global.
    pub(crate) fn get(&self, key: &str) -> Value<Proxy> {
        self.remote.global().expect("a global").get(key).expect("a property")
    }

    /// An object that is a property of the global.
    pub(crate) fn object(&self, key: &str) -> Proxy {
        self.get(key).into_reference().expect("an object")
    }

    /// What a function of the global returns.
    pub(crate) fn call(&self, name: &str, args: &[Value<Proxy>]) -> Value<Proxy> {
        self.object(name).apply(&Value::Undefined, args).expect("a value")
    }

    /// An object that a function of the global returns.
    pub(crate) fn make(&self, name: &str, args: &[Value<Proxy>]) -> Proxy {
        self.call(name, args).into_reference().expect("an object")
    }

    /// A number that a function of the global returns.
    pub(crate) fn ask(&self, name: &str) -> usize {
        self.call(name, &[]).as_number().expect("a number") as usize
    }

    /// The number of the child process, where there is one.
    pub(crate) fn child(&self) -> Option<u32> {
        let Other::Process(child) = &self.other else { return None };
        Some(child.lock().unwrap_or_else(PoisonError::into_inner).id())
    }

    /// Stops a toy that is stepped, and lets it run again. Others are not stopped: where a test
    /// wants one to be late, it asks for a function that takes its time.
    pub(crate) fn freeze(&self, freeze: bool) {
        if let Other::Stepped { frozen, .. } = &self.other {
            frozen.set(if freeze { Frozen::Yes } else { Frozen::No });
        }
    }

    /// Lets the other end go away after `delay`, in the hardest way that there is: a process is
    /// killed, a thread closes. Returns what does it.
    pub(crate) fn end_of_other(&self, delay: Duration) -> Option<JoinHandle<()>> {
        self.over.set(true);
        match &self.other {
            Other::Stepped { frozen, .. } => {
                frozen.set(Frozen::Leaves);
                None
            }
            Other::Thread(_) => {
                let theirs = self.theirs.clone()?;
                Some(std::thread::spawn(move || {
                    std::thread::sleep(delay);
                    theirs.close();
                }))
            }
            Other::Process(child) => {
                let child = child.clone();
                Some(std::thread::spawn(move || {
                    std::thread::sleep(delay);
                    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
                    child.kill().expect("it was alive");
                }))
            }
        }
    }

    /// Closes this end and checks that the other one ended well, unless it was made to end.
    pub(crate) fn finish(self) {
        self.remote.link().close();
        let over = self.over.get();
        match self.other {
            Other::Stepped { stepper, local, .. } => {
                let closed = local.serve_timeout(Duration::ZERO);
                assert_eq!(closed, Err(PeerError::Closed.into()));
                assert_eq!(local.held_objects(), 0, "all that was held is released");
                drop(stepper);
            }
            Other::Thread(thread) => {
                let served = thread.join().expect("no panic");
                assert_eq!(served, Ok(()));
            }
            Other::Process(child) => {
                let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
                let status = watch::within(watch::SOON * 10, || child.wait().expect("a child"));
                assert!(over || status.success(), "{status}");
            }
        }
    }
}

fn stepped(config: &LinkConfig) -> (Link, Option<Link>, Other) {
    let (passive, active, stepper) = Link::stepped(config).expect("a pair");
    let (theirs, frozen) = (passive.clone(), Rc::new(Cell::new(Frozen::No)));
    let local = toy::local(passive, Arc::default()).expect("a lane to serve");
    let (serves, asks) = (local.clone(), frozen.clone());
    let leaves = theirs.clone();
    stepper.on_wait(move || match asks.get() {
        Frozen::No => serves.poll().is_ok_and(|served| served != 0),
        Frozen::Yes => false,
        Frozen::Leaves => {
            leaves.close();
            false
        }
    });
    (active, Some(theirs), Other::Stepped { stepper, local, frozen })
}

/// What kind of object a value is.
pub(crate) fn kind(value: &Value<Proxy>) -> Option<Kind> {
    value.as_reference().map(Proxy::kind)
}
