//! The log of the real program: in each format, with the id of the request on its lines, bounded in a flood.

use serde_json::Value;

use crate::harness::{Ask, Browser, Gateway, Launch, eventually};

/// What a demonstration refuses, and logs as a warning.
const REFUSED: &str = "a demo refused a request";
/// What is said of lines that were too many.
const LEFT_OUT: &str = "lines were left out";
/// Many more than may be logged.
const FLOOD: usize = 200;

async fn be_refused(gateway: &Gateway) -> String {
    let ask = Ask::get("/").header("via", "1.1 proxy");
    let reply = Browser::new(gateway.public()).send(ask).await.expect(403);
    reply.header("x-request-id").to_owned()
}

/// The lines with this in it, once there are some.
async fn lines(gateway: &Gateway, text: &str) -> Vec<String> {
    let look = async || {
        let log = gateway.log();
        let found: Vec<String> =
            log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect();
        (!found.is_empty()).then_some(found)
    };
    eventually(text, look).await
}

#[tokio::test]
async fn every_line_of_a_request_has_its_id_in_each_format() {
    for (format, pair) in [("text", "request_id="), ("logfmt", "request_id="), ("json", "")] {
        let launch = Launch::new().set(&format!("log.format={format}"));
        let gateway = launch.set("log.filter=debug").start();
        let id = be_refused(&gateway).await;
        // The warning, and the end of the request.
        for said in [REFUSED, "answered"] {
            let line = lines(&gateway, said).await.remove(0);
            if format == "json" {
                let line: Value = serde_json::from_str(&line).unwrap();
                assert_eq!(line["request_id"], id.as_str(), "{line}");
                assert_eq!(line["message"], said);
            } else {
                assert!(line.ends_with(&format!(" {pair}{id}")), "{line}");
            }
        }
        let log = gateway.log();
        for line in log.lines() {
            match format {
                "json" => assert!(serde_json::from_str::<Value>(line).unwrap()["time"].is_string()),
                "logfmt" => assert!(line.starts_with("time=20"), "{line}"),
                _ => assert!(line.starts_with("20"), "{line}"),
            }
        }
    }
}

#[tokio::test]
async fn a_flood_of_one_line_is_counted_and_its_first_lines_are_there() {
    let launch = Launch::new().set("log.format=json").set("log.lines_per_second=1");
    let gateway = launch.start();
    let first = be_refused(&gateway).await;
    for _ in 1..FLOOD {
        be_refused(&gateway).await;
    }
    let all_told = async || {
        let log = gateway.log();
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let (mut written, mut left_out) = (Vec::new(), 0);
        for line in lines {
            if line["message"] == REFUSED {
                written.push(line["request_id"].as_str().unwrap().to_owned());
            } else if line["of"].as_str().is_some_and(|of| of.starts_with("gateway/src/hot.rs:")) {
                assert_eq!((&line["level"], &line["message"]), (&"warn".into(), &LEFT_OUT.into()));
                left_out += usize::try_from(line["left_out"].as_u64().unwrap()).unwrap();
            }
        }
        (written.len() + left_out == FLOOD).then_some((written, left_out))
    };
    let (written, left_out) = eventually("the flood is told of", all_told).await;
    assert_eq!(written[0], first);
    assert!(left_out > 0);
    let page = Browser::new(gateway.admin()).get("/metrics").await.expect(200).text();
    let counted = format!("talon_log_lines_left_out_total{{level=\"warn\"}} {left_out}\n");
    assert!(page.contains(&counted), "{page}");
}

#[tokio::test]
async fn a_line_about_the_process_is_never_left_out() {
    let gateway = Launch::new().set("log.lines_per_second=1").start();
    // More than one a second, as fast as they are taken.
    for reloads in 1..=8 {
        gateway.hang_up();
        let reloaded =
            async || (gateway.log().matches("reloaded").count() >= reloads).then_some(());
        eventually("it has reloaded", reloaded).await;
    }
    gateway.terminate();
    eventually("it says that it stops", async || {
        let log = gateway.log();
        (log.contains("stopping: ") && log.contains(": stopped")).then_some(())
    })
    .await;
}
