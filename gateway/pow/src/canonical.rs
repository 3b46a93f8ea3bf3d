//! Canonical JSON: the bytes that a signature covers.
//!
//! Owns the order of keys and the absence of spaces. Must not know what it writes. Called by
//! `challenge` only.
//!
//! Keys are sorted by their bytes at every depth, there are no spaces, and nothing is escaped but
//! what JSON asks for: `<`, `>` and `&` stay as they are. For ASCII strings and integers, which
//! is all that parameters hold, this is byte for byte what JavaScript's `JSON.stringify` gives.
//! The sorting is done here, because the order of `serde_json`'s own map depends on a feature that
//! any crate in the build can turn on.

use serde_json::Value;

/// `value` as canonical JSON.
pub(crate) fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (position, (key, member)) in entries.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write(member, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::String(string) => write_string(string, out),
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

fn write_string(string: &str, out: &mut String) {
    out.push_str(&serde_json::to_string(string).expect("a string is always valid JSON"));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_at_every_depth_and_there_are_no_spaces() {
        let value = json!({"b": {"z": 1, "a": [{"y": true, "x": null}]}, "a": "one two"});
        assert_eq!(
            canonical_json(&value),
            r#"{"a":"one two","b":{"a":[{"x":null,"y":true}],"z":1}}"#
        );
    }

    #[test]
    fn nothing_is_escaped_for_html() {
        assert_eq!(canonical_json(&json!({"q": "<a&b>'/"})), r#"{"q":"<a&b>'/"}"#);
    }

    #[test]
    fn json_asks_for_these_escapes() {
        let value = json!("\"\\\n\t\u{8}\u{c}\u{1f}");
        assert_eq!(canonical_json(&value), r#""\"\\\n\t\b\f\u001f""#);
    }

    #[test]
    fn upper_case_sorts_before_lower_case() {
        assert_eq!(canonical_json(&json!({"a": 1, "B": 2, "_": 3})), r#"{"B":2,"_":3,"a":1}"#);
    }
}
