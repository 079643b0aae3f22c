//! [`WaitPolicy`] and the [`Ladder`] of stages before a thread parks.
//!
//! A wake through the kernel costs some 40 µs where both processors were awake a moment before,
//! against 0.1 µs for a reply that is seen while spinning. So the default spins for about a
//! microsecond, yields up to a measured budget, and parks.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::{Moment, Scope, wait, wake};
use crate::sync::{Acquire, Release, pause};

/// How a thread waits for the peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitPolicy {
    /// Never sleeps: a processor is spent on the wait.
    Spin,
    /// Sleeps at once.
    Park,
    /// Spins about a microsecond, yields up to a budget measured on this machine, then sleeps.
    #[default]
    Adaptive,
}

/// What this machine needs, measured once a process.
#[derive(Clone, Copy, Debug)]
struct Machine {
    /// Pauses that take about a microsecond.
    spins: u32,
    /// About twice one park and wake.
    budget: Duration,
}

const LONGEST_BUDGET: Duration = Duration::from_micros(200);
const SHORTEST_BUDGET: Duration = Duration::from_micros(2);

impl Machine {
    fn get() -> Self {
        static MACHINE: OnceLock<Machine> = OnceLock::new();
        *MACHINE.get_or_init(|| match processors() {
            // The peer cannot run while we spin.
            1 => Self { spins: 0, budget: Duration::ZERO },
            _ => Self { spins: measure_spins(), budget: measure_budget() },
        })
    }
}

/// Processors that this process may use.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

fn measure_spins() -> u32 {
    const SAMPLE: u32 = 256;
    let start = Moment::now();
    (0..SAMPLE).for_each(|_| pause());
    let took = start.until(Moment::now()).as_nanos().max(1);
    u32::try_from(u128::from(SAMPLE) * 1000 / took).unwrap_or(u32::MAX).clamp(8, 1000)
}

/// Two threads park and wake each other; the budget is the median of their round trips, which is
/// twice one park and wake.
fn measure_budget() -> Duration {
    const ROUNDS: u32 = 15;
    let word = AtomicU32::new(0);
    let turn = |mine: u32| {
        let mut now = word.load(Acquire);
        while now != mine {
            // An error ends the sample early, the clamp below bounds what it can spoil.
            if wait(&word, now, None, Scope::Process).is_err() {
                return;
            }
            now = word.load(Acquire);
        }
    };
    let pass = |next: u32| {
        word.store(next, Release);
        wake(&word, Scope::Process);
    };
    let mut trips: Vec<Duration> = std::thread::scope(|threads| {
        let answer = || {
            for round in 0..ROUNDS {
                turn(2 * round + 1);
                pass(2 * round + 2);
            }
        };
        // A sandbox may not let us have a thread.
        if std::thread::Builder::new().spawn_scoped(threads, answer).is_err() {
            return vec![SHORTEST_BUDGET];
        }
        (0..ROUNDS)
            .map(|round| {
                let start = Moment::now();
                pass(2 * round + 1);
                turn(2 * round + 2);
                start.until(Moment::now())
            })
            .collect()
    });
    trips.sort_unstable();
    trips[trips.len() / 2].clamp(SHORTEST_BUDGET, LONGEST_BUDGET)
}

/// The stages of one waiter before it parks, and what it learnt from its last waits.
#[derive(Clone, Debug)]
pub struct Ladder {
    policy: WaitPolicy,
    machine: Machine,
    /// What remains of the budget: halved after each park, whole again after a hit. It never
    /// falls below a sixteenth, because a budget of nothing could have no hit to restore it.
    budget: Duration,
}

impl Ladder {
    /// A ladder for `policy`; the first one of a process measures the machine (about 1 ms).
    pub fn new(policy: WaitPolicy) -> Self {
        let machine = match policy {
            WaitPolicy::Adaptive => Machine::get(),
            WaitPolicy::Spin => Machine { spins: 1 << 14, budget: Duration::ZERO },
            WaitPolicy::Park => Machine { spins: 0, budget: Duration::ZERO },
        };
        Self { policy, machine, budget: machine.budget }
    }

    /// Stays awake for as long as the policy says. `true` as soon as `ready` is; `false` when it
    /// is time to park, or, with [`WaitPolicy::Spin`], to look at the rest of the world.
    #[inline]
    pub fn stay_awake(&mut self, mut ready: impl FnMut() -> bool) -> bool {
        for _ in 0..self.machine.spins {
            if ready() {
                self.budget = self.machine.budget;
                return true;
            }
            pause();
        }
        !self.budget.is_zero() && self.yield_for_a_while(ready)
    }

    #[cold]
    fn yield_for_a_while(&mut self, mut ready: impl FnMut() -> bool) -> bool {
        let end = Moment::now().plus(self.budget);
        loop {
            std::thread::yield_now();
            if ready() {
                self.budget = self.machine.budget;
                return true;
            }
            if Moment::now() >= end {
                self.budget = (self.budget / 2).max(self.machine.budget / 16);
                return false;
            }
        }
    }

    /// The thread has slept, and `total` has passed since it began to wait. Half a budget of that
    /// is what the wake itself takes. Had a whole budget spent awake been enough for the rest, the
    /// next wait has one again: else two ends that each wait for the other's wake never leave the
    /// kernel.
    pub fn slept(&mut self, total: Duration) {
        if total < self.machine.budget * 3 / 2 {
            self.budget = self.machine.budget;
        }
    }

    /// Whether the policy ever sleeps.
    pub fn parks(&self) -> bool {
        self.policy != WaitPolicy::Spin
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn budget_halves_on_a_park_and_comes_back_on_a_hit() {
        let mut ladder = Ladder::new(WaitPolicy::Adaptive);
        let whole = ladder.machine.budget;
        if whole.is_zero() {
            return; // One processor: there is no budget to speak of.
        }
        assert!(!ladder.stay_awake(|| false));
        assert!(!ladder.stay_awake(|| false));
        assert_eq!(ladder.budget, whole / 2 / 2);
        for _ in 0..100 {
            assert!(!ladder.stay_awake(|| false));
        }
        assert_eq!(ladder.budget, whole / 16, "else nothing would ever bring it back");
        ladder.slept(whole * 2);
        assert_eq!(ladder.budget, whole / 16, "no budget would have been enough");
        ladder.slept(whole);
        assert_eq!(ladder.budget, whole);
        assert!(!ladder.stay_awake(|| false));
        let spins = ladder.machine.spins;
        let mut asked = 0;
        assert!(ladder.stay_awake(|| {
            asked += 1;
            asked > spins
        }));
        assert_eq!(ladder.budget, whole);
    }

    #[test]
    fn park_looks_at_nothing_and_spin_never_parks() {
        assert!(!Ladder::new(WaitPolicy::Park).stay_awake(|| panic!("parks at once")));
        assert!(!Ladder::new(WaitPolicy::Spin).parks());
    }
}
