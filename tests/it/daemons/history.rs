//! The history of an application on the command line: shown, looked into, rolled back, kept over restarts.

use super::application::Text;
use super::grid::{Grid, Said};
use serde_json::Value;

const R: [&str; 2] = ["r1", "r2"];

fn shop(servers: &[&str]) -> String {
    let text = servers.iter().fold(Text::new("shop"), |text, id| text.idle("n1", id));
    text.as_str().to_owned()
}

async fn rows(grid: &Grid) -> Vec<(u64, String)> {
    let said = grid.floe_at(&R, &["app", "history", "shop", "--format", "json"]).await;
    let rows = said.done().json();
    let row = |row: &Value| Some((row["revision"].as_u64()?, row["action"].as_str()?.to_owned()));
    let rows = rows.as_array().expect("a list").iter();
    rows.map(|value| row(value).unwrap_or_else(|| panic!("{value}")))
        .collect()
}

fn expect(rows: &[(u64, &str)]) -> Vec<(u64, String)> {
    rows.iter()
        .map(|(number, what)| (*number, (*what).to_owned()))
        .collect()
}

#[tokio::test]
async fn an_application_goes_back_and_forth_and_comes_back_after_its_removal() {
    let mut grid = Grid::new(&R, &[]);
    grid.start_all();
    grid.settled("r1", &["r2"], &[]).await;
    let floe = async |grid: &Grid, line: &str| -> Said {
        let words: Vec<&str> = line.split(' ').collect();
        grid.floe_at(&R, &words).await
    };
    for (number, servers) in [(1, &["a"][..]), (2, &["a", "b"]), (3, &["c"])] {
        let file = grid.write(&format!("{number}.toml"), &shop(servers));
        floe(&grid, &format!("app apply {file}")).await.done();
    }
    let table = floe(&grid, "app history shop").await.done().out;
    assert!(
        table.contains("in force") && table.contains("1 added, 2 removed"),
        "{table}"
    );

    let shown = floe(&grid, "app show shop --revision 2").await.done().out;
    assert!(shown.contains("\"b\"") && !shown.contains("\"c\""), "{shown}");
    let missing = floe(&grid, "app show shop --revision 9").await;
    assert!(
        missing.code == Some(4) && missing.err.contains("floe app history shop"),
        "{missing:?}"
    );

    let file = grid.write("2.toml", &shop(&["a", "b"]));
    let planned = floe(&grid, "app rollback shop --dry-run --format json").await.done();
    let diff = floe(&grid, &format!("app diff {file} --format json")).await.done();
    assert_eq!(planned.json(), diff.json(), "as app diff does");
    assert_eq!(rows(&grid).await.len(), 3, "nothing was changed");

    let moved = floe(&grid, "app rollback shop --if-revision 2").await;
    assert_eq!(moved.code, Some(5), "{moved:?}");
    let back = floe(&grid, "app rollback shop --if-revision 3").await.done().out;
    assert!(
        back.starts_with("rolled back to revision 2: shop: revision 4, "),
        "{back}"
    );
    let id = "0123456789abcdef0123456789abcdef";
    let retry = format!("app rollback shop --to 1 --request {id} --format json");
    let (first, again) = (floe(&grid, &retry).await.done(), floe(&grid, &retry).await.done());
    assert_eq!(
        (&first.json()["revision"], &first.json()["version"]),
        (&again.json()["revision"], &again.json()["version"]),
    );
    floe(&grid, "app remove shop").await.done();
    let expected = expect(&[
        (5, "removed"),
        (5, "rolled-back"),
        (4, "rolled-back"),
        (3, "applied"),
        (2, "applied"),
        (1, "applied"),
    ]);
    assert_eq!(rows(&grid).await, expected);

    for name in R {
        grid.kill(name).await;
    }
    for name in R {
        grid.start(name);
    }
    grid.settled("r1", &["r2"], &[]).await;
    assert_eq!(rows(&grid).await, expected, "kill -9 and a restart change nothing");
    let back = floe(&grid, "app rollback shop --if-revision 0").await.done().out;
    assert!(
        back.starts_with("rolled back to revision 5: shop: revision 6, "),
        "{back}"
    );
    assert!(floe(&grid, "app show shop").await.done().out.contains("\"a\""));
    let over_http = super::grid::get(&format!("http://{}/v1/applications/shop/history", grid.http("r2"))).await;
    let told: Value = serde_json::from_str(over_http.split("\r\n\r\n").nth(1).unwrap_or_default()).expect("JSON");
    assert_eq!(
        (&told[0]["revision"], &told[0]["rolled_back_to"]),
        (&6.into(), &5.into()),
        "{told}"
    );
}
