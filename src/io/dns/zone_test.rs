//! Questions as clients send them, answers as they read them.

use super::*;
use proptest::prelude::*;

fn zone() -> Zone {
    Zone::new(
        &"shop".parse().unwrap(),
        Duration::from_secs(1),
        "127.0.0.1".parse().unwrap(),
    )
}

fn look(id: &str) -> Looked {
    let endpoints: &[&str] = match id {
        "web" => &["http://127.0.0.1:8001", "http://[::1]:8002/x", "tcp://db.example:9"],
        "web-1.http" => &["https://10.0.0.7"],
        "Big" | "idle" => &[],
        "many" => {
            let many = (0..200).map(|number| format!("tcp://10.0.{number}.1:{}", 1000 + number));
            return Looked::Known(many.collect());
        }
        _ => return Looked::Unknown,
    };
    Looked::Known(endpoints.iter().map(|text| (*text).to_owned()).collect())
}

fn ask_with(name: &str, kind: RecordType, stream: bool, payload: Option<u16>) -> (Message, Outcome) {
    let mut request = Message::new(7, MessageType::Query, OpCode::Query);
    request.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    if let Some(payload) = payload {
        let mut edns = Edns::new();
        edns.set_max_payload(payload);
        request.set_edns(edns);
    }
    let (answer, outcome) = zone().answer(&look, &request.to_vec().unwrap(), stream);
    let answer = answer.unwrap();
    assert!(stream || answer.len() <= 1232);
    let message = Message::from_vec(&answer).unwrap();
    assert_eq!(message.metadata.id, 7);
    (message, outcome)
}
fn ask(name: &str, kind: RecordType) -> (Vec<String>, ResponseCode) {
    let (message, _) = ask_with(name, kind, false, Some(4096));
    let answers = message.answers.iter().map(|record| record.data.to_string());
    (answers.collect(), message.metadata.response_code)
}

#[test]
fn names_have_the_records_of_what_is_active() {
    use RecordType::{A, AAAA, NS, SOA, SRV, TXT};
    let v6 = "ip6-00000000000000000000000000000001.shop.floe.";
    let table: &[(&str, RecordType, &[&str])] = &[
        ("web.shop.floe.", A, &["127.0.0.1"]),
        ("web.shop.floe.", AAAA, &["::1"]),
        (
            "web.shop.floe.",
            SRV,
            &["0 0 8001 ip-127-0-0-1.shop.floe.", "1 0 8002 V6", "2 0 9 db.example."],
        ),
        ("WEB.Shop.FLOE.", A, &["127.0.0.1"]),
        (
            "_http._tcp.web.shop.floe.",
            SRV,
            &["0 0 8001 ip-127-0-0-1.shop.floe.", "1 0 8002 V6"],
        ),
        ("_smtp._tcp.web.shop.floe.", SRV, &[]),
        ("web-1.http.shop.floe.", SRV, &["0 0 443 ip-10-0-0-7.shop.floe."]),
        ("web.shop.floe.", TXT, &[]),
        ("idle.shop.floe.", SRV, &[]),
        ("Big.shop.floe.", A, &[]),
        ("ip-10-0-0-7.shop.floe.", A, &["10.0.0.7"]),
        ("ip-10-0-0-7.shop.floe.", AAAA, &[]),
        (v6, AAAA, &["::1"]),
        ("shop.floe.", NS, &["ip-127-0-0-1.shop.floe."]),
        ("shop.floe.", A, &[]),
    ];
    for (name, kind, expected) in table {
        let expected: Vec<String> = expected.iter().map(|text| text.replace("V6", v6)).collect();
        assert_eq!(ask(name, *kind), (expected, ResponseCode::NoError), "{name} {kind}");
    }
    assert_eq!(ask("shop.floe.", SOA).0.len(), 1);
    for (name, code) in [
        ("nobody.shop.floe.", ResponseCode::NXDomain),
        ("ip-10-0-0.shop.floe.", ResponseCode::NXDomain),
        ("_http._tcp.shop.floe.", ResponseCode::NXDomain),
        ("web.other.floe.", ResponseCode::Refused),
        ("example.com.", ResponseCode::Refused),
        (".", ResponseCode::Refused),
    ] {
        let (message, _) = ask_with(name, A, false, None);
        assert_eq!(message.metadata.response_code, code, "{name}");
        assert_eq!(
            message.authorities.len(),
            usize::from(code == ResponseCode::NXDomain),
            "{name}"
        );
    }
    assert_eq!(ask("web.shop.floe.", RecordType::ANY).1, ResponseCode::Refused);
}

#[test]
fn what_does_not_fit_comes_by_tcp() {
    for (payload, stream, whole) in [(None, false, false), (Some(4096), false, false), (None, true, true)] {
        let (message, _) = ask_with("many.shop.floe.", RecordType::A, stream, payload);
        assert_eq!(message.metadata.truncation, !whole, "{payload:?} {stream}");
        assert_eq!(message.answers.len(), if whole { 200 } else { 0 });
    }
    let (message, _) = ask_with("web.shop.floe.", RecordType::SRV, false, None);
    assert!(!message.metadata.truncation && message.additionals.len() == 2);
    assert!(message.edns.is_none(), "only who speaks EDNS is answered with it");
}

#[test]
fn other_messages_are_refused_in_their_own_terms() {
    let answer = |message: &Message| {
        let (bytes, outcome) = zone().answer(&look, &message.to_vec().unwrap(), false);
        (
            bytes.map(|bytes| Message::from_vec(&bytes).unwrap().metadata.response_code),
            outcome,
        )
    };
    let none = Message::new(7, MessageType::Query, OpCode::Query);
    assert_eq!(answer(&none), (Some(ResponseCode::FormErr), Outcome::Malformed));
    let mut notify = Message::new(7, MessageType::Query, OpCode::Notify);
    notify.add_query(Query::query(Name::from_ascii("web.shop.floe.").unwrap(), RecordType::A));
    assert_eq!(answer(&notify), (Some(ResponseCode::NotImp), Outcome::Refused));
    let response = Message::new(7, MessageType::Response, OpCode::Query);
    assert_eq!(
        answer(&response),
        (None, Outcome::Malformed),
        "else two servers could talk for ever"
    );
}

proptest! {
    #[test]
    fn arbitrary_packets_never_panic_and_answers_stay_small(packet in prop::collection::vec(any::<u8>(), 0..600)) {
        let (answer, _) = zone().answer(&look, &packet, false);
        prop_assert!(answer.is_none_or(|answer| answer.len() <= 1232));
    }
    #[test]
    fn damaged_questions_never_panic(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut request = Message::new(7, MessageType::Query, OpCode::Query);
        request.add_query(Query::query(Name::from_ascii("_http._tcp.web.shop.floe.").unwrap(), RecordType::SRV));
        let mut packet = request.to_vec().unwrap();
        let place = place.index(packet.len());
        packet[place] = byte;
        zone().answer(&look, &packet, false);
    }
}
