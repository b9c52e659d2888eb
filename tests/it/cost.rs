//! What an update of a large deployment costs while readers hold the one before. Prints figures, asserts nothing:
//! `cargo nextest run --run-ignored only --no-capture cost::`.

use floe::pure::base::WallTime;
use floe::pure::lineage::Version;
use floe::pure::model::{Application, ApplicationRecord, Deployment, Update};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

const APPLICATIONS: u64 = 1_000;
const OBJECTS: u64 = 10;
const UPDATES: u64 = 200;

fn put(deployment: &mut Arc<Deployment>, number: u64, serial: u64) -> Duration {
    let mut text = format!("application = \"app-{number}\"\ndescription = \"{serial}\"\n");
    write!(
        text,
        "[[node.n{}.server]]\nid = \"s{number}\"\nrun = [\"/bin/true\"]\n[[node.n{}.server.adapter]]\nname = \"main\"\nendpoint = \"tcp://127.0.0.1:{serial}\"\n",
        number % 10,
        number % 10
    )
    .expect("memory");
    for object in 0..OBJECTS {
        write!(
            text,
            "[[node.n{}.server.object]]\nid = \"o{number}-{object}\"\n",
            number % 10
        )
        .expect("memory");
    }
    let update = Update::PutApplication(Arc::new(ApplicationRecord {
        descriptor: Application::from_toml(&text, "cost.toml").expect("it is valid").into(),
        revision: serial,
        version: Version::default(),
        time: WallTime(0),
        actor: String::new(),
        changes: None,
        rolled_back_to: None,
    }));
    let begin = Instant::now();
    Arc::make_mut(deployment).apply(&update, serial).expect("it fits");
    begin.elapsed()
}

#[test]
#[ignore = "a measurement, not a proof"]
fn an_update_of_a_large_deployment() {
    let mut deployment = Arc::new(Deployment::default());
    let mut serial = 0;
    for number in 0..APPLICATIONS {
        serial += 1;
        put(&mut deployment, number, serial);
    }
    for held in [false, true] {
        let mut took = Duration::ZERO;
        for number in 0..UPDATES {
            serial += 1;
            // As the readers' view, or an update that waits for copies, holds it.
            let reader = held.then(|| deployment.clone());
            took += put(&mut deployment, number, serial);
            let begin = Instant::now();
            drop(reader);
            took += begin.elapsed();
        }
        println!(
            "{APPLICATIONS} applications, {} objects, held by a reader: {held}: {:?} an update",
            deployment.all_objects.len(),
            took / u32::try_from(UPDATES).expect("few")
        );
    }
}
