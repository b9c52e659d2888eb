//! What a panic said and where, kept until its guard asks.

use std::cell::{Cell, RefCell};
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// How many guards this thread is in.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Inside of a guard: panics of this thread are noted and not printed.
#[derive(Debug)]
pub(crate) struct Watch;

impl Watch {
    /// Begins to note. The hook is this library's own copy of the standard library's; the host's stays as it is.
    pub(crate) fn begin() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = take_hook();
            set_hook(Box::new(move |info| {
                if DEPTH.get() == 0 {
                    before(info);
                } else {
                    LAST.with_borrow_mut(|last| *last = told(info));
                }
            }));
        });
        DEPTH.set(DEPTH.get() + 1);
        Self
    }
    /// What the last panic said, with file and line.
    pub(crate) fn last() -> String {
        LAST.take()
    }
}
impl Drop for Watch {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
    }
}

fn told(info: &PanicHookInfo<'_>) -> String {
    let text = info.payload_as_str().unwrap_or("panic without a text");
    match info.location() {
        Some(place) => format!("{text} ({}:{})", place.file(), place.line()),
        None => text.to_owned(),
    }
}
