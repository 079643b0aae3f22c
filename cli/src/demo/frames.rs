//! Frames of several sizes, there and back, with each way to wait.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::bench::samples::Samples;
use crate::echo::{self, POLICIES};
use crate::error::Error;
use crate::text;

const SIZES: [usize; 5] = [8, 64, 1 << 10, 64 << 10, 1 << 20];
/// How long each size is exchanged.
const BUDGET: Duration = Duration::from_millis(80);
/// Trips that are made however long they take.
const LEAST: u32 = 5;

/// What one way to wait gave: the line, and each size.
struct Column {
    line: f64,
    sizes: Vec<Samples>,
}

pub(super) fn run(out: &mut impl Write) -> Result<(), Error> {
    super::style::heading(out, "Frames between two processes, there and back")?;
    let columns = POLICIES.map(|(name, policy)| column(name, policy));
    let [spin, park, adaptive] = columns;
    let columns = [spin?, park?, adaptive?];
    write!(out, "{:>8}", "")?;
    for (name, _) in POLICIES {
        write!(out, "  {:>12} {:>9}", format!("{name} p50"), "p99")?;
    }
    writeln!(out)?;
    for (row, size) in SIZES.iter().enumerate() {
        write!(out, "{:>8}", text::bytes(*size))?;
        for column in &columns {
            let samples = &column.sizes[row];
            let (p50, p99) =
                (text::nanos(samples.quantile(0.5)), text::nanos(samples.quantile(0.99)));
            write!(out, "  {p50:>12} {p99:>9}")?;
        }
        writeln!(out)?;
    }
    write!(out, "{:>8}", "line")?;
    for column in &columns {
        write!(out, "  {:>12} {:>9}", text::nanos(column.line), "")?;
    }
    let trips: u64 = columns.iter().flat_map(|c| &c.sizes).map(Samples::len).sum();
    writeln!(
        out,
        "\n{trips} round trips, every byte compared. The line is the floor: two processes"
    )?;
    writeln!(out, "that pass one word to and fro, which no message can beat.")?;
    Ok(())
}

fn column(name: &str, policy: trapline::WaitPolicy) -> Result<Column, Error> {
    let (link, mut second) = echo::start(name, policy)?;
    let mut lane = link.lane(0)?;
    let _placed = echo::apart(&mut lane, &mut second)?;
    let mut sizes = Vec::new();
    for size in SIZES {
        sizes.push(exchange(&mut lane, size).map_err(|error| match error {
            Error::Link(error) => second.explain_link(error),
            other => other,
        })?);
    }
    let line =
        echo::with_line(&link, &mut lane, |line| Ok(crate::bench::line::p50(line, BUDGET / 4)?))?;
    drop(lane);
    drop(link);
    second.finish()?;
    Ok(Column { line, sizes })
}

fn exchange(lane: &mut trapline::Lane<'_>, size: usize) -> Result<Samples, Error> {
    let mut samples = Samples::new();
    let mut message: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
    let mut back = Vec::new();
    let start = Instant::now();
    let mut trips = 0u32;
    while trips < LEAST || start.elapsed() < BUDGET {
        // No two messages are alike, so that an old one is not taken for a new one.
        let stamp = trips.to_le_bytes();
        message[..stamp.len()].copy_from_slice(&stamp);
        let sent = Instant::now();
        echo::trip(lane, &message, &mut back)?;
        samples.record(sent.elapsed(), 1);
        if back != message {
            let size = text::bytes(size);
            return Err(Error::Unexpected(format!("a frame of {size} came back changed")));
        }
        trips += 1;
    }
    Ok(samples)
}
