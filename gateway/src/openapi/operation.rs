//! What is said of one operation of the API.
//!
//! Must not know which operations there are, or JSON.

/// An operation.
pub(super) struct Operation {
    pub(super) id: &'static str,
    /// In lower case.
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) needs_session: bool,
    /// Whether it is held to the person's own pace.
    pub(super) has_pace: bool,
    pub(super) parameters: &'static [Parameter],
    pub(super) body: Option<Body>,
    pub(super) answers: &'static [Answer],
    /// The slugs of its problems, in sets.
    pub(super) problems: &'static [&'static [&'static str]],
}

/// A parameter.
#[derive(Clone, Copy)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    /// `path`, `query` or `header`.
    pub(super) place: &'static str,
    pub(super) is_required: bool,
    pub(super) description: &'static str,
    /// A JSON Schema.
    pub(super) schema: &'static str,
    /// JSON, or a text.
    pub(super) example: &'static str,
}

/// A request's body.
pub(super) struct Body {
    pub(super) kind: &'static str,
    pub(super) schema: &'static str,
    pub(super) is_required: bool,
}

/// An answer that is no problem.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) description: &'static str,
    /// Content type and schema.
    pub(super) content: Option<(&'static str, &'static str)>,
    pub(super) headers: &'static [&'static str],
}
