//! Rows for people.

use std::io::{self, Write};

use super::row::Row;
use crate::text;

pub(super) fn print(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    write!(
        out,
        "{:<16} {:>8} {:>9} {:>9} {:>11} {:>9} {:>8}  {:>12} {:>5}",
        "contender", "payload", "p50", "p99", "ops/s", "line p50", "ratio", "syscalls/op", "cpu"
    )?;
    for (name, _) in rows.first().iter().flat_map(|row| &row.extra) {
        write!(out, "  {name}")?;
    }
    writeln!(out)?;
    for row in rows {
        line(row, out)?;
    }
    if rows.iter().any(|row| row.unsteady) {
        writeln!(
            out,
            "* the line moved by more than half in each round, or both processes shared a processor"
        )?;
    }
    Ok(())
}

fn line(row: &Row, out: &mut impl Write) -> io::Result<()> {
    write!(
        out,
        "{:<16} {:>8} {:>9} {:>9} {:>11} {:>9} {:>8}{} {:>12} {:>5}",
        row.contender,
        or_dash(row.payload, |bytes| text::bytes(bytes as usize)),
        or_dash(row.p50_ns, text::nanos),
        or_dash(row.p99_ns, text::nanos),
        or_dash(row.ops_per_s, |rate| rate.to_string()),
        or_dash(row.line_p50_ns, text::nanos),
        or_dash(row.ratio_to_line, |ratio| format!("{ratio:.2}")),
        if row.unsteady { '*' } else { ' ' },
        or_dash(row.syscalls_per_op, |calls| format!("{calls:.4}")),
        or_dash(row.cpu, |cpu| format!("{cpu:.2}")),
    )?;
    for (name, figure) in &row.extra {
        write!(out, "  {:>width$}", or_dash(*figure, |f| f.to_string()), width = name.len())?;
    }
    writeln!(out)
}

fn or_dash<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), text)
}
