//! `layout.lock` remembers where each field lies. Only what is appended may be added to it.

use floe_plugin_sdk::abi::{
    Attr, Batch, Candidate, Decision, Descriptor, Event, Host, Lease, Request, Str, TextBuffer, Verdict, Waiting,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::mem::offset_of;

/// One record of the ABI.
pub(crate) struct Record {
    pub(crate) name: &'static str,
    pub(crate) size: usize,
    /// Name, offset and size.
    pub(crate) fields: Vec<(&'static str, usize, usize)>,
}

fn size_of_field<S, F>(_field: fn(&S) -> &F) -> usize {
    size_of::<F>()
}

/// The second arm's pattern names every field, so that none can be forgotten here.
macro_rules! record {
    ($record:ident { $($field:ident),* $(,)? }) => {{
        fn complete(record: &$record) {
            let $record { $($field: _),* } = record;
        }
        let _: fn(&$record) = complete;
        Record {
            name: stringify!($record),
            size: size_of::<$record>(),
            fields: vec![$((
                stringify!($field),
                offset_of!($record, $field),
                size_of_field(|record: &$record| &record.$field),
            )),*],
        }
    }};
}

/// Long because it is a table.
pub(crate) fn records() -> Vec<Record> {
    vec![
        record!(Str { ptr, len }),
        record!(TextBuffer { buf, cap, len }),
        record!(Attr { key, kind, num, text }),
        record!(Candidate {
            id,
            name,
            node,
            zone,
            type_id,
            state,
            flags,
            load1,
            load5,
            load15,
            load_age_ms,
            cpus,
            mem_free_mib,
            capacity,
            in_use,
            pending,
            queued,
            weight,
            priority,
            attr_count,
            attrs,
        }),
        record!(Batch {
            struct_size,
            stride,
            count,
            reserved,
            generation,
            base
        }),
        record!(Request {
            struct_size,
            op,
            seq,
            now_ms,
            seed,
            session,
            principal,
            group,
            type_id,
            zone,
            node,
            priority,
            want,
            deadline_us,
            wait_ms,
            attr_count,
            held_count,
            attrs,
            held,
        }),
        record!(Waiting {
            struct_size,
            passed,
            since_ms,
            request
        }),
        record!(Verdict { score, code, reserved }),
        record!(Decision {
            struct_size,
            chosen,
            retry_after_ms,
            reason
        }),
        record!(Event {
            struct_size,
            kind,
            seq,
            now_ms,
            lease,
            candidate,
            session,
            principal,
            group,
            type_id,
            zone,
            node,
            priority,
        }),
        record!(Lease {
            struct_size,
            reserved,
            lease,
            candidate,
            session,
            since_ms,
            now_ms,
            principal,
            group,
            type_id,
            zone,
            node,
            priority,
        }),
        record!(Host {
            struct_size,
            major,
            minor,
            ctx,
            log,
            intern,
            resolve,
            now_ms
        }),
        record!(Descriptor {
            magic,
            abi_major,
            abi_minor,
            struct_size,
            candidate_size,
            request_size,
            flags,
            reserved,
            name,
            version,
            built_with,
            create,
            destroy,
            evaluate,
            select,
            order,
            observe,
            resync,
        }),
    ]
}

/// Records that lie in arrays or in others without a size of their own.
const FIXED: [&str; 4] = ["Str", "TextBuffer", "Attr", "Verdict"];

fn text(records: &[Record]) -> String {
    let mut text =
        String::from("# Where each field of the plugin ABI lies: name, offset, size. Only what is appended changes.\n");
    for record in records {
        let fixed = if FIXED.contains(&record.name) { " fixed" } else { "" };
        writeln!(text, "{} {}{fixed}", record.name, record.size).expect("writing to memory cannot fail");
        for (field, offset, size) in &record.fields {
            writeln!(text, "  {field} {offset} {size}").expect("writing to memory cannot fail");
        }
    }
    text
}

/// Each record of a lock: its first line, and the lines of its fields.
fn parsed(lock: &str) -> BTreeMap<String, (usize, Vec<String>)> {
    let mut records: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    let mut last = String::new();
    for line in lock.lines().filter(|line| !line.starts_with('#')) {
        if let Some(field) = line.strip_prefix("  ") {
            records.entry(last.clone()).or_default().1.push(field.to_owned());
            continue;
        }
        let mut words = line.split(' ');
        words.next().unwrap_or_default().clone_into(&mut last);
        let size = words
            .next()
            .and_then(|size| size.parse().ok())
            .expect("a record has a size");
        records.insert(last.clone(), (size, Vec::new()));
    }
    records
}

/// What has changed in a way that old plugins do not survive.
fn broken(old: &str, new: &str) -> Vec<String> {
    let new = parsed(new);
    let mut faults = Vec::new();
    for (name, (old_size, old_fields)) in parsed(old) {
        let Some((size, fields)) = new.get(&name) else {
            faults.push(format!("{name} is gone"));
            continue;
        };
        if *size < old_size || (*size != old_size && FIXED.contains(&name.as_str())) {
            faults.push(format!("{name} had {old_size} bytes and has {size}"));
        }
        for (index, field) in old_fields.iter().enumerate() {
            if fields.get(index) != Some(field) {
                faults.push(format!(
                    "{name}: `{field}` became `{}`",
                    fields.get(index).map_or("nothing", String::as_str)
                ));
            }
        }
        for field in fields.iter().skip(old_fields.len()) {
            let offset = field.split(' ').nth(1).and_then(|offset| offset.parse::<usize>().ok());
            if offset.is_none_or(|offset| offset < old_size) {
                faults.push(format!("{name}: `{field}` is not behind the old end, {old_size}"));
            }
        }
    }
    faults
}

#[test]
fn the_layout_only_grows_at_its_ends() {
    let new = text(&records());
    let old = std::fs::read_to_string(super::path("layout.lock")).unwrap_or_default();
    let faults = broken(&old, &new);
    assert!(
        faults.is_empty(),
        "plugins in the field would misread these:\n{}",
        faults.join("\n")
    );
    super::compare("layout.lock", &new);
}

#[test]
fn the_lock_notices_what_breaks_plugins() {
    let old = "Str 16 fixed\n  ptr 0 8\n  len 8 8\nBatch 16\n  a 0 8\n  b 8 8\n";
    let appended = "Str 16 fixed\n  ptr 0 8\n  len 8 8\nBatch 24\n  a 0 8\n  b 8 8\n  c 16 8\nNew 8\n  a 0 8\n";
    assert_eq!(broken(old, old), [] as [&str; 0]);
    assert_eq!(broken(old, appended), [] as [&str; 0]);
    for (what, new) in [
        ("reordered", old.replace("a 0 8\n  b 8 8", "b 0 8\n  a 8 8")),
        ("resized", old.replace("a 0 8", "a 0 4")),
        ("removed", old.replace("  b 8 8\n", "")),
        ("put into padding", old.replace("b 8 8", "b 8 8\n  c 12 4")),
        ("fixed one grown", old.replace("Str 16", "Str 24")),
        ("record gone", old.replace("Batch", "Other")),
    ] {
        assert!(!broken(old, &new).is_empty(), "{what}");
    }
}
