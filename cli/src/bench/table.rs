//! Rows for people.

use std::io::{self, Write};

use super::row::Row;
use crate::text;

pub(super) fn print(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<14} {:>8} {:>9} {:>9} {:>11} {:>9} {:>8} {:>12} {:>5}",
        "contender", "payload", "p50", "p99", "ops/s", "line p50", "ratio", "syscalls/op", "cpu"
    )?;
    for row in rows {
        writeln!(
            out,
            "{:<14} {:>8} {:>9} {:>9} {:>11} {:>9} {:>7.2}{} {:>12} {:>5}",
            row.contender,
            text::bytes(row.payload as usize),
            text::nanos(row.p50_ns),
            text::nanos(row.p99_ns),
            row.ops_per_s,
            text::nanos(row.line_p50_ns),
            row.ratio_to_line,
            if row.unsteady { '*' } else { ' ' },
            or_dash(row.syscalls_per_op, 4),
            or_dash(row.cpu, 2),
        )?;
    }
    if rows.iter().any(|row| row.unsteady) {
        writeln!(
            out,
            "* the line moved by more than half in each round, or both processes shared a processor"
        )?;
    }
    Ok(())
}

fn or_dash(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}
