//! How many instructions the hot functions take, held against a baseline: a gate, because unlike time the count
//! is nearly the same on every run and under every load.
//!
//! Owns the baseline `instructions.json` and the tolerances. Compares each function of `talon_bench::hot` with
//! itself as it was when the baseline was written, by valgrind's callgrind. Called by
//! `cargo xtask instructions`, with `--check` or `--update`; without either this is a test that each function
//! still runs. Counts depend on the compiler and the profile, so the baseline is that of the toolchain that
//! the workspace names and of the development profile with optimised members.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use talon_bench::hot::{Inputs, PARTS, Part};

/// How often each function runs before it counts, and while it does.
const WARM_UP: usize = 20;
const COUNTED: usize = 100;
/// More than this above the baseline is a mistake, or is worth saying so.
const MOST_UP_PERCENT: f64 = 5.0;
/// More than this below it makes the baseline worthless.
const MOST_DOWN_PERCENT: f64 = 10.0;
/// Below this many instructions, a few more or less are many percent.
const SLACK: f64 = 20.0;
/// What runs under valgrind.
const INSIDE: &str = "--inside";
/// By which calls of a function count.
const CALLER: &str = "::count_calls";

type Counts = BTreeMap<String, f64>;

/// The calls whose instructions are counted; a function of its own, so that callgrind can tell them apart.
#[inline(never)]
fn count_calls(part: &Part, inputs: &mut Inputs) {
    for _ in 0..COUNTED {
        (part.run)(inputs);
    }
}

fn run_parts() {
    let mut inputs = Inputs::new();
    for part in PARTS {
        for _ in 0..WARM_UP {
            (part.run)(&mut inputs);
        }
        count_calls(part, &mut inputs);
    }
}

fn baseline_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
}

/// Instructions of one call of each function.
fn count() -> Counts {
    let folder = tempfile::tempdir().expect("a folder for what valgrind writes");
    let out = folder.path().join("callgrind");
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--compress-strings=no", "--compress-pos=no"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().expect("this program has a path"))
        .arg(INSIDE)
        .status()
        .expect("valgrind is installed");
    assert!(status.success(), "valgrind ended with {status}");
    let text = std::fs::read_to_string(&out).expect("valgrind wrote what it counted");
    let counts = parse(&text);
    assert_eq!(counts.len(), PARTS.len(), "not all calls were found: {counts:?}");
    counts
}

/// Of each function the instructions of the calls that count, callees included.
fn parse(text: &str) -> Counts {
    let (mut counts, mut caller, mut callee, mut is_call) = (Counts::new(), "", "", false);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            caller = name;
        } else if let Some(name) = line.strip_prefix("cfn=") {
            callee = name;
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if std::mem::take(&mut is_call) && caller.contains(CALLER) {
            let instructions: f64 =
                line.split(' ').next_back().and_then(|n| n.parse().ok()).expect("a number");
            if let Some(part) = PARTS.iter().find(|part| is_of(part, callee)) {
                *counts.entry(part.name.to_owned()).or_default() += instructions / COUNTED as f64;
            }
        }
    }
    counts
}

/// Whether a function as callgrind names it is a part's: `talon_bench::hot::token_verify`, perhaps with a hash.
fn is_of(part: &Part, function: &str) -> bool {
    let name = part.name.replace('-', "_");
    function
        .split_once("::hot::")
        .is_some_and(|(_, rest)| rest.split("::").next().is_some_and(|function| function == name))
}

/// What is wrong with a count, if anything.
fn judge(name: &str, baseline: f64, now: f64) -> Option<String> {
    let percent = (now / baseline - 1.0) * 100.0;
    if (now - baseline).abs() <= SLACK {
        None
    } else if percent > MOST_UP_PERCENT {
        Some(format!("{name} takes {percent:.1} % more instructions than its baseline"))
    } else if percent < -MOST_DOWN_PERCENT {
        Some(format!(
            "{name} takes {:.1} % fewer instructions than its baseline; update it: \
             `cargo xtask instructions --update`",
            -percent
        ))
    } else {
        None
    }
}

fn check() -> ExitCode {
    let text = std::fs::read_to_string(baseline_file()).expect("there is a baseline");
    let baseline: Counts = serde_json::from_str(&text).expect("names and numbers");
    let mut complaints = Vec::new();
    println!("{:<16} {:>10} {:>10} {:>8}", "function", "baseline", "now", "change");
    for (name, now) in count() {
        let Some(before) = baseline.get(&name).copied() else {
            complaints.push(format!("{name} has no baseline: `cargo xtask instructions --update`"));
            continue;
        };
        println!("{name:<16} {before:>10.0} {now:>10.0} {:>+7.1}%", (now / before - 1.0) * 100.0);
        complaints.extend(judge(&name, before, now));
    }
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn update() -> ExitCode {
    let counts: Counts = count().into_iter().map(|(name, count)| (name, count.round())).collect();
    let text = serde_json::to_string_pretty(&counts).expect("names and numbers") + "\n";
    std::fs::write(baseline_file(), &text).expect("the baseline can be written");
    print!("{text}");
    ExitCode::SUCCESS
}

/// That the judgement judges; here, because a bench has no tests of its own.
fn check_the_judgement() {
    assert_eq!(judge("a", 1000.0, 1050.0), None);
    assert!(judge("a", 1000.0, 1051.0).is_some_and(|said| said.contains("5.1 % more")));
    assert!(judge("a", 1000.0, 890.0).is_some_and(|said| said.contains("11.0 % fewer")));
    assert_eq!(judge("a", 30.0, 45.0), None, "too few to be told in percent");
    let text = "fn=x::run_parts\ncfn=talon_bench::hot::claim\ncalls=20 0\n0 900\n\
                fn=x::count_calls\n0 5\ncfn=talon_bench::hot::claim\ncalls=100 0\n0 12300\n";
    assert_eq!(parse(text), Counts::from([("claim".to_owned(), 123.0)]));
}

fn main() -> ExitCode {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    if has("--check") {
        check()
    } else if has("--update") {
        update()
    } else {
        run_parts();
        if !has(INSIDE) {
            check_the_judgement();
        }
        ExitCode::SUCCESS
    }
}
