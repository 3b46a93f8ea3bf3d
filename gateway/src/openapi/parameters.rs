//! The parameters of operations: of the path, the query and the head.
//!
//! Must not know which operation has which.

use super::operation::Parameter;

pub(super) const AUTHORITY_CODE: Parameter = Parameter {
    name: "authority",
    place: "path",
    is_required: true,
    description: "The authority's code.",
    schema: r#"{"type":"string","minLength":1}"#,
    example: "mvs",
};
pub(super) const OFFICE: Parameter = Parameter {
    name: "office",
    place: "path",
    is_required: true,
    description: "The office's number.",
    schema: r#"{"type":"integer","minimum":0,"maximum":4294967295}"#,
    example: "8041",
};
pub(super) const SERVICE: Parameter = Parameter {
    name: "service",
    place: "path",
    is_required: true,
    description: "The service's code.",
    schema: r#"{"type":"string","minLength":1}"#,
    example: "practical-exam",
};
pub(super) const DATE: Parameter = Parameter {
    name: "date",
    place: "path",
    is_required: true,
    description: "The date, where the office is.",
    schema: r#"{"type":"string","format":"date"}"#,
    example: "2026-12-01",
};
pub(super) const BOOKING: Parameter = Parameter {
    name: "id",
    place: "path",
    is_required: true,
    description: "The booking's number.",
    schema: r#"{"type":"string","pattern":"^[0-9a-f]{32}$"}"#,
    example: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
};
pub(super) const KEY: Parameter = Parameter {
    name: "Idempotency-Key",
    place: "header",
    is_required: true,
    description: "New for each booking; a repeat under the same key books nothing more.",
    schema: r#"{"type":"string","pattern":"^[!-~]{1,128}$"}"#,
    example: "my-first-booking",
};
pub(super) const KNOWN: Parameter = Parameter {
    name: "If-None-Match",
    place: "header",
    is_required: false,
    description: "The tag of the bytes that the client has.",
    schema: ANY_TEXT,
    example: "\"\\\"5f0c2a7e\\\"\"",
};

pub(super) const fn query(
    name: &'static str,
    description: &'static str,
    schema: &'static str,
    example: &'static str,
) -> Parameter {
    Parameter { name, place: "query", is_required: true, description, schema, example }
}

pub(super) const fn optional(parameter: Parameter) -> Parameter {
    Parameter { is_required: false, ..parameter }
}

pub(super) const ANY_TEXT: &str = r#"{"type":"string"}"#;
