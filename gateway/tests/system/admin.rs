//! The admin listener: who bears its token sees everything, others whether the process is alive and ready.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::harness::{Ask, Browser, Gateway, Launch, LedgerServer, eventually, run};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn write_token(file: &Path, mode: u32) {
    write(file, TOKEN, mode);
}

fn write(file: &Path, token: &str, mode: u32) {
    fs::write(file, format!("{token}\n")).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

/// A launch whose admin listener asks for the token.
fn with_token(launch: Launch, mode: u32) -> Launch {
    let file = launch.directory().join("admin.token");
    write_token(&file, mode);
    launch.set(&format!("admin.token_file={}", file.display()))
}

/// What whoever bears nothing, a wrong token and the token is told.
async fn ask_all(at: SocketAddr) {
    let (mut stranger, mut liar) =
        (Browser::new(at), Browser::bearing(at, TOKEN.replace('0', "1")));
    for asker in [&mut stranger, &mut liar] {
        let refused = asker.get("/metrics").await.expect(401);
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        assert!(!refused.text().contains("ledger_"), "{}", refused.text());
        assert_eq!(asker.get("/livez").await.expect(200).text(), "ok\n");
        assert_eq!(asker.get("/readyz").await.expect(200).text(), "ready\n");
    }
    let mut friend = Browser::bearing(at, TOKEN);
    assert!(friend.get("/metrics").await.expect(200).text().contains("\nledger_places"));
    assert!(friend.get("/readyz").await.expect(200).text().starts_with("serving: ok\n"));
    let again = Ask::get("/metrics").header("authorization", &format!("bearer {TOKEN}"));
    stranger.send(again).await.expect(200);
}

fn healthcheck(gateway: &Gateway, more: &[&str]) -> (i32, String) {
    let listen = format!("admin.listen={}", gateway.admin());
    run(&[&["healthcheck", "--set", &listen], more].concat(), &[])
}

#[tokio::test]
async fn with_a_token_strangers_see_no_metric_and_no_check() {
    let gateway = with_token(Launch::new(), 0o600).start();
    ask_all(gateway.admin()).await;
    let (code, said) = healthcheck(&gateway, &[]);
    assert_eq!((code, said.as_str()), (0, "ready\n"), "a probe bears nothing");
    let file = gateway.launch().directory().join("admin.token");
    let file = format!("admin.token_file={}", file.display());
    let (code, said) = healthcheck(&gateway, &["--set", &file]);
    assert!(code == 0 && said.starts_with("serving: ok\n"), "{said}");
}

#[tokio::test]
async fn a_ledger_of_its_own_asks_for_its_token_as_well() {
    let mut ledger = LedgerServer::new();
    write_token(&ledger.file("admin.token"), 0o600);
    ledger.append("[admin]\ntoken_file = \"admin.token\"\n");
    ledger.start();
    ask_all(ledger.admin()).await;
}

/// Whoever bears the old token is served until the new one is asked for, and never again.
async fn becomes(at: SocketAddr, new: &str) {
    eventually("the new token", async || {
        let answer = Browser::bearing(at, new.to_owned()).get("/metrics").await;
        (answer.status == 200).then_some(())
    })
    .await;
    Browser::bearing(at, TOKEN.to_owned()).get("/metrics").await.expect(401);
}

#[tokio::test]
async fn a_reload_reads_the_token_again_and_refuses_one_that_others_may_read() {
    let gateway = with_token(Launch::new(), 0o600).start();
    let file = gateway.launch().directory().join("admin.token");
    let mut ledger = LedgerServer::new();
    write_token(&ledger.file("admin.token"), 0o600);
    ledger.append("[admin]\ntoken_file = \"admin.token\"\n");
    ledger.start();
    let new = TOKEN.replace('0', "f");
    write(&file, &new, 0o604);
    gateway.hang_up();
    crate::reload::logs(&gateway, "a reload is refused").await;
    Browser::bearing(gateway.admin(), TOKEN.to_owned()).get("/metrics").await.expect(200);
    write(&file, &new, 0o600);
    gateway.hang_up();
    becomes(gateway.admin(), &new).await;
    write(&ledger.file("admin.token"), &new, 0o600);
    ledger.hang_up();
    becomes(ledger.admin(), &new).await;
}

#[test]
fn a_token_that_others_may_read_starts_neither() {
    let (code, said) = with_token(Launch::new(), 0o604).run_to_the_end();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("admin.token_file: ") && said.contains("chmod 600"), "{said}");
    let ledger = LedgerServer::new();
    write_token(&ledger.file("admin.token"), 0o604);
    ledger.append("[admin]\ntoken_file = \"admin.token\"\n");
    let (code, said) = ledger.run_to_the_end();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("admin.token_file: ") && said.contains("chmod 600"), "{said}");
}

#[test]
fn a_listener_for_the_network_needs_the_token_in_production() {
    let open = || Launch::production().set("admin.listen=0.0.0.0:9090");
    let (code, said) = open().run_to_the_end();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("admin.listen: must be a loopback address, or"), "{said}");
    let (code, said) = with_token(open(), 0o600).check();
    assert_eq!(code, Some(0), "{said}");
}
