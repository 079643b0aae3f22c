//! What a script threw, as one error of the command.

use trapline::{Proxy, Thrown};

use crate::error::Error;

/// Class, message and the innermost place in a file.
pub(crate) fn thrown(thrown: &Thrown<Proxy>) -> Error {
    Error::Thrown { error: thrown.to_string(), place: place(&thrown.stack) }
}

/// The first place of a stack that names a line: `at name (file:line:column)` or
/// `at file:line:column`, one a line.
fn place(stack: &str) -> Option<String> {
    stack.lines().find_map(|line| {
        let line = line.trim().strip_prefix("at ")?;
        let place = match line.rsplit_once(" (") {
            Some((_, place)) => place.strip_suffix(')')?,
            None => line,
        };
        let (file, column) = place.rsplit_once(':')?;
        let is_number = |text: &str| text.parse::<u32>().is_ok();
        match file.rsplit_once(':') {
            Some((_, line)) if is_number(line) && is_number(column) => Some(file.to_owned()),
            _ => is_number(column).then(|| place.to_owned()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_the_innermost_one_in_a_file() {
        let stack = "    at push (native)\n    at f (/a b/c.js:3:7)\n    at /a b/c.js:9:1\n";
        assert_eq!(place(stack).as_deref(), Some("/a b/c.js:3"));
        assert_eq!(place("    at /c.js:9:1\n").as_deref(), Some("/c.js:9"));
        assert_eq!(place("    at c.js:9\n").as_deref(), Some("c.js:9"));
        assert_eq!(place(""), None);
        assert_eq!(place("at <eval>"), None);
    }
}
