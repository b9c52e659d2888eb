use super::*;
use proptest::prelude::*;

fn refused_toml(text: &str) -> String {
    let faults = Application::from_toml(text, "a.toml").unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.iter().map(Fault::to_string).collect()
}

#[test]
fn a_fault_names_its_line_and_the_nearest_key() {
    let table = [
        (
            "application = \"a\"\ndescripton = \"x\"\n",
            "a.toml:2:1: unknown field `descripton`",
            "did you mean `description`?",
        ),
        (
            "application = \"a\"\n[[group]]\nid = \"g\"\nbalance = \"adaptiv\"\n",
            "a.toml:4:11: unknown variant `adaptiv`",
            "did you mean `adaptive`?",
        ),
        (
            "application = \"a\"\n[[node.n1.server]]\nid = \"s\"\nrum = []\n",
            "a.toml:4:1: unknown field `rum`",
            "did you mean `run`?",
        ),
        (
            "application = \"a b\"\n",
            "a.toml:1:15: application name \"a b\" may hold only",
            "",
        ),
        (
            "application = \"a\"\n[node.N1]\n",
            "a.toml:2:",
            "peer name \"N1\" may hold only small letters",
        ),
        ("x = ", "a.toml:1:5: ", ""),
        ("", "a.toml:1:1: missing field `application`", ""),
        (
            "application = \"a\"\nzzzzzzzzzzzz = 1\n",
            "unknown field `zzzzzzzzzzzz`",
            "expected one of",
        ),
    ];
    for (text, start, end) in table {
        let fault = refused_toml(text);
        assert!(fault.contains(start) && fault.contains(end), "{text:?} gave: {fault}");
        assert!(!fault.contains('\n'), "{fault:?}");
    }
    assert!(!refused_toml("application = \"a\"\nzzzzzzzzzzzz = 1\n").contains("did you mean"));
    let json = Application::from_json("{\"application\": \"a\",\n \"nod\": {}}", "a.json").unwrap_err();
    let json: String = json.iter().map(Fault::to_string).collect();
    assert!(
        json.starts_with("a.json:2:6: unknown field `nod`") && json.ends_with("did you mean `node`?"),
        "{json}"
    );
}

#[test]
fn a_text_above_the_bound_is_not_parsed() {
    let text = "#".repeat(APPLICATION_BYTES_MAX + 1);
    assert!(refused_toml(&text).starts_with("a.toml: is 786433 bytes long"));
    assert!(Application::from_json(&text, "a.json").is_err());
}

#[test]
fn the_sample_is_valid_and_survives_json() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/shop.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let sample = Application::from_toml(&text, "config/shop.toml").unwrap();
    let deployment = super::super::Deployment::default();
    let expansion = deployment.check(&sample).unwrap();
    assert_eq!(expansion.servers.len(), 3);
    let json = serde_json::to_string(&sample).unwrap();
    assert_eq!(Application::from_json(&json, "shop.json"), Ok(sample));
}

proptest! {
    #[test]
    fn arbitrary_texts_never_panic(text in "\\PC{0,80}|[\\[\\]{}=\".a-z\\n]{0,80}") {
        drop(Application::from_toml(&text, "a.toml"));
        drop(Application::from_json(&text, "a.json"));
    }
}
