//! The API's description: OpenAPI 3.1, made from the types that answer and the problems that
//! refuse.
//!
//! Owns putting it together; [`operations`] lists what can be asked, [`schemas`] and the views
//! say what things look like. Must not know how anything is answered.

mod operation;
mod operations;
mod parameters;
pub mod schemas;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::http::language::{Language, Texts};
use crate::http::problem::Problem;
use crate::http::problem_examples::examples;
use crate::identity::app_login;
use crate::{request, views};
use operation::{Answer, Body, Operation, Parameter};
use operations::OPERATIONS;

/// Where the description is served.
pub const PATH: &str = "/api/v1/openapi.json";

/// What `request_id` looks like in examples.
const EXAMPLE_ID: &str = "5f0c2a7e-00000001";

/// The description as JSON, the same bytes for the same program.
pub fn json() -> Vec<u8> {
    serde_json::to_vec_pretty(&document()).expect("a description is plain data")
}

/// The description.
pub fn document() -> Value {
    let texts = Texts::load();
    let problems: Vec<Problem> = examples();
    let statuses: BTreeMap<&str, u16> =
        problems.iter().map(|problem| (problem.slug(), problem.status().as_u16())).collect();
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = described(operation, &statuses);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Talon",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Places in state offices: what is free, and booking it. A refusal is \
                application/problem+json with a stable type, in Ukrainian or English by \
                Accept-Language.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": [
            { "name": "places", "description": "What there is and what is free; for everybody." },
            { "name": "bookings", "description": "Booking, and what a person has booked." },
            { "name": "login", "description": "Who asks: sessions of browsers." },
            { "name": "apps", "description": "Login of native apps: RFC 8252 with PKCE." },
            { "name": "about", "description": "What explains the rest." },
        ],
        "paths": paths,
        "components": {
            "schemas": all_schemas(),
            "examples": problem_examples(&problems, &texts),
            "headers": headers(),
            "securitySchemes": {
                "bearer": {
                    "type": "http", "scheme": "bearer",
                    "description": "The access token of `/oauth/token`.",
                },
                "cookie": {
                    "type": "apiKey", "in": "cookie", "name": "talon_session",
                    "description": "What `/login` sets; over https its name begins with `__Host-`.",
                },
            },
        },
    })
}

fn described(operation: &Operation, statuses: &BTreeMap<&str, u16>) -> Value {
    let mut responses = BTreeMap::new();
    for answer in operation.answers {
        responses.insert(answer.status.to_string(), answered(operation, answer));
    }
    let mut refused: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for slug in operation.problems.iter().flat_map(|set| set.iter()).copied() {
        refused.entry(statuses[slug]).or_default().push(slug);
    }
    for (status, slugs) in refused {
        responses.insert(status.to_string(), refusal(operation, status, &slugs));
    }
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": responses,
    });
    if !operation.parameters.is_empty() {
        described["parameters"] = operation.parameters.iter().map(parameter).collect();
    }
    if let Some(body) = &operation.body {
        described["requestBody"] = request_body(body);
    }
    described["security"] = match operation.needs_session {
        true => json!([{ "bearer": [] }, { "cookie": [] }]),
        false => json!([]),
    };
    described
}

fn answered(operation: &Operation, answer: &Answer) -> Value {
    let mut described = json!({ "description": answer.description });
    if let Some((kind, schema)) = answer.content {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
        described["content"] = json!({ kind: { "schema": schema } });
    }
    for name in answer.headers.iter().chain(rate_headers(operation)) {
        described["headers"][name] = header_reference(name);
    }
    described
}

fn refusal(operation: &Operation, status: u16, slugs: &[&str]) -> Value {
    let examples: Map<String, Value> = slugs
        .iter()
        .map(|slug| {
            let example = json!({ "$ref": format!("#/components/examples/{slug}") });
            ((*slug).to_owned(), example)
        })
        .collect();
    let mut described = json!({
        "description": slugs.join(", "),
        "content": { "application/problem+json": {
            "schema": { "$ref": "#/components/schemas/Problem" },
            "examples": examples,
        } },
    });
    let own: &[&str] = match status {
        401 => &["WWW-Authenticate"],
        429 | 503 => &["Retry-After"],
        403 if slugs.contains(&"slow-lane-early") => &["Retry-After"],
        _ => &[],
    };
    // Only a refusal by the person's own pace says what is left of it.
    let rate = if status == 429 { rate_headers(operation) } else { &[] };
    for name in own.iter().chain(rate) {
        described["headers"][name] = header_reference(name);
    }
    described
}

/// The headers of what went through a person's pace.
fn rate_headers(operation: &Operation) -> &'static [&'static str] {
    if operation.has_pace { &["RateLimit", "RateLimit-Policy"] } else { &[] }
}

fn header_reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

fn parameter(parameter: &Parameter) -> Value {
    let mut schema: Value =
        serde_json::from_str(parameter.schema).expect("the table's schemas are JSON");
    schema["examples"] = json!([example_of(parameter)]);
    json!({
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.is_required,
        "description": parameter.description,
        "schema": schema,
    })
}

fn example_of(parameter: &Parameter) -> Value {
    serde_json::from_str(parameter.example).unwrap_or_else(|_| parameter.example.into())
}

fn request_body(body: &Body) -> Value {
    let schema = json!({ "$ref": format!("#/components/schemas/{}", body.schema) });
    json!({ "required": body.is_required, "content": { body.kind: { "schema": schema } } })
}

fn problem_examples(problems: &[Problem], texts: &Texts) -> Value {
    let example = |problem: &Problem| {
        let mut document = problem.document(texts, Language::En, 2);
        document.insert("request_id".to_owned(), EXAMPLE_ID.into());
        let summary = document["title"].clone();
        (problem.slug().to_owned(), json!({ "summary": summary, "value": document }))
    };
    Value::Object(problems.iter().map(example).collect())
}

fn headers() -> Value {
    let header = |description: &str, schema: Value, example: Value| json!({ "description": description, "schema": schema, "example": example });
    let text = || json!({ "type": "string" });
    let whole = || json!({ "type": "integer", "minimum": 0 });
    json!({
        "ETag": header("The tag of these bytes, for If-None-Match.", text(), json!("\"5f0c2a7e\"")),
        "Location": header("Where to go on.", text(), json!("/api/v1/bookings/0f1e2d3c")),
        "Set-Cookie": header("The session, or its end.", text(), json!("talon_session=…")),
        "Idempotent-Replay": header("An earlier request under this key made the booking.", text(),
            json!("true")),
        "Retry-After": header("After how many seconds to try again.", whole(), json!(2)),
        "WWW-Authenticate": header("How to say who asks.", text(), json!("Bearer")),
        "RateLimit": header(
            "What is left of the person's paces: r more requests at once, all of them in t seconds.",
            text(), json!("\"write\";r=7;t=2")),
        "RateLimit-Policy": header(
            "The person's paces: q requests at once come back within w seconds.",
            text(), json!("\"write\";q=10;w=5")),
    })
}

/// Every schema by its name.
fn all_schemas() -> Value {
    let mut all = Vec::new();
    add::<views::AuthoritiesJson<'_>>(&mut all);
    add::<views::ServicesJson<'_>>(&mut all);
    add::<views::OfficesJson<'_>>(&mut all);
    add::<views::DaysJson<'_>>(&mut all);
    add::<views::StartsJson<'_>>(&mut all);
    add::<views::BookingsJson<'_>>(&mut all);
    add::<views::SessionJson<'_>>(&mut all);
    add::<request::Body<'_>>(&mut all);
    add::<request::MoveBody>(&mut all);
    add::<schemas::Challenge>(&mut all);
    add::<views::SlowLaneJson<'_>>(&mut all);
    add::<views::ProofJson>(&mut all);
    add::<schemas::Problem>(&mut all);
    add::<schemas::Explanation>(&mut all);
    add::<app_login::TokenRequest>(&mut all);
    add::<app_login::TokenAnswer>(&mut all);
    add::<app_login::TokenError>(&mut all);
    add::<app_login::Metadata>(&mut all);
    let all: BTreeMap<String, _> = all.into_iter().collect();
    let mut all = serde_json::to_value(all).expect("schemas are plain data");
    // What a derive cannot say: a booking has either wishes or a span.
    for request in ["BookRequest", "MoveRequest"] {
        all[request]["oneOf"] = json!([{ "required": ["wishes"] }, { "required": ["any"] }]);
    }
    // What is asked for decides which of them it is.
    all["ChallengeOrPromise"] = json!({ "oneOf": [
        { "$ref": "#/components/schemas/Challenge" },
        { "$ref": "#/components/schemas/Promise" },
    ] });
    // The document describes itself, and that is the specification's business.
    all["Description"] = json!({ "type": "object", "description": "OpenAPI 3.1." });
    all["Page"] = json!({ "type": "string", "description": "HTML." });
    all
}

type Named = (String, utoipa::openapi::RefOr<utoipa::openapi::Schema>);

/// A schema and those that it refers to.
fn add<T: ToSchema + PartialSchema>(all: &mut Vec<Named>) {
    all.push((T::name().into_owned(), T::schema()));
    T::schemas(all);
}

#[cfg(test)]
mod tests;
