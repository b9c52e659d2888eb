//! `--target` and `--set`, and what `floe app validate` says of everything that can be chosen.

use super::Exit;
use super::canned::{Canned, applied, file_of, floe};
use crate::pure::protocol::{Request, Response};

const TEXT: &str = r#"
application = "shop"
variables = { where = "test" }
[[node.n1.server]]
id = "web-1"
run = ["/bin/web", "${where}", "${version}"]
[target.production]
variables = { where = "production", version = "1" }
[target.broken]
node = { n1 = { server = [{ id = "web-1", directory = "here" }] } }
"#;

#[test]
fn what_is_chosen_is_sent_and_no_target_is_left() {
    let (_folder, file) = file_of(TEXT, "shop.toml");
    let canned = Canned::of([Ok(Response::Applied(Box::new(applied())))]);
    let said = floe(
        &format!("floe app apply {file} --target production --set version=7"),
        &canned,
    );
    assert_eq!((said.exit, said.err.as_str()), (Exit::Done, ""));
    let asked = canned.asked();
    let [Request::Apply { application, .. }] = asked.as_slice() else {
        panic!("asked {asked:?}");
    };
    assert_eq!(application.variables["version"], "7");
    assert_eq!(application.variables["where"], "production");
    assert!(application.targets.is_empty());
}

#[test]
fn a_choice_that_the_file_does_not_offer_is_wrong_usage() {
    let (_folder, file) = file_of(TEXT, "shop.toml");
    for (choice, expected) in [
        (
            "--target prod",
            "there is no target prod; this application has broken, production",
        ),
        ("--set version", "\"version\" is no NAME=VALUE"),
        (
            "--set wher=x",
            "variable `wher` is neither declared nor used in this application; did you mean `where`?",
        ),
    ] {
        for verb in ["apply", "diff", "validate"] {
            let said = floe(&format!("floe app {verb} {file} {choice}"), &Canned::default());
            assert_eq!((said.exit, said.err), (Exit::Usage, format!("{expected}\n")), "{verb}");
        }
    }
}

#[test]
fn validate_checks_the_application_and_each_target_by_itself() {
    let (_folder, file) = file_of(TEXT, "shop.toml");
    let said = floe(&format!("floe app validate {file}"), &Canned::default());
    let expected = format!(
        "floe: {file} has 2 faults\n\
         {file}:6:32: node n1, server web-1: run[2]: variable `version` has no value here\n\
         {file}:10:43: node n1, server web-1: directory \"here\" is not absolute: write /..., or ${{server.data}}/... (with target broken)\n"
    );
    assert_eq!((said.exit, said.err), (Exit::Failed, expected));
    let said = floe(
        &format!("floe app validate {file} --target production"),
        &Canned::default(),
    );
    let expected = "shop: no faults; servers: 1, nodes: 1, targets: production\n";
    assert_eq!(
        (said.exit, said.out.as_str(), said.err.as_str()),
        (Exit::Done, expected, "")
    );
}
