//! The description is whole: every problem, every status, every reference, every route.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_operation_has_an_id_and_a_place_of_its_own() {
    let ids: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.id).collect();
    assert_eq!(ids.len(), OPERATIONS.len());
    let places: BTreeSet<_> = OPERATIONS.iter().map(|o| (o.path, o.method)).collect();
    assert_eq!(places.len(), OPERATIONS.len());
    assert_eq!(document()["paths"].as_object().unwrap().len(), paths().len());
}

#[test]
fn every_problem_is_refused_by_some_operation() {
    let slugs: BTreeSet<&str> = OPERATIONS
        .iter()
        .flat_map(|operation| operation.problems.iter().flat_map(|set| set.iter().copied()))
        .collect();
    let known = examples();
    let known: BTreeSet<&str> = known.iter().map(Problem::slug).collect();
    // A wrong method is refused wherever it is sent, and so belongs to no operation.
    let described: BTreeSet<&str> = slugs.into_iter().chain(["method-not-allowed"]).collect();
    assert_eq!(described, known);
}

#[test]
fn every_example_is_a_problem_with_the_status_that_lists_it() {
    let document = document();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for operation in operations.as_object().unwrap().values() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let examples = &response["content"]["application/problem+json"]["examples"];
                for slug in examples.as_object().into_iter().flatten().map(|(slug, _)| slug) {
                    let example = &document["components"]["examples"][slug]["value"];
                    assert_eq!(example["status"].to_string(), *status, "{path} {slug}");
                    assert_eq!(example["type"], format!("/problems/{slug}"));
                }
            }
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(document: &Value, value: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                members.values().for_each(|value| check(document, value));
            }
            Value::Array(items) => items.iter().for_each(|value| check(document, value)),
            _ => {}
        }
    }
    let document = document();
    check(&document, &document);
}

#[test]
fn every_route_of_the_api_is_described() {
    let sources = [
        include_str!("../cold/api.rs"),
        include_str!("../cold/login.rs"),
        include_str!("../cold/oauth.rs"),
        include_str!("../cold/about.rs"),
    ];
    let described = paths();
    let routes = sources.iter().flat_map(|source| source.split(".route(\"").skip(1));
    let routes: Vec<&str> = routes.filter_map(|rest| rest.split('"').next()).collect();
    assert!(routes.len() > 8, "{routes:?}");
    for route in routes {
        assert!(described.contains(route), "{route} is not described");
    }
}

fn paths() -> BTreeSet<&'static str> {
    OPERATIONS.iter().map(|operation| operation.path).collect()
}
