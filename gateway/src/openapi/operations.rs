//! Every public operation of the API, once: how it is asked, what it answers, what it refuses.
//!
//! Problems are named by their slugs; their statuses and examples come from the problems
//! themselves. Must not know JSON.

use super::operation::{Answer, Body, Operation, Parameter};
use super::parameters::{
    ANY_TEXT, AUTHORITY_CODE, BOOKING, DATE, KEY, KNOWN, OFFICE, SERVICE, optional, query,
};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Any request may be refused so.
const ALL: &[&str] = &["rate-limited", "forbidden-in-demo"];
/// What names an authority, an office or a service that is not there. An address that is none is
/// not found.
const AUTHORITY: &[&str] = &["unknown-authority", "not-found"];
const PLACE: &[&str] = &["unknown-office", "unknown-service"];
/// A question to the ledger.
const LEDGER: &[&str] = &["overloaded", "unavailable"];
/// Who asks is not known.
const SESSION: &[&str] = &["unauthenticated", "session-expired", "session-revoked"];
/// A change by a browser.
const ORIGIN: &[&str] = &["forbidden-origin"];
/// A request body.
const BODY: &[&str] = &["bad-request", "body-too-large", "body-too-slow", "unsupported-media-type"];
const LIMITS: &[&str] =
    &["quota-exceeded", "already-booked", "blocked-for-absence", "retake-too-soon"];
const PROOF: &[&str] = &[
    "pow-required",
    "pow-invalid",
    "pow-forged",
    "pow-wrong-person",
    "pow-wrong-action",
    "pow-wrong-release",
    "pow-too-weak",
    "pow-expired",
    "pow-replayed",
    "slow-lane-early",
];
const START: &[&str] = &["past-date", "unknown-start", "not-released", "slot-taken"];

const fn list(description: &'static str, schema: &'static str) -> [Answer; 2] {
    [
        Answer { status: 200, description, content: Some((JSON, schema)), headers: &["ETag"] },
        Answer {
            status: 304,
            description: "The client has these bytes.",
            content: None,
            headers: &["ETag"],
        },
    ]
}

const fn one(description: &'static str, schema: &'static str) -> [Answer; 1] {
    [Answer { status: 200, description, content: Some((JSON, schema)), headers: &[] }]
}

const fn redirect(description: &'static str, headers: &'static [&'static str]) -> [Answer; 1] {
    [Answer { status: 303, description, content: None, headers }]
}

/// A booking that was made, for the first time or in another one's stead.
const BOOKED: &[Answer] = &[
    Answer {
        status: 200,
        description: "An earlier request under this key made this booking.",
        content: Some((JSON, "Booking")),
        headers: &["Location", "Idempotent-Replay"],
    },
    Answer {
        status: 201,
        description: "The booking, durable.",
        content: Some((JSON, "Booking")),
        headers: &["Location"],
    },
];

/// An operation for everybody, without a body; others say what they have more.
const PUBLIC: Operation = Operation {
    id: "",
    method: "get",
    path: "",
    tag: "places",
    summary: "",
    needs_session: false,
    has_pace: false,
    parameters: &[],
    body: None,
    answers: &[],
    problems: &[ALL],
};
/// An operation for one person.
const PERSONAL: Operation =
    Operation { tag: "bookings", needs_session: true, has_pace: true, ..PUBLIC };

/// All of them.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listAuthorities",
        path: "/api/v1/authorities",
        summary: "The authorities.",
        parameters: &[KNOWN],
        answers: &list("All authorities.", "Authorities"),
        ..PUBLIC
    },
    Operation {
        id: "listServices",
        path: "/api/v1/authorities/{authority}/services",
        summary: "The services of an authority.",
        parameters: &[AUTHORITY_CODE, KNOWN],
        answers: &list("All its services.", "Services"),
        problems: &[ALL, AUTHORITY],
        ..PUBLIC
    },
    Operation {
        id: "listOffices",
        path: "/api/v1/authorities/{authority}/offices",
        summary: "The offices of an authority.",
        parameters: &[AUTHORITY_CODE, KNOWN],
        answers: &list("All its offices.", "Offices"),
        problems: &[ALL, AUTHORITY],
        ..PUBLIC
    },
    Operation {
        id: "listDays",
        path: "/api/v1/authorities/{authority}/offices/{office}/services/{service}/days",
        summary: "The dates of an office for a service, and how much is free.",
        parameters: &[AUTHORITY_CODE, OFFICE, SERVICE, KNOWN],
        answers: &list("The dates that are open and the next that opens.", "Days"),
        problems: &[ALL, AUTHORITY, PLACE, LEDGER],
        ..PUBLIC
    },
    Operation {
        id: "listStarts",
        path: "/api/v1/authorities/{authority}/offices/{office}/services/{service}/days/{date}/starts",
        summary: "The free times of one date.",
        parameters: &[AUTHORITY_CODE, OFFICE, SERVICE, DATE, KNOWN],
        answers: &list("The times at which a visit still fits.", "Starts"),
        problems: &[ALL, AUTHORITY, PLACE, LEDGER, &["bad-request", "past-date"]],
        ..PUBLIC
    },
    Operation {
        id: "getProof",
        path: "/api/v1/authorities/{authority}/services/{service}/proof",
        summary: "What proof of work booking a service needs now, and at the release that is near.",
        parameters: &[AUTHORITY_CODE, SERVICE],
        answers: &one("What is asked for.", "Proof"),
        problems: &[ALL, AUTHORITY, &["unknown-service", "proof-not-needed", "unavailable"]],
        ..PUBLIC
    },
    Operation {
        id: "getChallenge",
        path: "/api/v1/challenge",
        summary: "A proof-of-work challenge for booking a service that asks for one.",
        parameters: &[
            query("authority", "The authority's code.", ANY_TEXT, "mvs"),
            query("office", "The office's number.", OFFICE.schema, "8041"),
            query("service", "The service's code.", ANY_TEXT, "practical-exam"),
            optional(query(
                "lane",
                "`slow`: a promise to book without a proof after a wait, where that is allowed. It is good for \
                 half an hour, and all promises of a day (UTC) for three claims together.",
                r#"{"type":"string","enum":["slow"]}"#,
                "slow",
            )),
        ],
        answers: &one("A challenge for this person, or a promise.", "ChallengeOrPromise"),
        problems: &[ALL, SESSION, AUTHORITY, PLACE, LEDGER, &["bad-request", "proof-not-needed"]],
        ..PERSONAL
    },
    Operation {
        id: "book",
        method: "post",
        path: "/api/v1/bookings",
        summary: "Books the first wish that can be granted.",
        parameters: &[KEY],
        body: Some(Body { kind: JSON, schema: "BookRequest", is_required: true }),
        answers: BOOKED,
        problems: &[
            ALL,
            SESSION,
            ORIGIN,
            &["idempotency-key-missing", "idempotency-key-reused"],
            BODY,
            AUTHORITY,
            PLACE,
            START,
            LIMITS,
            PROOF,
            &["no-entity", "journal-full"],
            LEDGER,
        ],
        ..PERSONAL
    },
    Operation {
        id: "listBookings",
        path: "/api/v1/bookings",
        summary: "The person's bookings.",
        answers: &one("All that count, by visit.", "Bookings"),
        problems: &[ALL, SESSION, LEDGER],
        ..PERSONAL
    },
    Operation {
        id: "getBooking",
        path: "/api/v1/bookings/{id}",
        summary: "One of the person's bookings.",
        parameters: &[BOOKING],
        answers: &one("The booking.", "Booking"),
        problems: &[ALL, SESSION, LEDGER, &["not-found"]],
        ..PERSONAL
    },
    Operation {
        id: "cancelBooking",
        method: "post",
        path: "/api/v1/bookings/{id}/cancel",
        summary: "Cancels one of the person's bookings.",
        parameters: &[BOOKING],
        answers: &one("The booking, cancelled.", "Booking"),
        problems: &[
            ALL,
            SESSION,
            ORIGIN,
            LEDGER,
            &["not-found", "not-live", "too-late-to-cancel", "journal-full"],
        ],
        ..PERSONAL
    },
    Operation {
        id: "moveBooking",
        method: "post",
        path: "/api/v1/bookings/{id}/move",
        summary: "Claims another place for one of the person's bookings and gives its own back.",
        parameters: &[BOOKING, KEY],
        body: Some(Body { kind: JSON, schema: "MoveRequest", is_required: true }),
        answers: BOOKED,
        problems: &[
            ALL,
            SESSION,
            ORIGIN,
            &["idempotency-key-missing", "idempotency-key-reused"],
            BODY,
            PLACE,
            START,
            LIMITS,
            PROOF,
            &["not-found", "not-live", "too-late-to-move", "moved-too-often", "journal-full"],
            LEDGER,
        ],
        ..PERSONAL
    },
    Operation {
        id: "getSession",
        path: "/api/v1/session",
        tag: "login",
        summary: "What the session is good for.",
        answers: &one("The session.", "Session"),
        problems: &[ALL, SESSION, LEDGER],
        has_pace: false,
        ..PERSONAL
    },
    Operation {
        id: "logIn",
        path: "/login",
        tag: "login",
        summary: "Sends a browser to the identification hub.",
        parameters: &[optional(query(
            "return",
            "A path of this site to come back to; anything else is the front page.",
            ANY_TEXT,
            "/tickets",
        ))],
        answers: &redirect("To the hub.", &["Location", "Set-Cookie"]),
        problems: &[ALL, &["login-failed"]],
        ..PUBLIC
    },
    Operation {
        id: "finishLogin",
        path: "/login/callback",
        tag: "login",
        summary: "Where the hub sends the browser back to.",
        parameters: &[
            optional(query("state", "What the browser left with.", ANY_TEXT, "5f0c2a7e")),
            optional(query("code", "The hub's code.", ANY_TEXT, "8a1b")),
            optional(query("error", "Why the hub identified nobody.", ANY_TEXT, "access_denied")),
        ],
        answers: &redirect("Logged in; or back to the app.", &["Location", "Set-Cookie"]),
        problems: &[ALL, LEDGER, &["login-invalid", "login-denied", "login-failed"]],
        ..PUBLIC
    },
    Operation {
        id: "logOut",
        method: "post",
        path: "/logout",
        tag: "login",
        summary: "Ends the session everywhere.",
        answers: &[Answer {
            status: 204,
            description: "Ended; also when there was none.",
            content: None,
            headers: &["Set-Cookie"],
        }],
        problems: &[ALL, ORIGIN, LEDGER, &["session-revoked", "journal-full"]],
        ..PUBLIC
    },
    Operation {
        id: "authorizeApp",
        path: "/oauth/authorize",
        tag: "apps",
        summary: "Begins the login of a native app, in the system's browser.",
        parameters: &[
            optional(query("client_id", "The app.", ANY_TEXT, "pocket")),
            optional(query(
                "redirect_uri",
                "One of the app's.",
                ANY_TEXT,
                "ua.example.pocket:/back",
            )),
            optional(query("response_type", "`code`.", ANY_TEXT, "code")),
            optional(query("state", "Comes back with the code.", ANY_TEXT, "af0ifjsldkj")),
            optional(query(
                "code_challenge",
                "The base64url SHA-256 of the verifier.",
                ANY_TEXT,
                "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            )),
            optional(query("code_challenge_method", "`S256`.", ANY_TEXT, "S256")),
            optional(query("scope", "`booking`, the only one.", ANY_TEXT, "booking")),
        ],
        answers: &[
            Answer {
                status: 200,
                description: "A page that asks the person whether the app may book for them.",
                content: Some(("text/html; charset=utf-8", "Page")),
                headers: &[],
            },
            Answer {
                status: 303,
                description: "Back to the app with an error of RFC 6749, section 4.1.2.1.",
                content: None,
                headers: &["Location"],
            },
        ],
        problems: &[ALL, &["app-unknown", "app-redirect"]],
        ..PUBLIC
    },
    Operation {
        id: "logInForApp",
        path: "/oauth/login",
        tag: "apps",
        summary: "Sends a browser to the identification hub after the person has agreed.",
        parameters: &[optional(query("request", "From the page.", ANY_TEXT, "app-consent.1.x.y"))],
        answers: &redirect("To the hub.", &["Location", "Set-Cookie"]),
        problems: &[ALL, &["login-invalid", "login-failed"]],
        ..PUBLIC
    },
    Operation {
        id: "takeToken",
        method: "post",
        path: "/oauth/token",
        tag: "apps",
        summary: "Gives an app its token for a code, once.",
        body: Some(Body { kind: FORM, schema: "TokenRequest", is_required: true }),
        answers: &[
            Answer {
                status: 200,
                description: "A bearer token with the rights of a browser's session.",
                content: Some((JSON, "TokenAnswer")),
                headers: &[],
            },
            Answer {
                status: 400,
                description: "An error of RFC 6749, section 5.2.",
                content: Some((JSON, "TokenError")),
                headers: &[],
            },
        ],
        problems: &[ALL, LEDGER, &["body-too-large", "body-too-slow", "unsupported-media-type"]],
        ..PUBLIC
    },
    Operation {
        id: "getAuthorizationServer",
        path: "/.well-known/oauth-authorization-server",
        tag: "apps",
        summary: "What apps have to know (RFC 8414).",
        parameters: &[KNOWN],
        answers: &list("The metadata.", "Metadata"),
        ..PUBLIC
    },
    Operation {
        id: "getDescription",
        path: "/api/v1/openapi.json",
        tag: "about",
        summary: "This description.",
        parameters: &[KNOWN],
        answers: &list("OpenAPI 3.1.", "Description"),
        ..PUBLIC
    },
    Operation {
        id: "explainProblem",
        path: "/problems/{problem}",
        tag: "about",
        summary: "What a problem means; a page for browsers.",
        parameters: &[Parameter {
            name: "problem",
            place: "path",
            is_required: true,
            description: "The last part of the problem's type.",
            schema: r#"{"type":"string","minLength":1}"#,
            example: "slot-taken",
        }],
        answers: &one("The explanation.", "Explanation"),
        problems: &[ALL, &["not-found"]],
        ..PUBLIC
    },
];
