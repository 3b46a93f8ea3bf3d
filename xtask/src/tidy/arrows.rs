//! Which crate may use which: the walls of the house as a table, compared with the manifests.
//!
//! Must not know why a crate needs another; a new arrow is added here on purpose, with its reason in
//! the review. Called by `tidy`.

use super::Finding;
use crate::metadata::{Dependency, Kind, Member};

/// One member and the members that it may use in its library and programs (tests may use more).
struct Row {
    name: &'static str,
    may_use: &'static [&'static str],
    /// Used only behind a feature, so that a production build can leave them out.
    only_optional: &'static [&'static str],
}

const fn row(name: &'static str, may_use: &'static [&'static str]) -> Row {
    Row { name, may_use, only_optional: &[] }
}

const TABLE: &[Row] = &[
    row("talon-domain", &[]),
    // The standard library alone, so that loom sees all of it.
    row("talon-board", &[]),
    // Knows bytes, not bookings.
    row("talon-journal", &[]),
    // Knows files and the kernel.
    row("talon-ring", &[]),
    row("talon-wire", &["talon-domain"]),
    // Certificates of whichever side, and secrets; what they are shown for it does not know.
    row("talon-credentials", &[]),
    // Health is a word of the wire; what is measured it does not know.
    row("talon-telemetry", &["talon-credentials", "talon-wire"]),
    row(
        "talon-ledger",
        &[
            "talon-board",
            "talon-credentials",
            "talon-domain",
            "talon-journal",
            "talon-ring",
            "talon-telemetry",
            "talon-wire",
        ],
    ),
    row(
        "talon-ledger-client",
        &["talon-credentials", "talon-domain", "talon-telemetry", "talon-wire"],
    ),
    row("talon-pow", &[]),
    row("talon-standins", &[]),
    Row {
        name: "talon-gateway",
        may_use: &[
            "talon-credentials",
            "talon-domain",
            "talon-ledger",
            "talon-ledger-client",
            "talon-pow",
            "talon-standins",
            "talon-telemetry",
            "talon-wire",
        ],
        only_optional: &["talon-standins"],
    },
    row("talon-loadtest", &["talon-domain", "talon-ledger-client", "talon-pow", "talon-wire"]),
    row(
        "talon-bench",
        &[
            "talon-board",
            "talon-domain",
            "talon-gateway",
            "talon-journal",
            "talon-ledger",
            "talon-ledger-client",
            "talon-loadtest",
            "talon-pow",
            "talon-standins",
            "talon-wire",
        ],
    ),
    row("xtask", &[]),
];

/// Members at the outside of the house: nothing but the benches may see them, not even a test.
const OUTERMOST: &[&str] = &["talon-bench", "talon-loadtest", "xtask"];

/// Crates from outside that bring I/O, clocks or threads of their own, and who does without them.
const PURE: &[&str] = &["talon-board", "talon-domain", "talon-pow", "talon-wire"];
const IMPURE: &[&str] =
    &["axum", "hyper", "hyper-util", "redis", "reqwest", "rustix", "rustls", "socket2", "tokio"];

/// Checks every member of the workspace against the table.
pub(super) fn check(members: &[Member]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_member = |name: &str| members.iter().any(|member| member.name == name);
    for member in members {
        let Some(row) = TABLE.iter().find(|row| row.name == member.name) else {
            findings.push(finding(member, "has no row in the table of arrows".to_owned()));
            continue;
        };
        for dependency in &member.dependencies {
            let message = if is_member(&dependency.name) {
                inner(row, dependency)
            } else {
                outer(member, dependency)
            };
            findings.extend(message.map(|message| finding(member, message)));
        }
    }
    findings
}

/// What is wrong with an arrow between two members, if anything.
fn inner(row: &Row, dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    if OUTERMOST.contains(&name) && row.name != "talon-bench" {
        return Some(format!("nothing may see {name}"));
    }
    if dependency.kind == Some(Kind::Dev) {
        return None;
    }
    if !row.may_use.contains(&name) {
        return Some(format!("may not use {name}; it may use {:?}", row.may_use));
    }
    if row.only_optional.contains(&name) && !dependency.optional {
        return Some(format!("may use {name} only as an optional dependency"));
    }
    None
}

/// What is wrong with a dependency from outside the workspace, if anything.
fn outer(member: &Member, dependency: &Dependency) -> Option<String> {
    if dependency.kind == Some(Kind::Dev) {
        return None;
    }
    let name = dependency.name.as_str();
    let only_for_loom = name == "loom" && dependency.target.as_deref() == Some("cfg(loom)");
    if member.name == "talon-board" && !only_for_loom {
        return Some(format!("is made of the standard library alone, but uses {name}"));
    }
    if PURE.contains(&member.name.as_str()) && IMPURE.contains(&name) {
        return Some(format!("has no I/O of its own, but uses {name}"));
    }
    None
}

fn finding(member: &Member, message: String) -> Finding {
    Finding { place: member.name.clone(), line: None, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependency(name: &str) -> Dependency {
        Dependency { name: name.to_owned(), kind: None, optional: false, target: None }
    }

    /// A workspace of all members, in which `name` has exactly these dependencies.
    fn findings(name: &str, dependencies: Vec<Dependency>) -> Vec<String> {
        let mut members: Vec<Member> = TABLE
            .iter()
            .map(|row| Member { name: row.name.to_owned(), dependencies: vec![] })
            .collect();
        let member = members.iter_mut().find(|member| member.name == name).unwrap();
        member.dependencies = dependencies;
        check(&members).iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn good(name: &str, dependencies: Vec<Dependency>) {
        assert_eq!(findings(name, dependencies), Vec::<String>::new());
    }

    #[track_caller]
    fn bad(name: &str, dependencies: Vec<Dependency>, message: &str) {
        let findings = findings(name, dependencies);
        assert!(findings.len() == 1 && findings[0].contains(message), "{findings:?}");
    }

    #[test]
    fn arrows_of_the_table_are_allowed() {
        good("talon-ledger", vec![dependency("talon-board"), dependency("serde")]);
        good("talon-wire", vec![dependency("talon-domain")]);
        good("talon-bench", vec![dependency("talon-loadtest")]);
    }

    #[test]
    fn other_arrows_are_found() {
        bad("talon-journal", vec![dependency("talon-domain")], "may not use talon-domain");
        bad("talon-domain", vec![dependency("talon-wire")], "may not use talon-wire");
        bad("talon-loadtest", vec![dependency("talon-ledger")], "may not use talon-ledger");
        let build = Dependency { kind: Some(Kind::Build), ..dependency("talon-ledger") };
        bad("talon-wire", vec![build], "may not use talon-ledger");
    }

    #[test]
    fn tests_may_use_more_but_never_the_outermost() {
        let dev = |name| Dependency { kind: Some(Kind::Dev), ..dependency(name) };
        good("talon-journal", vec![dev("talon-domain"), dev("tokio")]);
        bad("talon-gateway", vec![dev("talon-loadtest")], "nothing may see talon-loadtest");
        bad("talon-ledger", vec![dependency("xtask")], "nothing may see xtask");
    }

    #[test]
    fn the_gateway_can_leave_the_stand_ins_out() {
        bad("talon-gateway", vec![dependency("talon-standins")], "only as an optional");
        let optional = Dependency { optional: true, ..dependency("talon-standins") };
        good("talon-gateway", vec![optional]);
    }

    #[test]
    fn the_board_is_made_of_the_standard_library() {
        let loom = |target: Option<&str>| Dependency {
            target: target.map(str::to_owned),
            ..dependency("loom")
        };
        good("talon-board", vec![loom(Some("cfg(loom)"))]);
        bad("talon-board", vec![loom(None)], "standard library alone");
        bad("talon-board", vec![dependency("parking_lot")], "standard library alone");
    }

    #[test]
    fn the_domain_has_no_input_or_output() {
        good("talon-domain", vec![dependency("jiff")]);
        bad("talon-domain", vec![dependency("tokio")], "no I/O");
    }

    #[test]
    fn a_member_without_a_row_is_found() {
        let new = Member { name: "talon-new".to_owned(), dependencies: vec![] };
        assert_eq!(check(&[new]).len(), 1);
    }

    #[test]
    fn this_workspace_keeps_to_the_table() {
        let members = crate::metadata::workspace().unwrap().members;
        assert!(members.len() >= TABLE.len(), "cargo metadata lists {} members", members.len());
        assert_eq!(check(&members), []);
    }
}
