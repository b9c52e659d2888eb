use super::*;
use proptest::prelude::*;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Node variables `n`, `both`; application variables `a`, `both`, `nested`, `host`, and two that go in a circle.
fn with_scope<T>(check: impl FnOnce(&mut Scope<'_>) -> T) -> T {
    let node = map(&[("n", "N"), ("both", "from-node")]);
    let application = map(&[
        ("a", "A"),
        ("both", "from-application"),
        ("nested", "<${a}${n}>"),
        ("host", "http://${node.host}"),
        ("money", "$$5"),
        ("x", "${y}"),
        ("y", "${x}"),
        ("node", "a reserved name never comes from here"),
        ("dollar", "$"),
    ]);
    let work = Cell::new(0);
    let mut scope = Scope::new(vec![&node, &application], &work);
    scope.reserve("application", "shop");
    check(&mut scope)
}

#[test]
fn variables_are_replaced_or_the_text_is_refused() {
    use SubstituteError::{BadName, Cycle, Missing, NodeOnly, Unclosed};
    let table: &[(&str, Result<&str, SubstituteError>)] = &[
        ("", Ok("")),
        ("plain", Ok("plain")),
        ("${a}-${n}-${application}", Ok("A-N-shop")),
        ("${both}", Ok("from-node")),
        ("${nested}", Ok("<AN>")),
        ("$$", Ok("$")),
        ("$${a}", Ok("${a}")),
        ("$$${a}", Ok("$A")),
        ("5$ and $x", Ok("5$ and $x")),
        ("${money}", Ok("$5")),
        ("${dollar}{a}", Ok("${a}")),
        ("${nobody}", Err(Missing("nobody".into()))),
        ("${node}", Err(Missing("node".into()))),
        ("${x}", Err(Cycle("x -> y -> x".into()))),
        ("${host}", Err(NodeOnly("node.host".into()))),
        ("${port.http}", Err(NodeOnly("port.http".into()))),
        ("${a", Err(Unclosed("${a".into()))),
        ("${}", Err(BadName(String::new()))),
        ("${a b}", Err(BadName("a b".into()))),
        ("${a${n}}", Err(BadName("a${n".into()))),
    ];
    for (text, expected) in table {
        let got = with_scope(|scope| scope.finish(text));
        assert_eq!(got.as_deref(), expected.as_ref().map(|text| *text), "{text}");
    }
}

#[test]
fn the_nodes_variables_stay_until_the_node_fills_them() {
    let table = [
        (
            "${host}:${port.http}",
            "http://${node.host}:${port.http}",
            "http://h:80",
        ),
        ("$${node.host}", "$${node.host}", "${node.host}"),
        ("${dollar}{node.host}", "$${node.host}", "${node.host}"),
        ("${server.data}/$x", "${server.data}/$$x", "/d/$x"),
    ];
    let node = |name: &str| {
        let value = match name {
            "node.host" => "h",
            "port.http" => "80",
            "server.data" => "/d",
            _ => return None,
        };
        Some(value.to_owned())
    };
    for (text, deferred, filled) in table {
        assert_eq!(with_scope(|scope| scope.defer(text)).as_deref(), Ok(deferred), "{text}");
        assert_eq!(fill(deferred, &node).as_deref(), Ok(filled), "{text}");
    }
    assert_eq!(fill("${port.b}", &node), Err(SubstituteError::Missing("port.b".into())));
}

#[test]
fn values_are_not_scanned_again_by_the_node() {
    assert_eq!(fill("${a}", &|_| Some("${a}$$".into())).as_deref(), Ok("${a}$$"));
}

#[test]
fn depth_length_and_work_are_bounded() {
    let chain = |length: usize| -> BTreeMap<String, String> {
        (0..length)
            .map(|i| {
                (
                    format!("v{i}"),
                    if i + 1 == length {
                        "end".into()
                    } else {
                        format!("${{v{}}}", i + 1)
                    },
                )
            })
            .collect()
    };
    let refused = |variables: &BTreeMap<String, String>, text: &str| {
        let work = Cell::new(0);
        Scope::new(vec![variables], &work).finish(text)
    };
    assert_eq!(refused(&chain(DEPTH_MAX), "${v0}").as_deref(), Ok("end"));
    assert_eq!(
        refused(&chain(DEPTH_MAX + 1), "${v0}"),
        Err(SubstituteError::TooDeep("v32".into()))
    );
    // Each doubles the next: without the memo this would take 2^31 steps, without the bound 2^31 bytes.
    let doubling = |end: &str| -> BTreeMap<String, String> {
        let all = (0..31).map(|i| (format!("v{i}"), format!("${{v{}}}${{v{}}}", i + 1, i + 1)));
        all.chain([("v31".to_owned(), end.to_owned())]).collect()
    };
    assert_eq!(refused(&doubling(""), "${v0}").as_deref(), Ok(""));
    assert_eq!(refused(&doubling("x"), "${v0}"), Err(SubstituteError::TooLong));
    let large = map(&[("v", &"x".repeat(TEXT_BYTES_MAX))]);
    let work = Cell::new(0);
    let results: Vec<_> = (0..1000)
        .map(|_| Scope::new(vec![&large], &work).defer("${v}").is_ok())
        .collect();
    assert!(
        results.contains(&true) && results.last() == Some(&false),
        "work is not bounded"
    );
    assert_eq!(
        fill("${v}${v}", &|_| Some("x".repeat(TEXT_BYTES_MAX))),
        Err(SubstituteError::TooLong)
    );
}

proptest! {
    #[test]
    fn any_text_is_replaced_or_refused(text in "[${}a-c.$]{0,24}|\\PC{0,24}") {
        drop(with_scope(|scope| scope.finish(&text)));
        drop(fill(&text, &|name| Some(name.to_owned())));
    }
    #[test]
    fn escaped_text_comes_back_as_it_was(text in "[${}ab]{0,24}|\\PC{0,24}") {
        let escaped = text.replace('$', "$$");
        prop_assert_eq!(with_scope(|scope| scope.finish(&escaped)), Ok(text.clone()));
        let deferred = with_scope(|scope| scope.defer(&escaped)).unwrap();
        prop_assert_eq!(fill(&deferred, &|_| None), Ok(text));
    }
}
