//! The contenders, one file each.

mod frames;
mod futex;
mod get;
mod iceoryx;
mod iceoryx_publish;
mod iceoryx_request;
mod pipe;
mod raw_event;
mod stream;

use crate::error::Error;
use crate::measure::Plan;
use crate::pair;
use crate::visit::Visit;
use crate::watch::Watch;

/// One contender: its name, which is the role of its second process too, and its two processes.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) visit: fn(&Plan, &Watch) -> Result<Vec<Visit>, Error>,
    pub(crate) answer: fn() -> Result<(), Error>,
}

macro_rules! commanded {
    ($name:literal, $module:ident) => {
        Contender {
            name: $name,
            visit: |plan, watch| pair::drive::<$module::Asking>($name, plan, watch),
            answer: pair::answer::<$module::Answering>,
        }
    };
}

/// All of them, trapline's frames first: the others are told as ratios to it.
static ALL: [Contender; 8] = [
    commanded!("trapline frames", frames),
    Contender { name: get::NAME, visit: get::visit, answer: get::answer },
    commanded!("futex ping-pong", futex),
    commanded!("Unix stream", stream),
    commanded!("pipe", pipe),
    commanded!("raw_sync event", raw_event),
    commanded!("iceoryx2 request-response", iceoryx_request),
    commanded!("iceoryx2 publish-subscribe", iceoryx_publish),
];

/// The contender of that name.
///
/// # Errors
/// The names that there are.
pub(crate) fn named(name: &str) -> Result<&'static Contender, String> {
    ALL.iter().find(|contender| contender.name == name).ok_or_else(|| {
        let names = ALL.each_ref().map(|contender| contender.name);
        format!("no contender {name:?}, there are: {}", names.join(", "))
    })
}

/// Those of these names, or all; trapline's frames always, and first.
pub(crate) fn chosen(only: &[&'static Contender]) -> Vec<&'static Contender> {
    let (first, others) = ALL.split_first().expect("there are some");
    let is_chosen =
        |one: &&Contender| only.is_empty() || only.iter().any(|chosen| chosen.name == one.name);
    std::iter::once(first).chain(others.iter().filter(is_chosen)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_always_among_the_chosen() {
        assert_eq!(chosen(&[]).len(), ALL.len());
        let names: Vec<_> = chosen(&[named("pipe").unwrap()]).iter().map(|one| one.name).collect();
        assert_eq!(names, ["trapline frames", "pipe"]);
        assert!(named("carrier pigeon").unwrap_err().contains("trapline get"));
    }
}
