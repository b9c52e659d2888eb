use super::*;

fn read(text: &str) -> Result<Imported, ImportError> {
    import(text, "a.xml", &mut |path| Err(format!("there is no {path}")))
}
fn application_of(inner: &str) -> String {
    format!("<icegrid><application name=\"a\">{inner}</application></icegrid>")
}
fn server_of(attributes: &str, inner: &str) -> String {
    application_of(&format!(
        "<node name=\"n\"><server id=\"s\" exe=\"/s\" {attributes}>{inner}</server></node>"
    ))
}
fn adapter_of(attributes: &str, inner: &str) -> String {
    server_of("", &format!("<adapter name=\"W\" {attributes}>{inner}</adapter>"))
}

/// The TOML holds each line; the notes are those that are told, by their beginnings behind the place.
#[track_caller]
fn check(xml: &str, lines: &[&str], notes: &[&str]) {
    let imported = read(xml).unwrap_or_else(|error| panic!("{error} in {xml}"));
    let toml = to_toml(&imported, "a.xml");
    for line in lines {
        assert!(toml.contains(line), "no {line} in:\n{toml}");
    }
    let said: Vec<String> = imported.notes.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), notes.len(), "{said:#?}");
    for (said, note) in said.iter().zip(notes) {
        let said = said.splitn(4, ':').nth(3).unwrap_or_default().trim();
        assert!(said.starts_with(note), "{said} does not start with {note}");
    }
}

#[test]
fn an_application_with_its_parts() {
    let table: [(&str, &[&str], &[&str]); 12] = [
        ("", &["application = \"a\"\n"], &[]),
        (
            "<description> one\n two </description>",
            &["description = \"one two\"\n"],
            &[],
        ),
        (
            "<variable name=\"x\" value=\"$1 ${y}\"/>",
            &["[variables]\nx = \"$$1 ${y}\"\n"],
            &["not mapped: ${y}: nothing in the file gives it a value"],
        ),
        ("<variable name=\"x\"/>", &["x = \"\"\n"], &[]),
        (
            "<variable name=\"x\"/><variable name=\"x\" value=\"2\"/>",
            &["x = \"2\"\n"],
            &["note: variable x is defined again"],
        ),
        (
            "<variable value=\"2\"/>",
            &[],
            &["not mapped: <variable value=\"2\">: it has no name"],
        ),
        (
            "<properties id=\"P\"><properties refid=\"Q\"/><property name=\"k\" value=\"v#\"/></properties>",
            &["[properties.P]\nuse = [\"Q\"]\nset = { k = \"v#\" }\n"],
            &[],
        ),
        (
            "<replica-group id=\"G\"/>",
            &["[[group]]\nid = \"G\"\nbalance = \"random\"\ncount = 0\n"],
            &[],
        ),
        (
            "<replica-group id=\"G\"><load-balancing type=\"adaptive\" load-sample=\"5\"/></replica-group>",
            &["balance = \"adaptive\"\ncount = 1\n"],
            &["not mapped: load-sample=\"5\" of <load-balancing>"],
        ),
        (
            "<replica-group id=\"G\"><load-balancing type=\"${t}\" n-replicas=\"3\"/></replica-group><variable name=\"t\" value=\"ordered\"/>",
            &["balance = \"ordered\"\ncount = 3\n"],
            &[],
        ),
        (
            "<replica-group id=\"G\"><object identity=\"o\" type=\"T\"/></replica-group>",
            &["object = [{ id = \"o\", type = \"T\" }]\n"],
            &[],
        ),
        ("<distrib/>", &[], &["not mapped: <distrib>: floe copies no files"]),
    ];
    for (inner, lines, notes) in table {
        check(&application_of(inner), lines, notes);
    }
}

#[test]
fn a_server_with_its_parts() {
    let table: [(&str, &str, &[&str], &[&str]); 17] = [
        ("", "", &["[[node.n.server]]\nid = \"s\"\nrun = [\"/s\"]\n"], &[]),
        ("activation=\"on-demand\"", "", &["activation = \"on-demand\"\n"], &[]),
        ("activation=\"session\"", "", &["activation = \"session\"\n"], &[]),
        (
            "activation=\"never\"",
            "",
            &[],
            &["not mapped: activation=\"never\" of <server>"],
        ),
        (
            "activation-timeout=\"5\" deactivation-timeout=\"${t}\"",
            "",
            &["activation_timeout = \"5s\"\ndeactivation_timeout = \"${t}s\"\n"],
            &["not mapped: ${t}: nothing"],
        ),
        (
            "pwd=\"/srv\" user=\"u\"",
            "",
            &["directory = \"/srv\"\nuser = \"u\"\n"],
            &[],
        ),
        ("pwd=\".\"", "", &["run = [\"/s\"]\n"], &["note: pwd \".\" is relative"]),
        ("allocatable=\"true\"", "", &["exclusive = true\n"], &[]),
        (
            "allocatable=\"false\" application-distrib=\"false\"",
            "",
            &["run = [\"/s\"]\n"],
            &[],
        ),
        (
            "",
            "<option>-v</option><option>a b</option>",
            &["run = [\"/s\", \"-v\", \"a b\"]\n"],
            &[],
        ),
        ("", "<env>A=b=c</env>", &["environment = { A = \"b=c\" }\n"], &[]),
        (
            "",
            "<env>FLOE_X=1</env>",
            &[],
            &["not mapped: <env>: FLOE_X: names hold"],
        ),
        (
            "",
            "<property name=\"k\" value=\"v\"/>",
            &[
                "run = [\"/s\", \"--Ice.Config=${server.config}/config\"]\n",
                "file = [{ name = \"config\", set = { k = \"v\" } }]\n",
            ],
            &[],
        ),
        (
            "",
            "<properties><properties refid=\"P\"/></properties>",
            &["file = [{ name = \"config\", use = [\"P\"] }]\n"],
            &[],
        ),
        (
            "",
            "<log path=\"/l/a.log\"/>",
            &["log = { \"a.log\" = \"/l/a.log\" }\n"],
            &[],
        ),
        (
            "",
            "<description>D</description>",
            &["labels = { description = \"D\" }\n"],
            &[],
        ),
        (
            "",
            "<dbenv name=\"d\"><dbproperty name=\"x\"/></dbenv>",
            &[],
            &["not mapped: <dbenv name=\"d\"> and what is in it"],
        ),
    ];
    for (attributes, inner, lines, notes) in table {
        check(&server_of(attributes, inner), lines, notes);
    }
}

#[test]
fn an_adapter_with_its_parts() {
    let table: [(&str, &str, &[&str], &[&str]); 12] = [
        (
            "",
            "",
            &[
                "adapter = [{ name = \"W\", endpoint = \"tcp://${node.host}:${port.W}\" }]\n",
                "set = { \"W.Endpoints\" = \"default -p ${port.W}\" }",
                "ready = { tcp = \"W\" }\n",
            ],
            &[],
        ),
        ("endpoints=\"tcp -h h -p 1\"", "", &["endpoint = \"tcp://h:1\""], &[]),
        (
            "endpoints=\"${e}\"",
            "",
            &["endpoint = \"tcp://"],
            &[
                "not mapped: \"${e}\" must be known here",
                "not mapped: ${e}: nothing in",
            ],
        ),
        (
            "id=\"I\" priority=\"2\"",
            "",
            &["{ name = \"W\", id = \"I\", endpoint = \"tcp://${node.host}:${port.W}\", priority = 2 }"],
            &[],
        ),
        (
            "server-lifetime=\"false\"",
            "",
            &["run = [\"/s\", \"--Ice.Config=${server.config}/config\"]\nfile ="],
            &[],
        ),
        (
            "register-process=\"true\"",
            "",
            &[],
            &["note: register-process has no meaning"],
        ),
        (
            "replica-group=\"G\"",
            "",
            &[],
            &["not mapped: replica-group=\"G\" of <adapter>"],
        ),
        (
            "proxy-options=\"-e 1.0\"",
            "",
            &["\"W.ProxyOptions\" = \"-e 1.0\""],
            &["not mapped: proxy-options=\"-e 1.0\" of <adapter>"],
        ),
        (
            "",
            "<object identity=\"o\" type=\"T\" property=\"P\"/>",
            &["object = [{ id = \"o\", type = \"T\" }]\n", "P = \"o\""],
            &[],
        ),
        (
            "",
            "<allocatable identity=\"o\" type=\"T\"/>",
            &["allocatable = [{ id = \"o\", type = \"T\" }]\n"],
            &[],
        ),
        (
            "",
            "<object identity=\"${server}/x\"/><object identity=\"${server}\"/>",
            &["object = [{ id = \"${server}.x\" }, { id = \"${server}\" }]\n"],
            &["note: \"${server}/x\" is \"${server}.x\" here"],
        ),
        (
            "wait-for-activation=\"true\"",
            "",
            &[],
            &["not mapped: wait-for-activation=\"true\" of <adapter>: IceGrid's format has no such"],
        ),
    ];
    for (attributes, inner, lines, notes) in table {
        check(&adapter_of(attributes, inner), lines, notes);
    }
}

#[test]
fn a_parameter_where_floe_has_no_variables_writes_the_template_out() {
    let xml = application_of(
        "<server-template id=\"T\"><parameter name=\"e\"/><parameter name=\"i\" default=\"1\"/>
           <server id=\"s-${i}\" exe=\"/s\"><adapter name=\"W\" endpoints=\"${e}\"/></server></server-template>
         <node name=\"n\"><server-instance template=\"T\" e=\"tcp -p 5\" f=\"x\"/><server-instance template=\"T\"/></node>",
    );
    check(
        &xml,
        &["id = \"s-1\"", "endpoint = \"tcp://${node.host}:5\""],
        &[
            "note: template T is written out for each of its servers: floe has no variables where \"${e}\" stands",
            "not mapped: \"${e}\" must be known here: variable `e` has no value here",
            "not mapped: ${e}: nothing in the file",
            "not mapped: f=\"x\" of <server-instance>: template T has no such parameter",
            "not mapped: <server-instance> gives no value for parameter e of template T",
        ],
    );
}

#[test]
fn includes_are_found_beside_the_file_and_choose_targets() {
    let main = "<icegrid><application name=\"a\"><node name=\"n\"><include file=\"../x/b.xml\" targets=\"t\"/></node></application></icegrid>";
    let mut asked = Vec::new();
    let imported = import(main, "etc/a.xml", &mut |path| {
        asked.push(path.to_owned());
        match path {
            "x/b.xml" => Ok("<icegrid><target name=\"t\"><server id=\"in\" exe=\"/s\"/></target><include file=\"b.xml\"/></icegrid>".into()),
            _ => Err("none".into()),
        }
    });
    let imported = imported.unwrap();
    assert_eq!(asked, ["x/b.xml"]);
    assert!(to_toml(&imported, "a.xml").contains("id = \"in\""));
    let said: Vec<String> = imported.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "etc/a.xml:1:47: note: x/b.xml was read from outside the folder of etc/a.xml",
            "x/b.xml:1:62: not mapped: <include file=\"b.xml\">: x/b.xml includes itself this way",
        ]
    );
}

#[test]
fn a_variable_that_no_id_can_hold_is_replaced_by_its_value() {
    let object = "<server id=\"s\" exe=\"/s\"><adapter name=\"W\"><object identity=\"${o}\"/></adapter></server>";
    let xml = application_of(&format!(
        "<variable name=\"o\" value=\"cat/x\"/><node name=\"n\">{object}</node>"
    ));
    check(
        &xml,
        &["object = [{ id = \"cat.x\" }]"],
        &["note: \"cat/x\" is \"cat.x\" here"],
    );
}

#[test]
fn what_targets_share_is_told() {
    let imported = read(&server_of(
        "",
        "<target name=\"a\"><option>-a</option></target><target name=\"b\"><option>-b</option></target>",
    ));
    let imported = imported.unwrap();
    let toml = to_toml(&imported, "a.xml");
    assert!(
        toml.contains("[[target.a.node.n.server]]\nid = \"s\"\nrun = [\"/s\", \"-a\"]\n"),
        "{toml}"
    );
    assert!(imported.is_in_part() && imported.notes.iter().any(|note| note.message.contains("targets a, b")));
}

#[test]
fn bounds_hold() {
    let large = " ".repeat(FILE_BYTES_MAX + 1);
    let deep = "<node>".repeat(DEPTH_MAX) + &"</node>".repeat(DEPTH_MAX);
    // Each instance repeats a template of 1 MB: a hundred times is more than may be written out.
    let option = format!("<option>{}${{x}}</option>", "y".repeat(1_000_000));
    let template = format!(
        "<server-template id=\"T\"><parameter name=\"x\"/><server id=\"${{x}}\" exe=\"e\">{option}<property name=\"${{x}}\"/></server></server-template>"
    );
    let instances = "<server-instance template=\"T\" x=\"1\"/>".repeat(200);
    let bomb = application_of(&format!("{template}<node name=\"n\">{instances}</node>"));
    for (text, said) in [
        (large, "is larger than"),
        (application_of(&deep), "nested more than"),
        (bomb, "when they are written out"),
    ] {
        let error = read(&text).unwrap_err();
        assert!(
            matches!(error, ImportError::TooMuch { .. }) && error.to_string().contains(said),
            "{error}"
        );
    }
    let own = "<icegrid><include file=\"z.xml\"/></icegrid>";
    let mut reads = 0;
    let error = import(&application_of("<include file=\"1.xml\"/>"), "a.xml", &mut |_| {
        reads += 1;
        Ok(own.replace('z', &format!("{}", reads + 1)))
    });
    let notes = error.unwrap().notes;
    assert!(
        reads <= INCLUDE_DEPTH_MAX && notes.iter().any(|note| note.message.contains("deep")),
        "{reads}"
    );
}
