//! How the demonstration looks: headings are bold on a terminal, and plain anywhere else.

use std::io::{self, IsTerminal, Write};

pub(super) fn heading(out: &mut impl Write, text: &str) -> io::Result<()> {
    let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (on, off) = if colours { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    writeln!(out, "{on}{text}{off}")
}
