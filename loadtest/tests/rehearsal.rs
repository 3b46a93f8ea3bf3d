//! A whole rehearsal: the real programs, a small release, and counts that agree with the journal.
//!
//! Owns the building of the programs, which cargo does for their own package's tests only. Must not
//! look at how fast anything was.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use talon_loadtest::gateway::{Gateway, Launch};
use talon_loadtest::report::Report;
use talon_loadtest::trace;

const SCENARIO: &str = r#"
name = "small"
seed = 7
[target]
authority = "mvs"
service = "practical-exam"
offices = [8041]
[gateway]
catalogue = "CONFIGS/demo/catalogue.toml"
policy = "CONFIGS/demo/policy.toml"
settings = ["journal.segment_bytes=8388608"]
restart_after_ms = 1000
[release]
after_s = 8
lead_s = 2
duration_s = 6
shape = { kind = "wave", half_within_ms = 500 }
[personas.honest]
count = 20
networks = { near = 1, mobile = 1 }
moves_percent = 50
for_entity_percent = 10
slow_lane_percent = 10
[personas.hammer]
count = 1
rate_per_second = 10
[personas.farm]
count = 1
addresses = 3
rate_per_second = 5
[personas.hand_over]
pairs = 1
after_ms = 2000
rate_per_second = 10
[personas.sybil]
count = 2
rate_per_second = 2
[thresholds]
min_places = 10
max_hand_overs = 0
# How fast this computer is does not matter here.
[generator]
max_lag_p99_ms = 60000
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder of the programs, built as `cargo xtask kill` builds them.
fn programs() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["build", "--package", "talon-gateway", "--package", "talon-ledger"])
        .args(["--package", "talon-loadtest", "--bins"])
        .status()
        .expect("cargo is here: it runs this test");
    assert!(built.success());
    Path::new(env!("CARGO_BIN_EXE_talon-loadtest"))
        .parent()
        .expect("a file is in a folder")
        .to_owned()
}

fn run(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().expect("it was just built")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_rehearsals_counts_agree_with_the_journal() {
    let programs = programs();
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("small.toml");
    let configs = root().join("configs/scenarios").canonicalize().unwrap();
    let written = SCENARIO.replace("CONFIGS", configs.to_str().unwrap());
    std::fs::write(&scenario, written).unwrap();
    let work_dir = folder.path().join("run");
    let loadtest = programs.join("talon-loadtest");
    let paths = [&scenario, &work_dir].map(|path| path.to_str().unwrap());
    let output = run(&loadtest, &["run", paths[0], "--work-dir", paths[1]]);
    let (said, failed) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}\n{failed}");

    let json = std::fs::read(work_dir.join("report.json")).unwrap();
    let report: Report = serde_json::from_slice(&json).unwrap();
    let journal = work_dir.join("data/journal");
    let records = |kind| {
        let inspect = ["inspect", "--kind", kind, journal.to_str().unwrap()];
        text(&run(&programs.join("talon-ledger"), &inspect).stdout).lines().count() as u64
    };
    let (booked, cancelled, moved) = (records("booked"), records("cancelled"), records("moved"));
    let all = booked + moved;
    assert_eq!((report.check.in_journal, report.check.confirmed), (all, all));
    assert_eq!(report.check.moves, moved);
    assert!(moved > 0, "{said}");
    let of = |group: &str| report.by_manner.iter().find(|row| row.group == group).unwrap().persons;
    assert_eq!([of("for a legal entity"), of("slow lane")], [2, 2]);
    assert_eq!(report.check.restarts, 1);
    assert_eq!((report.check.hand_overs, report.check.hand_overs_caught), (cancelled, 0));
    assert_eq!(report.totals.places, booked - cancelled);
    let places: u64 = report.personas.iter().map(|row| row.places).sum();
    assert_eq!(places, report.totals.places);
    assert!(report.refusals.iter().any(|row| row.rule == "unauthenticated"), "{said}");
    assert_eq!(report.check.violations, 0);
    let page = std::fs::read_to_string(work_dir.join("report.html")).unwrap();
    assert!(page.contains("hand-over") && !page.contains("<script"));

    let file = work_dir.join("report.json");
    let file = file.to_str().unwrap();
    let compared = text(&run(&loadtest, &["compare", file, file]).stdout);
    assert!(compared.contains("honest: share of places"), "{compared}");
}

/// `talon-ledger`, but the last booking of the journal is not among what it prints.
#[cfg(unix)]
fn forgetful(ledger: &Path, folder: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;

    let file = folder.join("forgetful-ledger");
    let ledger = ledger.display();
    let script = format!(
        "#!/bin/sh\nset -e\nprinted=$(\"{ledger}\" \"$@\")\nlast=$(printf '%s\\n' \"$printed\" | grep -n \
         '\"kind\":\"booked\"' | tail -n 1 | cut -d : -f 1)\nprintf '%s\\n' \"$printed\" | sed \"${{last:+${{last}}d}}\"\n"
    );
    std::fs::write(&file, script).expect("the folder is ours");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700))
        .expect("the file is ours");
    file
}

#[cfg(unix)]
#[test]
fn a_journal_that_lacks_a_confirmed_booking_fails_the_run() {
    let programs = programs();
    let folder = tempfile::tempdir().unwrap();
    let configs = root().join("configs/scenarios").canonicalize().unwrap();
    let (honest, _) = SCENARIO.split_once("[personas.hammer]").unwrap();
    let written = honest
        .replace("CONFIGS", configs.to_str().unwrap())
        .replace("after_s = 8", "after_s = 6")
        .replace("duration_s = 6", "duration_s = 3");
    let scenario = folder.path().join("lacking.toml");
    std::fs::write(&scenario, format!("{written}[generator]\nmax_lag_p99_ms = 60000\n")).unwrap();
    let forgetful = forgetful(&programs.join("talon-ledger"), folder.path());
    let work_dir = folder.path().join("run");
    let paths = [&scenario, &work_dir, &forgetful].map(|path| path.to_str().unwrap());
    let loadtest = programs.join("talon-loadtest");
    let output =
        run(&loadtest, &["run", paths[0], "--work-dir", paths[1], "--ledger", paths[2], "--plain"]);
    let (said, failed) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}\n{failed}");
    let lost = "1 promises or rules were broken, the first: person ";
    assert!(said.contains(lost) && said.contains("and the journal does not have it"), "{said}");
    assert!(said.contains("small: failed"), "{said}");
}

#[tokio::test]
async fn a_trace_is_played_against_a_demonstration() {
    let programs = programs();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let days = "/api/v1/authorities/mvs/offices/8041/services/practical-exam/days";
    let line = |second, asked: &str| {
        format!("192.0.2.1 - - [25/Nov/2026:06:00:0{second} +0200] \"{asked} HTTP/1.1\" 200 5\n")
    };
    let lines = [
        line(0, "GET /"),
        line(1, &format!("GET {days}")),
        line(2, "POST /api/v1/bookings"),
        line(3, "GET /api/v1/bookings"),
        line(4, "POST /api/v1/bookings/00ff/move"),
        line(5, "POST /api/v1/bookings/00ff/cancel"),
    ];
    std::fs::write(&log, lines.concat()).unwrap();
    let file = folder.path().join("trace.jsonl");
    trace::import(trace::Kind::Combined, &log, &file).unwrap();
    let entries = trace::open(&file).unwrap();

    let launch = Launch {
        talon: programs.join("talon"),
        work_dir: folder.path().to_owned(),
        config: None,
        redis: None,
        certificate: None,
        settings: Vec::new(),
        release_in: None,
    };
    let gateway = Gateway::start(&launch).await.unwrap();
    let options = trace::ReplayOptions { to: gateway.address().base().to_string(), speed: 10.0 };
    let replayed = trace::replay(&entries, &options).await.unwrap();
    assert_eq!((replayed.sent, replayed.without_place), (6, 0));
    let answers: Vec<(&str, &str, u64)> = replayed
        .latencies
        .iter()
        .map(|row| (row.action.name(), row.outcome.as_str(), row.count))
        .collect();
    let once = |action| (action, "done", 1);
    assert_eq!(answers, [("read", "done", 3), once("book"), once("move"), once("cancel")]);
}

#[test]
fn a_bad_scenario_ends_with_78_and_names_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("bad.toml");
    std::fs::write(&scenario, SCENARIO.replace("lead_s", "led_s")).unwrap();
    let loadtest = Path::new(env!("CARGO_BIN_EXE_talon-loadtest"));
    let output = run(loadtest, &["run", scenario.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(78));
    let said = text(&output.stderr);
    assert!(said.contains("bad.toml: release.led_s: unknown key"), "{said}");
    assert!(said.contains("did you mean `release.lead_s`?"), "{said}");
}
