//! Nanoseconds of the gateway's own parts of a booking, and of what each of them replaces.
//!
//! Owns the comparisons; nothing calls it but `cargo bench`. Groups, each compared within itself:
//!
//! - `token`: verifying a session token (HMAC-SHA-256 and postcard), which is done for every request, beside finding
//!   it in a cache, which would spare it;
//! - `json`: the body of a booking as the gateway reads it, with names of mistakes and bounds, beside the same
//!   document as a `serde_json::Value`, which is what reading without types costs;
//! - `proof`: issuing a challenge and checking a solution without its key, which run on the thread that does
//!   I/O, beside the derivation of the key, which therefore does not;
//! - `frames`: a booking to a ledger elsewhere as bytes and back, beside the same as JSON;
//! - `record`: the body of a booking's record, the only form in which it is kept;
//! - `pace`: the arithmetic of GCRA alone, beside the store in memory that keeps it under a lock;
//! - `day`: choosing a desk and claiming there, beside reading all free starts of the day. What a claim costs
//!   beside maps and an actor is the bench `claim`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use moka::sync::Cache;
use talon_bench::hot::{Inputs, PARTS};

const GROUPS: &[(&str, &[&str])] = &[
    ("token", &["token-verify"]),
    ("json", &["booking-json"]),
    ("proof", &["challenge-issue", "proof-check"]),
    ("frames", &["frame-encode", "frame-decode"]),
    ("record", &["record-encode"]),
    ("pace", &["gcra-decision", "admission", "quota-hint"]),
    ("day", &["claim", "starts-of-a-day"]),
];

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut inputs = Inputs::new();
    for (group, names) in GROUPS {
        let mut benches = criterion.benchmark_group(*group);
        for part in PARTS.iter().filter(|part| names.contains(&part.name)) {
            benches.bench_function(BenchmarkId::from_parameter(part.name), |bencher| {
                bencher.iter(|| (part.run)(&mut inputs));
            });
        }
        beside(group, &inputs, &mut benches);
        benches.finish();
    }
    criterion.final_summary();
}

/// What a group's parts are compared with.
fn beside(
    group: &str,
    inputs: &Inputs,
    benches: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
) {
    match group {
        "token" => {
            let remembered: Cache<Box<str>, Arc<()>> = Cache::new(200_000);
            remembered.insert(inputs.token().into(), Arc::default());
            benches.bench_function("remembered", |bencher| {
                bencher.iter(|| black_box(remembered.get(black_box(inputs.token()))));
            });
        }
        "json" => {
            benches.bench_function("untyped", |bencher| {
                bencher.iter(|| {
                    let read = serde_json::from_slice::<serde_json::Value>(inputs.json());
                    black_box(read.expect("it is good"))
                });
            });
        }
        "proof" => {
            let checked = inputs.checked_proof();
            benches.bench_function("derive-key", |bencher| {
                bencher.iter(|| black_box(checked.clone().derive().expect("it is a solution")));
            });
        }
        "frames" => {
            let text = serde_json::to_vec(inputs.command()).expect("plain data");
            benches.bench_function("json-encode", |bencher| {
                bencher
                    .iter(|| serde_json::to_vec(black_box(inputs.command())).expect("plain data"));
            });
            benches.bench_function("json-decode", |bencher| {
                bencher.iter(|| {
                    let read = serde_json::from_slice::<talon_wire::Command>(black_box(&text));
                    black_box(read.expect("it was written here"))
                });
            });
        }
        _ => {}
    }
}
