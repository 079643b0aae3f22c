//! Rows for people.

use std::io::{self, Write};

use crate::row::{Row, Told};

pub(crate) fn print(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<28} {:>8} {:>8} {:>10} {:>10} {:>10} {:>9}  {:>11}",
        "contender", "request", "reply", "p50", "p99", "line p50", "to line", "to trapline"
    )?;
    let mut last = None;
    for row in rows {
        // A gap before each shape.
        let shape = (row.request, row.reply);
        if last.replace(shape).is_some_and(|last| last != shape) {
            writeln!(out)?;
        }
        write!(out, "{:<28} {:>8} {:>8} ", row.contender, bytes(row.request), bytes(row.reply))?;
        match &row.told {
            Some(told) => figures(told, out)?,
            None => write!(out, "{:>10}", "-")?,
        }
        match &row.failure {
            Some(failure) => writeln!(out, "  failed: {failure}")?,
            None => writeln!(out)?,
        }
    }
    if rows.iter().any(|row| row.told.as_ref().is_some_and(|told| told.unsteady)) {
        writeln!(out, "* the line moved by more than half in each round")?;
    }
    Ok(())
}

fn figures(told: &Told, out: &mut impl Write) -> io::Result<()> {
    write!(
        out,
        "{:>10} {:>10} {:>10} {:>9.2}{} {:>11}",
        nanos(told.p50_ns),
        nanos(told.p99_ns),
        nanos(told.line_p50_ns),
        told.ratio_to_line,
        if told.unsteady { '*' } else { ' ' },
        told.ratio_to_trapline.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
    )
}

fn bytes(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

fn nanos(nanos: f64) -> String {
    if nanos < 1e3 {
        format!("{nanos:.0} ns")
    } else if nanos < 1e5 {
        format!("{:.2} µs", nanos / 1e3)
    } else {
        format!("{:.0} µs", nanos / 1e3)
    }
}
