use super::*;
use crate::pure::model::descriptor::ObjectHome;
use crate::pure::model::fixture::application;
use crate::pure::model::{Activation, AdapterSpec, Ready};

const TEXT: &str = r#"
application = "shop"
variables = { base = "/srv/${application}", index = "0", deep = "${base}/${node}/${server}" }
[[group]]
id = "web"
object = [{ id = "${application}-front", type = "page" }]
[[node.n1.server]]
id = "web-${index}"
run = ["${base}/web", "--port", "${port.http}", "--cost", "$$5"]
environment = { WHERE = "${deep}", ADMIN = "${port.admin}" }
directory = "${server.data}/${node}"
ready = { tcp = "http" }
activation = "on-demand"
activation_timeout = "1m 30s"
port = { metrics = 9100 }
object = [{ id = "o-${index}" }, { id = "p", adapter = "rpc", type = "${application}" }]
adapter = [
  { name = "http", group = "web", endpoint = "http://${node.host}:${port.http}", priority = 3 },
  { name = "rpc", id = "rpc-${index}", endpoint = "tcp://${node.host}:${port.rpc}" },
]
[node.n1.variables]
index = "7"
"#;

#[test]
fn a_server_is_expanded_whole() {
    let mut faults = Faults::default();
    let expansion = expand(&application(TEXT), &mut faults);
    assert_eq!(faults, Faults::default());
    let id = |text: &str| text.parse().unwrap();
    let adapter = |name: &str, id: &str, group: Option<&str>, port: &str, priority| AdapterSpec {
        name: name.to_owned(),
        id: id.parse().unwrap(),
        group: group.map(|group| group.parse().unwrap()),
        endpoint: format!(
            "{}://${{node.host}}:${{port.{port}}}",
            if name == "http" { "http" } else { "tcp" }
        ),
        priority,
    };
    let expected = ServerSpec {
        activation: Activation::OnDemand,
        ready: Ready::Tcp("http".into()),
        environment: [("WHERE", "/srv/shop/n1/web-7"), ("ADMIN", "${port.admin}")]
            .map(|(k, v)| (k.into(), v.into()))
            .into(),
        directory: Some("${server.data}/n1".into()),
        activation_timeout: Duration::from_secs(90),
        ports: [("admin", 0), ("http", 0), ("metrics", 9100), ("rpc", 0)]
            .map(|(k, v)| (k.to_owned(), v))
            .into(),
        adapters: vec![
            adapter("http", "web-7.http", Some("web"), "http", 3),
            adapter("rpc", "rpc-7", None, "rpc", 0),
        ],
        ..ServerSpec::new(
            id("web-7"),
            "shop".parse().unwrap(),
            ["/srv/shop/web", "--port", "${port.http}", "--cost", "$$5"]
                .map(str::to_owned)
                .to_vec(),
        )
    };
    assert_eq!(expansion.servers, [("n1".parse().unwrap(), expected)]);
    let object = |id: &str, kind: &str, home| ObjectRecord {
        id: id.parse().unwrap(),
        kind: kind.into(),
        home,
    };
    let expected = [
        object("shop-front", "page", ObjectHome::Group("web".parse().unwrap())),
        object("o-7", "", ObjectHome::Adapter("web-7.http".parse().unwrap())),
        object("p", "shop", ObjectHome::Adapter("rpc-7".parse().unwrap())),
    ];
    assert_eq!(expansion.objects, expected);
}
