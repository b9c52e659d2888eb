//! Ice's endpoints, as `tcp -h host -p 10000:ssl -p 10001`, to one URI of ours.

/// What became of an adapter's endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// The URI that floe publishes.
    pub(super) uri: String,
    /// What the program listens on: Ice's own text, with a port where it had none.
    pub(super) property: String,
    /// Is the port floe's to choose?
    pub(super) is_chosen: bool,
    /// Does a TCP connection tell that it is ready?
    pub(super) is_stream: bool,
    /// Options that a URI does not show, as `-t 60000`.
    pub(super) options: Vec<String>,
    /// The endpoints behind the first.
    pub(super) others: Vec<String>,
}

/// Reads endpoints; `port` is the name of the port that floe chooses. The reason why not, otherwise.
pub(super) fn read(text: &str, port: &str) -> Result<Endpoint, String> {
    let (first, others) = split(text);
    let mut words = words(first).into_iter().peekable();
    let protocol = words.next().unwrap_or_else(|| "default".to_owned());
    if protocol.contains('$') {
        return Err(format!("its protocol \"{protocol}\" is not known"));
    }
    let scheme = match protocol.as_str() {
        "default" | "tcp" => "tcp",
        "ssl" | "ws" | "wss" | "udp" => protocol.as_str(),
        _ => return Err(format!("protocol \"{protocol}\" has no counterpart")),
    };
    let (mut host, mut number, mut path) = (String::new(), String::new(), String::new());
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        let value = words.next_if(|next| !next.starts_with('-'));
        match (word.as_str(), value) {
            ("-h", Some(value)) => host = value,
            ("-p", Some(value)) => number = value,
            ("-r", Some(value)) if scheme.starts_with("ws") => path = value,
            (_, Some(value)) => options.push(format!("{word} {value}")),
            (_, None) => options.push(word),
        }
    }
    if path.is_empty() && scheme.starts_with("ws") {
        path.push('/');
    }
    let is_chosen = number.is_empty() || number == "0";
    let chosen = format!("${{port.{port}}}");
    let authority = authority(&host, if is_chosen { &chosen } else { &number });
    let property = if is_chosen {
        let kept = without_port(first);
        let first = format!("{kept} -p {chosen}");
        let all: Vec<&str> = std::iter::once(first.as_str()).chain(others.iter().copied()).collect();
        all.join(":")
    } else {
        text.trim().to_owned()
    };
    Ok(Endpoint {
        uri: format!("{scheme}://{authority}{path}"),
        property,
        is_chosen,
        is_stream: scheme != "udp",
        options,
        others: others.into_iter().map(str::to_owned).collect(),
    })
}

/// `host:port`; every address of the machine is the node's host.
fn authority(host: &str, port: &str) -> String {
    match host {
        "" | "*" | "0.0.0.0" | "::" | "0:0:0:0:0:0:0:0" => format!("${{node.host}}:{port}"),
        host if host.contains(':') && !host.contains('$') => format!("[{host}]:{port}"),
        host => format!("{host}:{port}"),
    }
}

/// An endpoint without a `-p 0`, so that another port can be put there.
fn without_port(first: &str) -> String {
    let first = first.trim();
    match first.split_once("-p 0") {
        Some((before, after)) if after.is_empty() || after.starts_with(' ') => {
            format!("{}{}", before.trim_end(), after.trim_end())
        }
        _ if first.is_empty() => "default".to_owned(),
        _ => first.trim_end_matches("-p").trim_end().to_owned(),
    }
}

/// At colons outside of quotes and variables: the first endpoint, and the others.
fn split(text: &str) -> (&str, Vec<&str>) {
    let mut parts = Vec::new();
    let (mut start, mut is_quoted, mut is_variable) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            '{' => is_variable = true,
            '}' => is_variable = false,
            ':' if !is_quoted && !is_variable => {
                parts.push(text.get(start..at).unwrap_or_default().trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default().trim());
    let mut parts = parts.into_iter();
    (
        parts.next().unwrap_or_default(),
        parts.filter(|part| !part.is_empty()).collect(),
    )
}

/// Words between blanks, quotes taken off.
fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut word, mut is_quoted, mut is_open) = (String::new(), false, false);
    for c in text.chars() {
        match c {
            '"' => {
                is_quoted = !is_quoted;
                is_open = true;
            }
            c if c.is_whitespace() && !is_quoted => {
                if is_open {
                    found.push(std::mem::take(&mut word));
                }
                is_open = false;
            }
            c => {
                word.push(c);
                is_open = true;
            }
        }
    }
    if is_open {
        found.push(word);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_endpoint_becomes_a_uri() {
        for (text, uri, property) in [
            ("default", "tcp://${node.host}:${port.W}", "default -p ${port.W}"),
            ("", "tcp://${node.host}:${port.W}", "default -p ${port.W}"),
            (
                "tcp -h 10.0.0.1",
                "tcp://10.0.0.1:${port.W}",
                "tcp -h 10.0.0.1 -p ${port.W}",
            ),
            ("tcp -h * -p 0", "tcp://${node.host}:${port.W}", "tcp -h * -p ${port.W}"),
            ("tcp -p 0 -t 5", "tcp://${node.host}:${port.W}", "tcp -t 5 -p ${port.W}"),
            ("tcp -h a -p 10000", "tcp://a:10000", "tcp -h a -p 10000"),
            ("tcp -h \"::1\" -p 1", "tcp://[::1]:1", "tcp -h \"::1\" -p 1"),
            ("ssl -p 2", "ssl://${node.host}:2", "ssl -p 2"),
            ("ws -p 3 -r /chat", "ws://${node.host}:3/chat", "ws -p 3 -r /chat"),
            ("wss -p 3", "wss://${node.host}:3/", "wss -p 3"),
            ("udp -p 4", "udp://${node.host}:4", "udp -p 4"),
            ("tcp -h ${h} -p ${p}", "tcp://${h}:${p}", "tcp -h ${h} -p ${p}"),
            (
                "tcp:ssl -p 5",
                "tcp://${node.host}:${port.W}",
                "tcp -p ${port.W}:ssl -p 5",
            ),
        ] {
            let endpoint = read(text, "W").unwrap();
            assert_eq!(
                (endpoint.uri.as_str(), endpoint.property.as_str()),
                (uri, property),
                "{text}"
            );
        }
        assert_eq!(read("tcp -t 60000 -z", "W").unwrap().options, ["-t 60000", "-z"]);
        assert_eq!(read("tcp -p 1:ssl -p 2:udp", "W").unwrap().others, ["ssl -p 2", "udp"]);
        assert!(read("opaque -v x", "W").is_err() && read("${endpoints}", "W").is_err());
    }
}
