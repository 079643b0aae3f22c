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

fn rows(args: &[&str]) -> Vec<Value> {
    let common = ["bench", "--case", "roundtrip", "--quick", "--format", "json"];
    let text = output(&[&common, args].concat(), b"");
    text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
}

#[test]
fn each_row_has_each_field() {
    let rows = rows(&["--payload", "8,64"]);
    for row in &rows {
        let row = row.as_object().expect("an object");
        assert!(row.len() == FIELDS.len() && FIELDS.iter().all(|field| row.contains_key(*field)));
        assert_eq!(row["case"], "roundtrip");
        for field in ["payload", "p50_ns", "p99_ns", "ops_per_s", "line_p50_ns", "ratio_to_line"] {
            assert!(row[field].as_f64().is_some_and(|figure| figure > 0.0), "{field} of {row:?}");
        }
        for field in ["syscalls_per_op", "cpu"] {
            let figure = &row[field];
            assert!(figure.is_null() || figure.as_f64().is_some_and(|f| f >= 0.0), "{row:?}");
        }
    }
    let names = |name: &str| rows.iter().filter(|row| row["contender"] == name).count();
    assert_eq!(names("line"), 1);
    assert_eq!(names("trapline"), 2);
    assert_eq!(names("trapline get"), 1);
    assert_eq!(names("trapline spin"), 2);
    assert_eq!(names("trapline park"), 2);
    assert_eq!(rows.len(), 8);
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
