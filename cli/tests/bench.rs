//! `trapline bench`: its rows can be read. What the figures are is no matter for a test.
#![cfg(target_os = "linux")]

mod common;

use common::{output, run};
use serde_json::Value;

const FIELDS: [&str; 10] = [
    "case",
    "contender",
    "payload",
    "p50_ns",
    "p99_ns",
    "ops_per_s",
    "line_p50_ns",
    "ratio_to_line",
    "syscalls_per_op",
    "cpu",
];

fn rows(case: &str, args: &[&str]) -> Vec<Value> {
    let common = ["bench", "--case", case, "--quick", "--format", "json"];
    let text = output(&[&common, args].concat(), b"");
    let row = |line| serde_json::from_str::<Value>(line).expect("an object a line");
    text.lines().map(row).collect()
}

/// Each row has the fields of all cases, and behind them those of its own.
#[track_caller]
fn check_fields(rows: &[Value], case: &str, own: &[&str]) {
    for row in rows {
        let row = row.as_object().expect("an object");
        let fields = FIELDS.iter().chain(own);
        assert!(
            row.len() == FIELDS.len() + own.len() && fields.clone().all(|f| row.contains_key(*f))
        );
        assert_eq!(row["case"], case);
        for field in fields.skip(2) {
            let figure = &row[*field];
            assert!(figure.is_null() || figure.as_f64().is_some_and(|f| f >= 0.0), "{row:?}");
        }
    }
}

#[track_caller]
fn check_positive(row: &Value, fields: &[&str]) {
    for field in fields {
        assert!(row[*field].as_f64().is_some_and(|figure| figure > 0.0), "{field} of {row}");
    }
}

fn contenders(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["contender"].as_str().expect("a name")).collect()
}

const MEASURED: [&str; 5] = ["p50_ns", "p99_ns", "ops_per_s", "line_p50_ns", "ratio_to_line"];

#[test]
fn each_row_has_each_field() {
    let rows = rows("roundtrip", &["--payload", "8,64"]);
    check_fields(&rows, "roundtrip", &[]);
    for row in &rows {
        check_positive(row, &["payload"]);
        check_positive(row, &MEASURED);
    }
    let names = contenders(&rows);
    let count = |name: &str| names.iter().filter(|found| **found == name).count();
    let all = ["line", "trapline", "trapline get", "trapline spin", "trapline park"];
    assert_eq!(all.map(count), [1, 2, 1, 2, 2]);
    assert_eq!(rows.len(), 8);
}

#[test]
fn oneway_is_told_beside_rtrb() {
    let rows = rows("oneway", &["--payload", "8,100,4096"]);
    check_fields(&rows, "oneway", &["ratio_to_rtrb"]);
    let all = ["trapline", "trapline batch", "rtrb", "trapline", "trapline batch", "trapline"];
    assert_eq!(contenders(&rows), all);
    rows.iter().for_each(|row| check_positive(row, &MEASURED));
    rows[..3].iter().for_each(|row| check_positive(row, &["ratio_to_rtrb"]));
    assert_eq!(rows[2]["ratio_to_rtrb"], 1.0);
    assert!(rows[3..].iter().all(|row| row["ratio_to_rtrb"].is_null()), "rtrb has no such size");
}

#[test]
fn cold_is_told_beside_the_bare_futex() {
    let rows = rows("cold", &[]);
    check_fields(&rows, "cold", &["ratio_to_bare", "parks_per_op"]);
    assert_eq!(contenders(&rows), ["trapline", "bare futex"]);
    rows.iter().for_each(|row| check_positive(row, &MEASURED));
    check_positive(&rows[0], &["payload", "ratio_to_bare", "parks_per_op"]);
    assert_eq!(rows[1]["ratio_to_bare"], 1.0);
    assert!(rows[1]["payload"].is_null() && rows[1]["parks_per_op"].is_null());
}

#[test]
fn idle_has_a_row_for_each_side() {
    let rows = rows("idle", &[]);
    let own = ["seconds", "cpu_ticks", "context_switches"];
    check_fields(&rows, "idle", &own);
    assert_eq!(contenders(&rows), ["trapline waits", "trapline open"]);
    for row in &rows {
        assert!(row["seconds"].as_f64().is_some_and(|seconds| seconds >= 2.0), "{row}");
        assert!(own.iter().all(|field| row[*field].is_number()), "{row}");
        assert!(MEASURED.iter().all(|field| row[*field].is_null()), "{row}");
    }
}

#[test]
fn the_table_has_its_columns_and_no_escape_codes() {
    let text = output(&["bench", "--case", "roundtrip", "--quick", "--payload", "1000"], b"");
    let head = text.lines().next().expect("a heading");
    for column in ["contender", "payload", "p50", "ratio", "syscalls/op", "cpu"] {
        assert!(head.contains(column), "{column}");
    }
    assert!(text.contains("1000 B") && !text.contains('\x1b'), "{text}");
}

#[test]
fn an_unknown_case_is_answered_with_those_there_are() {
    let output = run(&["bench", "--case", "nonsense"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("roundtrip"));
}
