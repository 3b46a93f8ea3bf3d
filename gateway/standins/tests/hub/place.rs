//! Where a stand-in may be: on this machine and nowhere else.

use crate::*;

#[tokio::test]
async fn every_endpoint_is_behind_the_guard() {
    let stand = Stand::new();
    for target in [
        AUTHORIZE,
        "/stand-in/faults",
        "/stand-in/calls",
        "/stand-in.css",
        "/get-user-info",
        "/nothing",
    ] {
        for (name, value) in [("Host", "id.gov.ua"), ("X-Forwarded-For", "127.0.0.1")] {
            let request = Request::get(target).header(name, value);
            let request = if name == "Host" { request } else { request.header(HOST, "localhost") };
            let answer = stand.send(request.body(Body::empty()).expect("good")).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{target} {name}");
            assert!(answer.body.starts_with("a demo"), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn an_absolute_target_is_looked_at_too() {
    let stand = Stand::new();
    let request = Request::get("http://id.gov.ua/stand-in.css").header(HOST, "localhost");
    let answer = stand.send(request.body(Body::empty()).expect("good")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[test]
fn a_hub_that_would_lead_off_this_machine_is_not_built() {
    for uri in [
        "https://example.org/login/callback",
        "http://127.0.0.1.example.org/",
        "http://localhost.example.org/",
        "http://10.0.0.1/",
        "http://user@localhost/",
        "http://localhost/#fragment",
        "talon://localhost/",
        "/login/callback",
        "",
    ] {
        let built = Hub::new(HubOptions { redirect_uris: vec![uri.to_owned()], ..options() });
        let expected = HubError::BadRedirectUri { uri: uri.to_owned() };
        assert_eq!(built.err(), Some(expected), "{uri}");
    }
}

#[test]
fn a_hub_that_cannot_work_is_not_built() {
    let refused = |options| Hub::new(options).err();
    let client_id = String::new();
    assert_eq!(refused(HubOptions { client_id, ..options() }), Some(HubError::EmptyClient));
    let client_secret = String::new();
    assert_eq!(refused(HubOptions { client_secret, ..options() }), Some(HubError::EmptyClient));
    for count in [0, 17] {
        let redirect_uris = vec![CALLBACK.to_owned(); count];
        let expected = Some(HubError::RedirectUriCount { count });
        assert_eq!(refused(HubOptions { redirect_uris, ..options() }), expected);
    }
    let limits = HubLimits { codes: 131_073, ..HubLimits::default() };
    let error = refused(HubOptions { limits, ..options() });
    assert!(matches!(error, Some(HubError::LimitTooHigh { what: "codes", .. })));
}

#[tokio::test]
async fn a_listener_open_to_others_is_refused() {
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let hub = Hub::new(options()).unwrap();
    let served = talon_standins::serve(listener, hub, std::future::pending()).await;
    assert!(matches!(served, Err(ServeError::NotLoopback { .. })));
}

#[tokio::test]
async fn a_loopback_listener_is_served_until_the_shutdown() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let hub = Hub::new(options()).unwrap();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let serving = tokio::spawn(talon_standins::serve(listener, hub, shutdown));
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {AUTHORIZE}&person=1 HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 303 See Other\r\n"), "{answer}");
    stop.send(()).unwrap();
    assert!(serving.await.unwrap().is_ok());
}
