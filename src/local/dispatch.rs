//! Which method of the host a request calls.

use super::{Answer, Caller, Outcome, Reflect};
use crate::wire::{Request, Thrown, Value};

/// Executes one request.
pub(super) fn dispatch<H: Reflect>(
    host: &H,
    cx: &Caller,
    request: Request<'_, H::Object>,
) -> Result<Value<H::Object>, Thrown<H::Object>> {
    match request {
        Request::Global => now(host.global(cx)),
        Request::Get { target, key } => now(host.get(cx, &target, key)),
        Request::Set { target, key, value } => host.set(cx, &target, key, value).map(Value::Bool),
        Request::Apply { target, this, args } => now(host.apply(cx, &target, this, args)),
        Request::Construct { target, args } => now(host.construct(cx, &target, args)),
    }
}

fn now<O>(outcome: Outcome<O>) -> Result<Value<O>, Thrown<O>> {
    outcome.map(|Answer::Value(value)| value)
}
