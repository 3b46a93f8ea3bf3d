//! Reloading by SIGHUP: other settings, policies, catalogues and keys without a restart, all of
//! them or none.

use std::fs;
use std::path::{Path, PathBuf};

use talon_ledger::journal::{Entry, RealDisk, read_journal};
use talon_ledger::record::{Fact, Record};

use crate::harness::{
    Ask, Browser, Gateway, Launch, Visit, day, eventually, fixture, log_in, now_s, somebody,
    token_with,
};
use crate::proof::proof;

const FILES: [&str; 5] = [
    "gateway.toml",
    "small.catalogue.toml",
    "small.policy.toml",
    "strict.catalogue.toml",
    "strict.policy.toml",
];

/// How to start a gateway whose files the test may change.
pub(crate) fn own_files() -> (Launch, PathBuf) {
    let launch = Launch::new();
    let directory = launch.directory().join("config");
    fs::create_dir(&directory).unwrap();
    for file in FILES {
        fs::copy(fixture(file), directory.join(file)).unwrap();
    }
    (launch.on(directory.join("gateway.toml")), directory)
}

fn start() -> (Gateway, PathBuf) {
    let (launch, directory) = own_files();
    (launch.start(), directory)
}

pub(crate) fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{} says no {from}", file.display());
    fs::write(file, text.replace(from, to)).unwrap();
}

async fn reloads(gateway: &Gateway, outcome: &str) -> u64 {
    let page = Browser::new(gateway.admin()).get("/metrics").await.expect(200).text();
    let name = format!("gateway_reloads_total{{outcome=\"{outcome}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
}

/// Sends the signal and waits until one more reload had this outcome.
async fn reload(gateway: &Gateway, outcome: &str) {
    let before = reloads(gateway, outcome).await;
    gateway.hang_up();
    eventually("a reload", async || (reloads(gateway, outcome).await > before).then_some(())).await;
}

/// Waits until the log, which comes through a pipe, says this.
pub(crate) async fn logs(gateway: &Gateway, text: &str) {
    eventually(text, async || gateway.log().contains(text).then_some(())).await;
}

/// How many policies the journal holds.
fn policies(journal: &Path) -> usize {
    let mut policies = 0;
    let visit = |entry: Entry<'_>| {
        if let Entry::Record { body, .. } = entry {
            let record = Record::decode(body).unwrap();
            policies += usize::from(matches!(record.fact, Fact::PolicySet(_)));
        }
        Ok::<(), std::convert::Infallible>(())
    };
    read_journal(&RealDisk::open(journal).unwrap(), visit, |_, _| {}).unwrap().unwrap();
    policies
}

#[tokio::test]
async fn a_good_reload_changes_limits_rates_and_lists_at_once() {
    let (gateway, directory) = start();
    let mut who = somebody(&gateway);
    Visit::any(1, "exam", &day(2), &day(9)).book(&mut who, "a").await.expect(201);
    Visit::any(1, "exchange", &day(2), &day(9)).book(&mut who, "b").await.expect(201);
    edit(&directory.join("small.policy.toml"), "max = 4", "max = 2");
    edit(&directory.join("small.catalogue.toml"), "Small authority", "Little authority");
    edit(&directory.join("gateway.toml"), "mode = \"demo\"", "mode = \"demo\"\ndata_dir = \"x\"");
    reload(&gateway, "done").await;
    let refusal = Visit::any(1, "permit", &day(2), &day(9)).book(&mut who, "c").await;
    assert_eq!(refusal.refused(429, "quota-exceeded")["limit"], 2);
    let authorities = who.get("/api/v1/authorities").await.json().to_string();
    assert!(authorities.contains("Little authority"), "{authorities}");
    let journal = gateway.launch().journal();
    let launch = gateway.stop();
    assert_eq!(policies(&journal), 3, "one of each authority, and the new one");
    // What is in force after a restart is the same, so nothing more is journalled.
    let _launch = launch.start().stop();
    assert_eq!(policies(&journal), 3);
}

#[tokio::test]
async fn a_bad_reload_says_why_and_changes_nothing() {
    let (gateway, directory) = start();
    let mut who = somebody(&gateway);
    let policy = directory.join("small.policy.toml");
    let catalogue = directory.join("strict.catalogue.toml");
    edit(&policy, "max = 4", "max = 1");
    let good = fs::read_to_string(&catalogue).unwrap();
    fs::write(&catalogue, "nonsense").unwrap();
    reload(&gateway, "refused").await;
    logs(&gateway, "strict.catalogue.toml").await;
    // The half that is good is not in force either.
    Visit::any(1, "exam", &day(2), &day(9)).book(&mut who, "a").await.expect(201);
    Visit::any(1, "exchange", &day(2), &day(9)).book(&mut who, "b").await.expect(201);
    fs::write(&catalogue, good).unwrap();
    let config = directory.join("gateway.toml");
    edit(&config, "mode = \"demo\"", "mode = \"demo\"\n[sesion]\nttl_minutes = 5");
    reload(&gateway, "refused").await;
    logs(&gateway, "did you mean `session`?").await;
    edit(&config, "[sesion]\nttl_minutes = 5", "");
    fs::remove_file(gateway.launch().data().join("keys/proof.key")).unwrap();
    reload(&gateway, "refused").await;
    logs(&gateway, "proof.key").await;
    assert_eq!(reloads(&gateway, "done").await, 0);
}

#[tokio::test]
async fn a_reload_that_would_displace_a_booking_is_refused_with_the_list() {
    let (gateway, directory) = start();
    let mut who = somebody(&gateway);
    Visit::any(2, "exchange", &day(2), &day(9)).book(&mut who, "a").await.expect(201);
    let config = directory.join("gateway.toml");
    let whole = fs::read_to_string(&config).unwrap();
    let small =
        "[[authority]]\ncatalogue = \"small.catalogue.toml\"\npolicy = \"small.policy.toml\"\n";
    edit(&config, small, "");
    reload(&gateway, "refused").await;
    logs(&gateway, "authority 1, office 2, service").await;
    who.get("/api/v1/authorities/small/services").await.expect(200);
    fs::write(&config, whole).unwrap();
    reload(&gateway, "done").await;
    who.get("/api/v1/bookings").await.expect(200);
}

#[tokio::test]
async fn a_session_key_is_changed_without_logging_anybody_out() {
    let (gateway, _directory) = start();
    let keys = gateway.launch().data().join("keys");
    let (current, previous) = (keys.join("session.key"), keys.join("session.previous.key"));
    let mut old = log_in(&gateway, 61).await;
    old.get("/api/v1/session").await.expect(200);
    // A login that is under way while the key changes.
    let mut leaving = Browser::new(gateway.public());
    let link = crate::harness::authorize_link(&mut leaving, "/").await;

    fs::rename(&current, &previous).unwrap();
    write_key(&current, &[b'n'; 64]);
    reload(&gateway, "done").await;
    old.get("/api/v1/session").await.expect(200);
    let back = crate::harness::at_hub(&gateway, &link, 62).await;
    leaving.get(&back).await.expect(303);
    leaving.get("/api/v1/session").await.expect(200);
    // Who logs in now has a session by the new key, which a program can make for itself to compare.
    let ours = token_with(&[b'n'; 64], 7, now_s() + 600);
    Browser::bearing(gateway.public(), ours).get("/api/v1/session").await.expect(200);
    let key_id =
        |browser: &Browser| browser.cookies["talon_session"].split('.').nth(1).unwrap().to_owned();
    let new = log_in(&gateway, 63).await;
    assert_ne!(key_id(&old), key_id(&new));

    fs::remove_file(&previous).unwrap();
    reload(&gateway, "done").await;
    old.get("/api/v1/session").await.refused(401, "unauthenticated");
    let mut new = new.twin();
    new.get("/api/v1/session").await.expect(200);
}

#[tokio::test]
async fn challenges_of_the_key_before_are_good_until_it_is_taken_away() {
    let (gateway, _directory) = start();
    let keys = gateway.launch().data().join("keys");
    let (current, previous) = (keys.join("proof.key"), keys.join("proof.previous.key"));
    let people = &mut [(); 3].map(|()| somebody(&gateway));
    let [before, after, late] = people;
    let visit = |proof: String| Visit::any(1, "driving", &day(2), &day(9)).with("altcha", proof);
    let (first, too_late) = (visit(proof(before).await), visit(proof(late).await));
    fs::rename(&current, &previous).unwrap();
    write_key(&current, &[b'n'; 64]);
    reload(&gateway, "done").await;
    first.book(before, "k").await.expect(201);
    visit(proof(after).await).book(after, "k").await.expect(201);
    fs::remove_file(&previous).unwrap();
    reload(&gateway, "done").await;
    too_late.book(late, "k").await.refused(403, "pow-forged");
    visit(proof(late).await).book(late, "k").await.expect(201);
}

fn write_key(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn settings_that_need_a_restart_are_named() {
    let (gateway, directory) = start();
    let config = directory.join("gateway.toml");
    edit(&config, "mode = \"demo\"", "mode = \"demo\"\n[server]\nthreads = 3");
    reload(&gateway, "done").await;
    let said = |line: &str| line.contains("at the next start") && line.contains("server.threads");
    eventually("the name", async || gateway.log().lines().any(said).then_some(())).await;
}

#[tokio::test]
async fn the_pace_that_is_told_follows_a_reload() {
    let (gateway, directory) = start();
    let mut who = somebody(&gateway);
    let config = directory.join("gateway.toml");
    let told = who.get("/api/v1/bookings").await.expect(200);
    assert_eq!(told.header("ratelimit-policy"), "\"read\";q=60;w=6");
    edit(&config, "mode = \"demo\"", "mode = \"demo\"\n[admission]\nread_interval_ms = 1000");
    reload(&gateway, "done").await;
    let told = who.send(Ask::get("/api/v1/bookings")).await.expect(200);
    assert_eq!(told.header("ratelimit-policy"), "\"read\";q=60;w=60");
}
