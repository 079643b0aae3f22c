//! JavaScript objects that live in the second process, driven from this one.

use std::io::Write;
use std::time::{Duration, Instant};

use trapline::{CallError, LinkConfig, Proxy, Remote, Value, args};

use super::script::Script;
use crate::error::Error;
use crate::js::local::{self, Given};
use crate::second::Second;
use crate::text;

/// What the scripts of the demonstration may use.
const TIME: Duration = Duration::from_millis(300);
const MEMORY: u64 = 64 << 20;

pub(super) fn run(out: &mut impl Write) -> Result<(), Error> {
    let script = Script::write()?;
    let limits = Given { time: TIME, memory: MEMORY, ring: 4 << 20 };
    let config = limits.config(LinkConfig::driven_by_passive(1));
    let (link, mut second) = Second::start(local::ROLE, &limits.arguments(), &config)?;
    let remote = Remote::new(link)?;
    let title = format!("\nJavaScript objects in process {}", second.id());
    super::style::heading(out, &title)?;
    let mut steps = Steps { out, failed: None };
    let done = drive(&remote, &script, &mut steps);
    if let Some(error) = steps.failed {
        return Err(error);
    }
    done.map_err(|error| second.explain(error, TIME))?;
    remote.flush().map_err(|error| second.explain_link(error))?;
    writeln!(out, "\n  live references now: {}", remote.held_pointers())?;
    if remote.held_pointers() != 0 {
        return Err(Error::Unexpected("references are left that nobody holds".into()));
    }
    super::style::heading(out, "\nCounted by the link")?;
    let counters = remote.link().counters();
    drop(remote);
    writeln!(out, "first process:  {}", text::counters(&counters))?;
    write!(out, "{}", second.finish()?)?;
    Ok(())
}

/// Prints each step with its result and its time.
struct Steps<'o, W> {
    out: &'o mut W,
    /// The first step that did not give what it must, or could not be printed.
    failed: Option<Error>,
}

impl<W: Write> Steps<'_, W> {
    /// One step, whose result reads `expected`. The time is that of all its traps.
    fn step(
        &mut self,
        what: &str,
        expected: &str,
        run: impl FnOnce() -> Result<String, CallError>,
    ) -> Result<(), CallError> {
        let start = Instant::now();
        let result = run()?;
        let took = text::duration(start.elapsed());
        let printed = writeln!(self.out, "  {what:<54} {result:<28} {took:>8}");
        let right = if result == expected {
            Ok(())
        } else {
            Err(Error::Unexpected(format!("{what}: expected {expected}, got {result}")))
        };
        let step = printed.map_err(Error::Output).and(right);
        self.failed = self.failed.take().or(step.err());
        Ok(())
    }
}

fn drive<W: Write>(
    remote: &Remote,
    script: &Script,
    steps: &mut Steps<'_, W>,
) -> Result<(), CallError> {
    let global = remote.global()?;
    steps.step("live references, the global object being one", "1", || {
        Ok(remote.held_pointers().to_string())
    })?;
    steps.step("trapline.load(\"demo.js\")", "undefined", || {
        let loader = object(global.get("trapline")?)?;
        Ok(shown(&loader.invoke("load", &args![script.path()])?))
    })?;
    let greet = object(global.get("greet")?)?;
    steps.step("greet(\"world\")", "\"Hello, world!\"", || {
        Ok(shown(&greet.apply(&Value::Undefined, &args!["world"])?))
    })?;
    built_ins(&global, steps)?;
    objects(remote, &global, steps)?;
    failures(&global, steps)?;
    steps.step("greet(\"again\")", "\"Hello, again!\"", || {
        Ok(shown(&greet.apply(&Value::Undefined, &args!["again"])?))
    })
}

fn built_ins<W: Write>(global: &Proxy, steps: &mut Steps<'_, W>) -> Result<(), CallError> {
    let array = object(global.get("Array")?)?;
    steps.step(
        "a = new Array(1, 2, 3); a.push(\"four\"); a.join(\"-\")",
        "\"1-2-3-four\"",
        || {
            let array = object(array.construct(&args![1, 2, 3])?)?;
            array.invoke("push", &args!["four"])?;
            Ok(shown(&array.invoke("join", &args!["-"])?))
        },
    )?;
    let math = object(global.get("Math")?)?;
    steps.step("Math.max(3, 41.5, -7)", "41.5", || {
        Ok(shown(&math.invoke("max", &args![3, 41.5, -7])?))
    })?;
    let date = object(global.get("Date")?)?;
    steps.step("new Date(0).toISOString()", "\"1970-01-01T00:00:00.000Z\"", || {
        let epoch = object(date.construct(&args![0])?)?;
        Ok(shown(&epoch.invoke("toISOString", &[])?))
    })
}

fn objects<W: Write>(
    remote: &Remote,
    global: &Proxy,
    steps: &mut Steps<'_, W>,
) -> Result<(), CallError> {
    let map = object(object(global.get("Map")?)?.construct(&[])?)?;
    let key = object(object(global.get("Object")?)?.construct(&[])?)?;
    steps.step("key.colour = \"green\"; key.colour", "\"green\"", || {
        key.set("colour", "green")?;
        Ok(shown(&key.get("colour")?))
    })?;
    steps.step("map.set(key, 7); map.get(key), key being a proxy here", "7", || {
        map.invoke("set", &args![&key, 7])?;
        Ok(shown(&map.invoke("get", &args![&key])?))
    })?;
    steps.step("globalThis.kept = key; the same proxy comes back", "true", || {
        global.set("kept", &key)?;
        Ok((global.get("kept")? == Value::from(&key)).to_string())
    })?;
    let same = object(global.get("same")?)?;
    steps.step("same(key, kept), asked over there", "true", || {
        Ok(shown(&same.apply(&Value::Undefined, &args![&key, global.get("kept")?])?))
    })?;
    let invert = object(global.get("invert")?)?;
    let bytes: Vec<u8> = (0..1 << 20).map(|i| (i % 253) as u8).collect();
    let inverted: Vec<u8> = bytes.iter().map(|byte| 255 - byte).collect();
    steps.step("invert(buffer of 1 MiB), each byte checked", "1 MiB, right", || {
        let back = invert.apply(&Value::Undefined, &[bytes.into()])?;
        let right = back.as_bytes() == Some(inverted.as_slice());
        let size = text::bytes(back.as_bytes().map_or(0, <[u8]>::len));
        Ok(format!("{size}, {}", if right { "right" } else { "wrong" }))
    })?;
    let elements = object(object(global.get("Array")?)?.construct(&[])?)?;
    let class = object(global.get("Object")?)?;
    let held = remote.held_pointers();
    steps.step("1,000 objects made, all of them held here", "1000 more references", || {
        let objects: Result<Vec<_>, _> = (0..1000).map(|_| class.construct(&[])).collect();
        let objects = objects?;
        let more = remote.held_pointers() - held;
        elements.invoke("push", &objects[..1])?;
        Ok(format!("{more} more references"))
    })?;
    steps.step("and dropped here: one is still held over there", "1 held there, 0 here", || {
        // The next trap tells the other end what was dropped.
        remote.flush()?;
        let length = shown(&elements.get("length")?);
        Ok(format!("{length} held there, {} here", remote.held_pointers() - held))
    })
}

fn failures<W: Write>(global: &Proxy, steps: &mut Steps<'_, W>) -> Result<(), CallError> {
    let overdraw = object(global.get("overdraw")?)?;
    let mut stack = String::new();
    steps.step("overdraw(50)", "throws a RangeError", || {
        match overdraw.apply(&Value::Undefined, &args![50]) {
            Err(CallError::Thrown(thrown)) => {
                stack = format!("{thrown}\n{}", thrown.stack.trim_end());
                Ok(format!("throws a {}", thrown.name))
            }
            other => Ok(shown(&other?)),
        }
    })?;
    for line in stack.lines() {
        let printed = writeln!(steps.out, "      {line}");
        steps.failed = steps.failed.take().or(printed.err().map(Error::Output));
    }
    let forever = object(global.get("forever")?)?;
    let stopped = format!("stopped after {TIME:?}");
    steps.step("forever(), which never returns", &stopped, || {
        match forever.apply(&Value::Undefined, &[]) {
            Err(CallError::Thrown(thrown)) if thrown.message.contains("time limit") => {
                Ok(format!("stopped after {TIME:?}"))
            }
            other => Ok(shown(&other?)),
        }
    })
}

/// The object that a value is.
fn object(value: Value<Proxy>) -> Result<Proxy, CallError> {
    value.into_reference().map_err(|value| {
        let what = value.type_name();
        trapline::Thrown::type_error(format!("an object was expected, not {what}")).into()
    })
}

/// A value in short, with quotes around text.
fn shown(value: &Value<Proxy>) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(value) => format!("{value:?}"),
        other => other.type_name().to_owned(),
    }
}
