//! What explains the API: its description, and an address for every problem.

use crate::harness::{Ask, Browser, run, shared};

#[tokio::test]
async fn the_description_that_is_served_is_the_one_that_is_printed() {
    let mut browser = Browser::new(shared().public());
    let served = browser.get("/api/v1/openapi.json").await.expect(200);
    assert_eq!(served.header("content-type"), "application/json");
    let again = Ask::get("/api/v1/openapi.json").header("if-none-match", served.header("etag"));
    browser.send(again).await.expect(304);
    let (code, printed) = run(&["openapi"], &[]);
    assert_eq!((code, printed), (0, served.text()));
}

#[tokio::test]
async fn every_problem_is_explained_at_its_address_in_both_languages() {
    let mut browser = Browser::new(shared().public());
    let description = browser.get("/api/v1/openapi.json").await.json();
    let examples = description["components"]["examples"].as_object().unwrap();
    assert!(examples.len() > 30, "{}", examples.len());
    for (slug, example) in examples {
        let address = example["value"]["type"].as_str().unwrap();
        let explained = browser.get(address).await.expect(200).json();
        assert_eq!(explained["title"], example["value"]["title"], "{slug}");
        let ask = Ask::get(address).header("accept", "text/html").header("accept-language", "uk");
        let page = browser.send(ask).await.expect(200);
        assert!(page.header("content-type").starts_with("text/html"), "{slug}");
        assert_eq!(page.header("content-language"), "uk", "{slug}");
    }
    browser.get("/problems/none").await.refused(404, "not-found");
}
