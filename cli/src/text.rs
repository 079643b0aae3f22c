//! How figures and messages are written.

use std::fmt::Write;
use std::time::Duration;

use trapline::{Counters, Trap};

/// Three digits and the unit that fits.
pub(crate) fn nanos(ns: f64) -> String {
    let (value, unit) = match ns {
        ..1e3 => (ns, "ns"),
        ..1e6 => (ns / 1e3, "µs"),
        ..1e9 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    let digits = if unit == "ns" { 0 } else { digits };
    format!("{value:.digits$} {unit}")
}

pub(crate) fn duration(duration: Duration) -> String {
    nanos(duration.as_nanos() as f64)
}

/// `8 B`, `64 KiB`, `1 MiB`.
pub(crate) fn bytes(bytes: usize) -> String {
    match bytes {
        b if b >= 1 << 20 && b.is_multiple_of(1 << 20) => format!("{} MiB", b >> 20),
        b if b >= 1 << 10 && b.is_multiple_of(1 << 10) => format!("{} KiB", b >> 10),
        b => format!("{b} B"),
    }
}

/// Line breaks become spaces: an error is one line whatever a script puts into its message.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split(['\n', '\r']).map(str::trim).filter(|w| !w.is_empty()).collect();
    words.join(" ")
}

/// What one end of a link has counted.
pub(crate) fn counters(counters: &Counters) -> String {
    let Counters { records_sent, bytes_sent, records_received, bytes_received, .. } = counters;
    let mut text = format!(
        "sent {records_sent} frames ({bytes_sent} B), received {records_received} \
         ({bytes_received} B), slept {} times, rang {} times",
        counters.parks, counters.rings
    );
    for (name, count) in [
        ("waits for room", counters.full_waits),
        ("refused unrefs", counters.refused_unrefs),
        ("late replies", counters.late_replies),
    ] {
        if count != 0 {
            let _ = write!(text, ", {count} {name}");
        }
    }
    text
}

/// The traps that an end has served, by name; empty where there were none.
pub(crate) fn served(counters: &Counters) -> String {
    const TRAPS: [(&str, Trap); 5] = [
        ("global", Trap::Global),
        ("get", Trap::Get),
        ("set", Trap::Set),
        ("apply", Trap::Apply),
        ("construct", Trap::Construct),
    ];
    let counts = TRAPS.iter().map(|(name, trap)| (name, counters.served(*trap)));
    let named = counts.filter(|(_, count)| *count != 0).map(|(name, n)| format!("{name} {n}"));
    named.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_their_unit() {
        for (ns, text) in [
            (0.0, "0 ns"),
            (85.4, "85 ns"),
            (1_234.0, "1.23 µs"),
            (12_340.0, "12.3 µs"),
            (123_400.0, "123 µs"),
            (1e6, "1.00 ms"),
            (2.5e9, "2.50 s"),
        ] {
            assert_eq!(nanos(ns), text);
        }
        assert_eq!(bytes(8), "8 B");
        assert_eq!(bytes(65536), "64 KiB");
        assert_eq!(bytes(1 << 20), "1 MiB");
        assert_eq!(bytes(1025), "1025 B");
    }

    #[test]
    fn a_message_of_several_lines_becomes_one() {
        assert_eq!(one_line("a\n  b\r\n\nc"), "a b c");
    }
}
