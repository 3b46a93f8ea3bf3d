//! Logging in through a real provider of OpenID Connect: npm's `oidc-provider`, with its own pages.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::channel;

use http::Method;
use talon_gateway::identity::keys::Keys;
use talon_standins::{entity, person};
use tokio::sync::Mutex;

use crate::harness::{
    Ask, Browser, Gateway, Launch, PATIENCE, Reply, Visit, authorize_link, day, eventually,
    free_port,
};
use crate::npm;
use crate::refusals::assert_problem;

/// Most redirects on one login's way.
const MAX_REDIRECTS: usize = 10;

/// The provider's process; dropping it ends it.
struct Idp {
    address: SocketAddr,
    child: Child,
}

impl Idp {
    /// Starts a provider that knows the gateway.
    fn start(port: u16, gateway: &Gateway, claims_in: &str) -> Self {
        let secret = gateway.launch().data().join("keys/hub-client.secret");
        let secret = std::fs::read_to_string(secret).unwrap();
        let redirect = format!("http://{}/login/callback", gateway.public());
        let mut child = Command::new("node")
            .arg(installed().join("provider.mjs"))
            .args([port.to_string(), redirect, secret.trim().to_owned(), claims_in.to_owned()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("node cannot be run: {error}"));
        let said = BufReader::new(child.stdout.take().unwrap());
        let (ready, is_ready) = channel();
        // Reads to the end, so that the process never writes into a closed pipe.
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                let _ = ready.send(line);
            }
        });
        let line = is_ready.recv_timeout(PATIENCE).unwrap();
        assert_eq!(line.trim(), "ready", "the provider does not start");
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), child }
    }

    async fn fault(&self, kind: &str) {
        Browser::new(self.address).get(&format!("/fault/{kind}")).await.expect(204);
    }
}

impl Drop for Idp {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _already_waited = self.child.wait();
    }
}

/// The folder with the provider and its packages, as the lock file has them.
fn installed() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/oidc");
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("oidc-provider");
        let installed = npm::install_copy(&source, &["provider.mjs"], &folder, |npm| {
            let output = npm.output()?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.success() { Ok(()) } else { Err(std::io::Error::other(said)) }
        });
        installed.unwrap_or_else(|error| panic!("npm in {}: {error}", folder.display()));
        folder
    });
    &FOLDER
}

/// A gateway that identifies people at a provider of its own.
fn start(claims_in: &str) -> (Gateway, Idp) {
    let port = free_port();
    let launch = Launch::new()
        .set("hub.kind=openid-connect")
        .set(&format!("hub.issuer=http://127.0.0.1:{port}"))
        .set(&format!("hub.origin=http://127.0.0.1:{port}"))
        .set("hub.scopes=person");
    let keys = launch.data().join("keys");
    assert!(Keys::load(&keys, true).is_ok());
    let gateway = launch.start();
    let idp = Idp::start(port, &gateway, claims_in);
    (gateway, idp)
}

/// Follows redirects at the provider until they lead away from it, or to a page.
async fn follow(browser: &mut Browser, idp: &Idp, mut reply: Reply) -> Reply {
    let home = format!("http://{}", idp.address);
    for _ in 0..MAX_REDIRECTS {
        let location = reply.header("location").to_owned();
        let path = location.strip_prefix(&home).unwrap_or(&location);
        if reply.status / 100 != 3 || !path.starts_with('/') {
            return reply;
        }
        reply = browser.get(path).await;
    }
    panic!("more than {MAX_REDIRECTS} redirects");
}

/// Where the provider's page sends its form to.
fn form_target(page: &Reply) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("action=\"").unwrap_or_else(|| panic!("no form in {text}"));
    let target = rest.split('"').next().unwrap();
    target.split_once("/interaction").map(|(_, rest)| format!("/interaction{rest}")).unwrap()
}

async fn submit(browser: &mut Browser, idp: &Idp, page: &Reply, form: &[(&str, &str)]) -> Reply {
    let body = serde_urlencoded::to_string(form).unwrap();
    let kind = "application/x-www-form-urlencoded";
    let ask = Ask::new(Method::POST, form_target(page)).bytes(kind, body);
    let reply = browser.send(ask).await;
    follow(browser, idp, reply).await
}

/// The login page of the provider, by the gateway's link.
async fn login_page(browser: &mut Browser, idp: &Idp, link: &str) -> Reply {
    let target = link.strip_prefix(&format!("http://{}", idp.address)).unwrap();
    let reply = browser.get(target).await;
    follow(browser, idp, reply).await.expect(200)
}

/// Logs in at the provider; the gateway's callback that it leads to.
async fn at_provider(gateway: &Gateway, idp: &Idp, link: &str, account: &str) -> String {
    let mut browser = Browser::new(idp.address);
    let page = login_page(&mut browser, idp, link).await;
    let login = [("prompt", "login"), ("login", account), ("password", "any")];
    let page = submit(&mut browser, idp, &page, &login).await.expect(200);
    let back = submit(&mut browser, idp, &page, &[("prompt", "consent")]).await.expect(303);
    callback(gateway, &back)
}

fn callback(gateway: &Gateway, back: &Reply) -> String {
    let home = format!("http://{}", gateway.public());
    back.header("location").strip_prefix(&home).unwrap().to_owned()
}

/// The claims of a synthetic person, as an account's name.
fn account(number: u32, entity_number: Option<u32>) -> String {
    let known = person(number);
    let mut claims = vec![("rnokpp", known.rnokpp), ("unzr", known.unzr)];
    claims.extend(entity_number.map(|index| ("edrpou", entity(index).edrpou)));
    serde_urlencoded::to_string(claims).unwrap()
}

async fn log_in(gateway: &Gateway, idp: &Idp, account: &str) -> (Browser, Reply) {
    let mut browser = Browser::new(gateway.public());
    let link = authorize_link(&mut browser, "/tickets").await;
    let back = at_provider(gateway, idp, &link, account).await;
    let reply = browser.get(&back).await;
    (browser, reply)
}

async fn is_somebody(gateway: &Gateway, idp: &Idp, account: &str) -> Browser {
    let (browser, reply) = log_in(gateway, idp, account).await;
    assert_eq!((reply.status, reply.header("location")), (303, "/tickets"), "{}", reply.text());
    assert!(browser.cookies.contains_key("talon_session"));
    browser
}

/// Two providers would be one too many for a busy machine; faults are the whole provider's.
static SHARED: LazyLock<Mutex<(Gateway, Idp)>> = LazyLock::new(|| Mutex::new(start("id-token")));

#[tokio::test]
async fn people_log_in_book_and_are_themselves_again() {
    let (gateway, idp) = &*SHARED.lock().await;
    let visit = Visit::any(1, "exam", &day(2), &day(5));
    let mut citizen = is_somebody(gateway, idp, &account(1, Some(5))).await;
    let booked = visit.book(&mut citizen, "k").await.expect(201);
    visit.clone().with("for", "entity").book(&mut citizen, "e").await.expect(201);
    let mut again = is_somebody(gateway, idp, &account(1, None)).await;
    again.get(booked.header("location")).await.expect(200);
    visit.book(&mut again, "other").await.refused(409, "already-booked");
    visit.clone().with("for", "entity").book(&mut again, "e").await.refused(403, "no-entity");
    let mut other = is_somebody(gateway, idp, &account(2, None)).await;
    other.get(booked.header("location")).await.refused(404, "not-found");
    let log = gateway.log();
    let known = person(1);
    for secret in [&known.rnokpp, &known.unzr, &entity(5).edrpou] {
        assert!(!log.contains(secret.as_str()), "{secret} is in the log:\n{log}");
    }
}

#[tokio::test]
async fn claims_may_be_at_the_user_info_endpoint() {
    let (gateway, idp) = start("user-info");
    let mut citizen = is_somebody(&gateway, &idp, &account(3, Some(6))).await;
    assert_eq!(citizen.get("/api/v1/session").await.expect(200).json()["entity"], true);
    let visit = Visit::any(1, "exam", &day(2), &day(5));
    visit.book(&mut citizen, "k").await.expect(201);
}

#[tokio::test]
async fn a_token_with_anything_wrong_identifies_nobody() {
    let (gateway, idp) = &*SHARED.lock().await;
    for (kind, why) in [
        ("nonce", "it is for another login"),
        ("no-nonce", "it is for another login"),
        ("audience", "it is for another client"),
        ("audiences", "it is for another client"),
        ("issuer", "it is another provider's"),
        ("expired", "its time is over"),
        ("at-hash", "it belongs to another access token"),
        ("unknown-key", "its key is not the provider's"),
        ("key-of-the-same-name", "its signature is wrong"),
        ("tampered", "its signature is wrong"),
        ("signature", "its signature is wrong"),
        ("unsigned", "its signature is wrong"),
        ("client-secret", "its signature is wrong"),
        ("missing", "the answer to the token request is not"),
    ] {
        idp.fault(kind).await;
        let logged = gateway.log().len();
        let (browser, reply) = log_in(gateway, idp, &account(4, None)).await;
        idp.fault("none").await;
        assert_eq!((reply.status, reply.slug().as_str()), (502, "login-failed"), "{kind}");
        assert!(!browser.cookies.contains_key("talon_session"), "{kind}: nobody was identified");
        eventually(&format!("{kind}: {why}"), async || {
            gateway.log()[logged..].contains(why).then_some(())
        })
        .await;
    }
    is_somebody(gateway, idp, &account(4, None)).await;
}

#[tokio::test]
async fn a_code_is_of_the_browser_that_began_and_works_once() {
    let (gateway, idp) = &*SHARED.lock().await;
    let mut victim = Browser::new(gateway.public());
    let link = authorize_link(&mut victim, "/").await;
    let back = at_provider(gateway, idp, &link, &account(5, None)).await;
    let mut thief = Browser::new(gateway.public());
    authorize_link(&mut thief, "/").await;
    assert_problem(&thief.get(&back).await, 400, "login-invalid");
    // With a state of the thief's own the code still is another browser's: the verifier differs.
    let own = authorize_link(&mut thief, "/").await;
    let state = |address: &str| {
        let (_, rest) = address.split_once("state=").unwrap();
        rest.split('&').next().unwrap().to_owned()
    };
    let stolen = back.replace(&state(&back), &state(&own));
    assert_problem(&thief.get(&stolen).await, 502, "login-failed");
    assert!(!thief.cookies.contains_key("talon_session"));
}

#[tokio::test]
async fn whoever_refuses_at_the_provider_is_denied() {
    let (gateway, idp) = &*SHARED.lock().await;
    let mut browser = Browser::new(gateway.public());
    let link = authorize_link(&mut browser, "/").await;
    let mut there = Browser::new(idp.address);
    let page = login_page(&mut there, idp, &link).await;
    let reply = there.get(&format!("{}/abort", form_target(&page))).await;
    let back = follow(&mut there, idp, reply).await.expect(303);
    let reply = browser.get(&callback(gateway, &back)).await;
    assert_problem(&reply, 403, "login-denied");
    assert!(!browser.cookies.contains_key("talon_session"));
}

#[tokio::test]
async fn somebody_without_an_identifier_is_nobody() {
    let (gateway, idp) = &*SHARED.lock().await;
    for account in ["nickname=x", "rnokpp=12345", "edrpou=43395033"] {
        let (browser, reply) = log_in(gateway, idp, account).await;
        assert_problem(&reply, 502, "login-failed");
        assert!(!browser.cookies.contains_key("talon_session"), "{account}");
    }
}

#[tokio::test]
async fn a_provider_may_change_its_keys() {
    let (gateway, idp) = start("id-token");
    is_somebody(&gateway, &idp, &account(7, None)).await;
    let port = idp.address.port();
    drop(idp);
    let idp = Idp::start(port, &gateway, "id-token");
    // Long before what the provider said of itself is old.
    eventually("the new keys are believed", async || {
        let (_, reply) = log_in(&gateway, &idp, &account(7, None)).await;
        (reply.status == 303).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_a_failed_login_until_it_comes() {
    let port = free_port();
    let issuer = format!("http://127.0.0.1:{port}");
    let gateway = Launch::new()
        .set("hub.kind=openid-connect")
        .set(&format!("hub.issuer={issuer}"))
        .set(&format!("hub.origin={issuer}"))
        .set("hub.scopes=person")
        .start();
    let mut browser = Browser::new(gateway.public());
    assert_problem(&browser.get("/login").await, 502, "login-failed");
    let idp = Idp::start(port, &gateway, "id-token");
    is_somebody(&gateway, &idp, &account(6, None)).await;
}
