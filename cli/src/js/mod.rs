//! `trapline js`: loads files in an engine in the second process and calls a function of theirs.
//!
//! The files are loaded as they are, by path, in the second process. What the scripts may use is
//! limited there; where a limit comes too late, the first process gives up after a while and ends
//! the second one.

pub(crate) mod local;
mod name;
mod thrown;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use trapline::{LinkConfig, Proxy, Remote, Value};

use local::Given;
pub(crate) use thrown::thrown;

use crate::args::Js as Args;
use crate::error::Error;
use crate::second::Second;
use crate::text;

/// How much later than the limit of the scripts this process gives up: an engine looks at the clock
/// now and then, and a started operation that does not is given this time.
const BEYOND_LIMIT: Duration = Duration::from_secs(3);

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<(), Error> {
    let files = args.files.iter().map(|file| absolute(file)).collect::<Result<Vec<_>, _>>()?;
    let input = args.stdin.then(|| read_text(std::io::stdin().lock())).transpose()?;
    let memory = u64::from(args.memory_limit) << 20;
    let ring = ring_for(input.as_ref().map_or(0, String::len));
    let given = Given { time: args.time_limit, memory, ring };
    let config = given.config(LinkConfig::driven_by_passive(1));
    let (link, mut second) = Second::start(local::ROLE, &given.arguments(), &config)?;
    let patience = args.time_limit.saturating_add(BEYOND_LIMIT);
    let remote = Remote::new(link)?;
    let result = scripts(&remote, &files, args, input, patience)
        .map_err(|error| failed(error, &mut second, patience, &args.files, &files))?;
    out.write_all(&result)?;
    out.flush()?;
    let counters = remote.link().counters();
    drop(remote);
    let served = second.finish()?;
    if args.counters {
        let mut err = std::io::stderr().lock();
        // Who closed the stream does not want them.
        let _ = writeln!(err, "first process:  {}", text::counters(&counters));
        let _ = write!(err, "{served}");
    }
    Ok(())
}

/// Bytes of the rings: a message is at most half of one, and results are often longer than the
/// input. Memory is used only where a message has been.
fn ring_for(input: usize) -> u64 {
    let wanted = (input as u64).saturating_mul(4).max(LEAST_RING);
    wanted.checked_next_power_of_two().unwrap_or(MOST_RING).min(MOST_RING)
}

const LEAST_RING: u64 = 64 << 20;
const MOST_RING: u64 = 1 << 30;

/// Why the scripts gave no result: a trap failed, or something else did.
enum Failed {
    Trap(trapline::CallError),
    Other(Error),
}

impl From<trapline::CallError> for Failed {
    fn from(error: trapline::CallError) -> Self {
        Self::Trap(error)
    }
}

/// Loads the files, calls the function, and gives what is to be printed.
fn scripts(
    remote: &Remote,
    files: &[String],
    args: &Args,
    input: Option<String>,
    patience: Duration,
) -> Result<Vec<u8>, Failed> {
    let global = remote.global_timeout(patience)?;
    // Taken before any script can replace it.
    let string = global.get_timeout("String", patience)?;
    let loader = global.get_timeout("trapline", patience)?;
    let load = member(&loader, "load", patience)?;
    for file in files {
        load.apply_timeout(&loader, &[file.as_str().into()], patience)?;
    }
    let Some(name) = &args.call else { return Ok(Vec::new()) };
    let (this, function) = name::find(&global, name, patience)?;
    let input: Vec<_> = input.into_iter().map(Value::from).collect();
    match function.apply_timeout(&this, &input, patience)? {
        Value::Undefined => Ok(Vec::new()),
        Value::String(text) => Ok(text.into_bytes()),
        Value::Bytes(bytes) => Ok(bytes),
        // The engine knows best how its language prints a value.
        other => {
            let string = string.as_reference().ok_or_else(no_engine)?;
            let text = string.apply_timeout(&Value::Undefined, &[other], patience)?;
            Ok(text.as_str().unwrap_or_default().as_bytes().to_vec())
        }
    }
}

fn member(object: &Value<Proxy>, key: &str, patience: Duration) -> Result<Proxy, Failed> {
    let object = object.as_reference().ok_or_else(no_engine)?;
    object.get_timeout(key, patience)?.into_reference().map_err(|_| no_engine())
}

fn no_engine() -> Failed {
    Failed::Other(Error::Unexpected("the second process does not run the engine".into()))
}

/// Names files as the user did.
fn failed(
    failed: Failed,
    second: &mut Second,
    patience: Duration,
    given: &[PathBuf],
    absolute: &[String],
) -> Error {
    let as_given = |text: &str| {
        let mut files = given.iter().zip(absolute);
        let found = files.find_map(|(given, absolute)| {
            Some(format!("{}{}", given.display(), text.strip_prefix(absolute.as_str())?))
        });
        found.unwrap_or_else(|| text.to_owned())
    };
    match failed {
        Failed::Other(error) => error,
        Failed::Trap(error) => match second.explain(error, patience) {
            Error::Thrown { error, place } => {
                Error::Thrown { error, place: place.map(|place| as_given(&place)) }
            }
            other => other,
        },
    }
}

/// The path as the second process is told it. What can be seen from here is checked here, where
/// the message can be short.
fn absolute(file: &Path) -> Result<String, Error> {
    let problem = |problem: String| Error::File { path: file.to_owned(), problem };
    let absolute = std::path::absolute(file).map_err(|e| problem(e.to_string()))?;
    let found = std::fs::metadata(&absolute).map_err(|e| problem(reason(&e)))?;
    if found.is_dir() {
        return Err(problem("is a folder".into()));
    }
    absolute.into_os_string().into_string().map_err(|_| problem("the path is not UTF-8".into()))
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".into(),
        _ => error.to_string(),
    }
}

fn read_text(mut input: impl Read) -> Result<String, Error> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|e| Error::Input(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Error::Input(format!("not UTF-8 text at byte {at}"))
    })
}
