//! The function that a name of the command line means.

use std::time::Duration;

use trapline::{Kind, Proxy, Value};

use super::Failed;
use crate::error::Error;

/// Walks `name` from the global object, property by property; the object before the last dot is the
/// `this` of the call.
pub(super) fn find(
    global: &Proxy,
    name: &str,
    patience: Duration,
) -> Result<(Value<Proxy>, Proxy), Failed> {
    let wrong =
        |problem: String| Failed::Other(Error::NoFunction { name: name.to_owned(), problem });
    let (mut this, mut at) = (Value::Undefined, Value::from(global));
    let mut walked = "the global object";
    for key in name.split('.') {
        let Value::Reference(object) = &at else {
            return Err(wrong(format!("{walked} is {}", described(&at))));
        };
        let mut found = object.get_timeout(key, patience)?;
        if found == Value::Undefined && object == global {
            found = declared(global, key, patience)?;
        }
        // A function of the global object is called without a `this`, as scripts call it.
        this = if object == global { Value::Undefined } else { at };
        (at, walked) = (found, key);
    }
    match at {
        Value::Reference(function) if function.kind() == Kind::Function => Ok((this, function)),
        Value::Undefined => Err(wrong("the files define nothing of that name".into())),
        other => Err(wrong(format!("it is {}, not a function", described(&other)))),
    }
}

/// What `let`, `const` or `class` declared: a binding that is seen by scripts, but is no property
/// of the global object.
fn declared(global: &Proxy, name: &str, patience: Duration) -> Result<Value<Proxy>, Failed> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    if !name.chars().all(plain) || !name.starts_with(|c: char| !c.is_ascii_digit()) {
        return Ok(Value::Undefined);
    }
    let Value::Reference(function) = global.get_timeout("Function", patience)? else {
        return Ok(Value::Undefined);
    };
    let body = format!("return typeof {name} === 'undefined' ? undefined : {name}");
    match function.construct_timeout(&[body.into()], patience) {
        Ok(Value::Reference(read)) => Ok(read.apply_timeout(&Value::Undefined, &[], patience)?),
        Ok(_) => Ok(Value::Undefined),
        // A reserved word: nothing can be declared by that name.
        Err(error) if error.as_thrown().is_some() => Ok(Value::Undefined),
        Err(error) => Err(error.into()),
    }
}

fn described(value: &Value<Proxy>) -> &'static str {
    match value {
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Bytes(_) => "a buffer",
        Value::Reference(_) => "an object",
        other => other.type_name(),
    }
}
