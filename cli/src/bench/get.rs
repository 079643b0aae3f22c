//! Both ends of a `get` trap: a host of one property, which is a number, and on one special key the
//! other end answers the line.

use trapline::line::Line;
use trapline::{
    Caller, Key, Link, LinkConfig, LinkError, Local, Outcome, Proxy, Reflect, Remote, Thrown,
    Value, WaitPolicy,
};

use crate::error::Error;
use crate::second::Second;

/// The role of the end that owns the property.
pub(crate) const ROLE: &str = "get";
/// The property, of 16 bytes.
pub(super) const KEY: &str = "sixteen.byte.key";
const NUMBER: f64 = 42.5;
const ANSWER_LINE: &str = "answer the line";

struct Host {
    line: Line,
}

impl Reflect for Host {
    type Object = ();

    fn global(&self, _: &Caller) -> Outcome<()> {
        Ok(Value::Reference(()).into())
    }

    #[inline]
    fn get(&self, _: &Caller, _: &(), key: Key<'_>) -> Outcome<()> {
        match key {
            Key::String(KEY) => Ok(Value::Number(NUMBER).into()),
            Key::String(ANSWER_LINE) => {
                let left = |error: LinkError| Thrown::new("Error", error.to_string());
                self.line.answer().map_err(left)?;
                Ok(Value::Undefined.into())
            }
            other => Err(Thrown::type_error(format!("no property {other}"))),
        }
    }
}

/// The second process: serves until the link is closed.
pub(crate) fn serve(wait: WaitPolicy) -> Result<(), LinkError> {
    let config = LinkConfig { wait, ..LinkConfig::default() };
    let link = Link::inherited_with(&config)?;
    let line = Line::new(&link)?;
    Local::new(link, Host { line })?.serve()
}

/// Starts the second process for it.
pub(super) fn start() -> Result<(Remote, Second), Error> {
    let config = LinkConfig::driven_by_passive(1);
    let (link, second) = Second::start(ROLE, &[], &config)?;
    Ok((Remote::new(link)?, second))
}

/// One trap.
#[inline]
pub(super) fn trip(global: &Proxy) -> Result<(), Error> {
    match global.get(KEY)? {
        Value::Number(NUMBER) => Ok(()),
        other => Err(Error::Unexpected(format!("the property was {}", other.type_name()))),
    }
}

/// Lets the other end answer the line, and stops it again after `sample`.
pub(super) fn with_line<T>(
    remote: &Remote,
    global: &Proxy,
    sample: impl FnOnce(&Line) -> Result<T, Error>,
) -> Result<T, Error> {
    let line = Line::new(remote.link())?;
    std::thread::scope(|scope| {
        // The other end answers within this trap, so another thread waits for its end. It sleeps
        // while the line is taken.
        let trap = scope.spawn(|| global.get(ANSWER_LINE));
        let sampled = sample(&line).and_then(|sampled| {
            line.stop()?;
            Ok(sampled)
        });
        match trap.join() {
            Ok(ended) => ended.map_err(Error::Call).and(sampled),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
