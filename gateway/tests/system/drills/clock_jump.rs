//! Clock jump: the wall clock of the process goes forward by ten minutes at once, by libfaketime.

use std::path::{Path, PathBuf};

use super::Sign;
use crate::harness::{Browser, Launch, Prometheus, Visit, day, somebody};

pub(super) const DISTRUSTED: Sign = Sign {
    alert: "TalonClockNotTrusted",
    dashboard: "Ledger and journal",
    panel: "Clock trusted",
    tells: |trusted| trusted < 1.0,
};

/// The library: in the folder of this machine's kind, where there is one.
fn faketime() -> PathBuf {
    let kinds = std::fs::read_dir("/usr/lib").unwrap().map(|kind| kind.unwrap().path());
    let folders = ["/usr/lib", "/usr/lib64"].into_iter().map(PathBuf::from).chain(kinds);
    let mut libraries = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    libraries.find(|library| library.exists()).expect("faketime is installed")
}

/// Says how far the clock is from the true one, at one moment.
fn set(clock: &Path, offset: &str) {
    let new = clock.with_extension("new");
    std::fs::write(&new, format!("{offset}\n")).unwrap();
    std::fs::rename(new, clock).unwrap();
}

#[tokio::test]
async fn a_clock_that_jumps_is_seen_and_people_book_meanwhile() {
    let launch = Launch::new();
    let clock = launch.directory().join("clock");
    set(&clock, "+0");
    let gateway = launch
        .variable("LD_PRELOAD", faketime())
        .variable("FAKETIME_TIMESTAMP_FILE", &clock)
        .variable("FAKETIME_NO_CACHE", "1")
        .variable("DONT_FAKE_MONOTONIC", "1")
        .start();
    let prometheus = Prometheus::start(gateway.admin()).await;
    let visit = Visit::any(1, "exam", &day(2), &day(9));
    let book = async || visit.book(&mut somebody(&gateway), "k").await.expect(201);
    book().await;
    DISTRUSTED.is_quiet(&prometheus).await;
    set(&clock, "+10m");
    DISTRUSTED.is_seen(&prometheus).await;
    let ready = Browser::new(gateway.admin()).get("/readyz").await.expect(200).text();
    assert!(ready.lines().any(|line| line.starts_with("clock: impaired: ")), "{ready}");
    assert!(gateway.log().contains("the wall clock jumped"), "{}", gateway.log());
    book().await;
}
