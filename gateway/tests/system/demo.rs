//! A demonstration cannot be mistaken for the real thing.

use std::os::unix::fs::PermissionsExt;

use crate::harness::{Ask, Browser, Launch, Visit, day, log_in, run, shared, somebody};
use crate::refusals::assert_problem;

#[tokio::test]
async fn a_demo_answers_this_computer_only() {
    let gateway = shared();
    let public = &mut Browser::new(gateway.public());
    let hub = &mut Browser::new(gateway.hub());
    for (name, value) in [
        ("host", "booking.example"),
        ("host", "10.0.0.1:8080"),
        ("host", "localhost.evil.example"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=10.0.0.1"),
        ("via", "1.1 proxy"),
    ] {
        for path in ["/api/v1/authorities", "/login", "/"] {
            let reply = public.send(Ask::get(path).header(name, value)).await;
            assert_problem(&reply, 403, "forbidden-in-demo");
        }
        let book = Visit::any(1, "exam", &day(2), &day(5)).ask("k").header(name, value);
        let reply = somebody(gateway).send(book).await;
        assert_problem(&reply, 403, "forbidden-in-demo");
        for path in ["/", "/get-user-info", "/stand-in/faults"] {
            hub.send(Ask::get(path).header(name, value)).await.expect(403);
        }
    }
    let port = gateway.public().port();
    for host in [format!("localhost:{port}"), format!("talon.localhost:{port}")] {
        public.send(Ask::get("/api/v1/authorities").header("host", &host)).await.expect(200);
    }
}

#[test]
fn a_demo_does_not_listen_to_the_world() {
    for address in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080"] {
        let (code, said) = run(&["--listen", address], &[]);
        assert_eq!(code, 78, "{said}");
        assert!(
            said.contains("--listen: server.listen: a demo listens on loopback only"),
            "{said}"
        );
    }
    let (code, said) = run(&["--set", "hub.origin=http://192.0.2.1:1"], &[]);
    assert_eq!(code, 78, "{said}");
    let (code, said) = run(&["--set", "admin.listen=0.0.0.0:1"], &[]);
    assert_eq!(code, 78, "{said}");
    assert!(said.contains("admin.listen: must be a loopback address"), "{said}");
}

#[tokio::test]
async fn a_second_process_on_a_port_is_refused_and_takes_nobody() {
    let first = Launch::new().start();
    let address = first.public();
    let second = Launch::new().set(&format!("server.listen={address}"));
    let (code, said) = second.run_to_the_end();
    assert_eq!(code, Some(71), "{said}");
    assert!(said.contains(&format!("server.listen {address}: Address already in use")), "{said}");
    assert!(!second.journal().exists(), "it went no further");
    let second = Launch::new().set(&format!("admin.listen={}", first.admin()));
    assert_eq!(second.run_to_the_end().0, Some(71));
    for _ in 0..8 {
        Browser::new(address).get("/api/v1/authorities").await.expect(200);
    }
}

#[test]
fn demo_and_production_do_not_open_each_others_journals() {
    let demo = Launch::new().start().stop();
    let data = demo.data();
    let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    let config = |mode: &str, file: &str| {
        let small = |part: &str| text(crate::harness::fixture(&format!("small.{part}.toml")));
        let keys = text(data.join("keys"));
        let contents = format!(
            "mode = \"{mode}\"\n[server]\norigin = \"https://booking.example\"\n\
             listen = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
             [hub]\norigin = \"http://127.0.0.1:0\"\n\
             browser_origin = \"https://id.example\"\n[keys]\ndirectory = \"{keys}\"\n\
             [journal]\nsegment_bytes = 8388608\n\
             [[authority]]\ncatalogue = \"{}\"\npolicy = \"{}\"\n",
            small("catalogue"),
            small("policy")
        );
        let path = demo.directory().join(file);
        std::fs::write(&path, contents).unwrap();
        text(path)
    };
    let production = config("production", "production.toml");
    let (code, said) = run(&["--config", &production, "--data-dir", &text(data.clone())], &[]);
    assert_eq!(code, 65, "{said}");
    assert!(said.contains("demo") && said.contains("production"), "{said}");

    let real = demo.directory().join("real");
    production_journal(&real.join("journal"));
    let real = text(real);
    let as_demo = config("demo", "demo.toml");
    let (code, said) = run(&["--config", &as_demo, "--data-dir", &real], &[]);
    assert_eq!(code, 65, "{said}");
    assert!(said.contains("demo") && said.contains("production"), "{said}");
}

/// A journal as a production gateway makes it.
fn production_journal(directory: &std::path::Path) {
    use talon_ledger::core::{Core, Setup};
    use talon_ledger::journal::{JournalKind, Options, OsEntropy, RealDisk};
    let setup = Setup {
        disk: std::sync::Arc::new(RealDisk::create(directory).unwrap()),
        journal: Options { segment_bytes: 8 << 20, ..Options::new(JournalKind::Production) },
        authorities: Vec::new(),
        clock: Box::new(talon_ledger::clock::SystemClock::default()),
        entropy: Box::new(OsEntropy::default()),
        journal_entropy: Box::new(OsEntropy::default()),
        release_in_micros: None,
    };
    Core::open(setup).map(drop).unwrap();
}

#[test]
fn demo_keys_are_their_owners_alone_and_outside_the_journal() {
    let launch = Launch::new().start().stop();
    let keys = launch.data().join("keys");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&keys), 0o700);
    let names = |directory: &std::path::Path| -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let known = ["hub-client.secret", "pepper.key", "proof.key", "session.key"];
    assert_eq!(names(&keys), known);
    let read = || known.map(|name| std::fs::read(keys.join(name)).unwrap());
    let before = read();
    for name in known {
        assert_eq!(mode(&keys.join(name)), 0o600, "{name}");
        assert!(!names(&launch.journal()).iter().any(|file| file == name), "{name}");
    }
    assert_eq!(mode(&launch.journal()), 0o700);
    for file in names(&launch.journal()) {
        assert_eq!(mode(&launch.journal().join(&file)), 0o600, "{file}");
    }
    // Made once.
    let launch = launch.start().stop();
    assert_eq!(read(), before);

    std::fs::set_permissions(keys.join("pepper.key"), PermissionsExt::from_mode(0o640)).unwrap();
    let data = launch.data();
    let (code, said) = run(&["--data-dir", data.to_str().unwrap()], &[]);
    assert_eq!(code, 78, "{said}");
    assert!(said.contains("pepper.key") && said.contains("chmod 600"), "{said}");
}

#[test]
fn one_process_per_journal() {
    let gateway = Launch::new().start();
    let data = gateway.launch().data();
    let (code, said) = run(&["--data-dir", data.to_str().unwrap()], &[]);
    assert_ne!(code, 0);
    assert!(said.contains(data.join("journal").to_str().unwrap()), "{said}");
    assert!(said.contains("another process"), "{said}");
}

#[tokio::test]
async fn a_session_for_a_rehearsal_is_that_of_whoever_logs_in() {
    let gateway = shared();
    let mut anybody = Browser::new(gateway.public());
    let made = anybody.post("/stand-in/sessions?first=70001&count=2").await.expect(200).json();
    let tokens = made["sessions"].as_array().unwrap();
    assert_eq!(tokens.len(), 2);
    let mut rehearsing = Browser::bearing(gateway.public(), tokens[0].as_str().unwrap());
    let book = Visit::any(1, "exam", &day(2), &day(5)).ask("rehearsed");
    let booked = rehearsing.send(book).await.expect(201).json();

    let mut browser = log_in(gateway, 70_001).await;
    let bookings = browser.get("/api/v1/bookings").await.expect(200).json();
    assert_eq!(bookings["bookings"][0]["id"], booked["id"]);
    let acting = "/stand-in/sessions?first=70003&count=1&entity=9000";
    let made = anybody.post(acting).await.expect(200).json();
    let token = made["sessions"][0].as_str().unwrap();
    let mut acting = Browser::bearing(gateway.public(), token);
    assert_eq!(acting.get("/api/v1/session").await.expect(200).json()["entity"], true);
    for wrong in [
        "first=1&count=1&entity=10000",
        "first=1",
        "first=1&count=0",
        "first=1&count=501",
        "first=99999&count=2",
    ] {
        let reply = anybody.post(&format!("/stand-in/sessions?{wrong}")).await;
        assert_problem(&reply, 400, "bad-request");
    }
}

#[tokio::test]
async fn nobody_gets_a_session_for_a_rehearsal_in_production() {
    let gateway = Launch::production().start();
    let ask = Ask::post("/stand-in/sessions?first=1&count=1");
    let reply = Browser::new(gateway.public()).send(ask).await;
    assert_problem(&reply, 404, "not-found");
}
