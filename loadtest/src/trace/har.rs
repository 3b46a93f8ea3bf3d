//! HTTP Archives, as browsers save them: one browser's requests with their bodies.
//!
//! Must not keep anything; that is the import's. Called by it.

use jiff::Timestamp;
use serde::Deserialize;

use super::import::{Import, Recorded};

#[derive(Deserialize)]
struct Archive {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Saved {
    started_date_time: Timestamp,
    request: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    cookies: Vec<Cookie>,
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct Cookie {
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct PostData {
    #[serde(default)]
    text: String,
}

pub(super) fn read(log: &[u8], import: &mut Import) {
    let Ok(archive) = serde_json::from_slice::<Archive>(log) else {
        return import.unreadable();
    };
    for entry in archive.log.entries {
        let Ok(Saved { started_date_time: at, request }) = serde_json::from_value(entry) else {
            import.unreadable();
            continue;
        };
        let Ok(method) = request.method.parse() else {
            import.unreadable();
            continue;
        };
        let cookies: Vec<&str> = request.cookies.iter().map(|it| it.value.as_str()).collect();
        let body = request.post_data.as_ref().map_or("", |data| data.text.as_str());
        import.request(&Recorded {
            at,
            mark: &cookies.join(";"),
            method,
            target: &request.url,
            body: body.as_bytes(),
        });
    }
}
