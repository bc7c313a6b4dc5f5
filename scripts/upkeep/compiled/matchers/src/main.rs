//! Asks three versions of a release's `fallback.rs`, copied beside this file, the same questions: one in JSON a line
//! on standard input, the three answers on standard output.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    io::{self, Write},
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[allow(dead_code)]
mod alone;
#[allow(dead_code)]
mod series;
#[allow(dead_code)]
mod stock;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: all is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Deserialize)]
struct Question {
    fallbacks: Value,
    groups: Vec<String>,
    keys: Value,
    repeat: u32,
}

/// `allocations` and `seconds` are of one lookup of all groups, which is what a failed request makes.
#[derive(Serialize)]
struct Answer {
    chain: Option<Vec<Value>>,
    keyed: Vec<bool>,
    allocations: u64,
    seconds: f64,
}

macro_rules! ask {
    ($module:ident, $question:expr) => {{
        use $module::{FallbackKeys, FallbackTarget, Fallbacks};
        let fallbacks: Fallbacks = serde_json::from_value($question.fallbacks.clone())?;
        let keys: FallbackKeys = serde_json::from_value($question.keys.clone())?;
        let groups: Vec<&str> = $question.groups.iter().map(String::as_str).collect();
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let found = fallbacks.lookup_groups(&groups, &keys);
        let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
        let started = Instant::now();
        for _ in 0..$question.repeat {
            std::hint::black_box(fallbacks.lookup_groups(std::hint::black_box(&groups), &keys));
        }
        Answer {
            seconds: started.elapsed().as_secs_f64() / f64::from($question.repeat.max(1)),
            allocations,
            keyed: groups.iter().map(|group| fallbacks.has_keyed_chain(group, &keys)).collect(),
            chain: found.map(|targets| {
                let value = |target| match target {
                    FallbackTarget::Name(name) => Value::String(name),
                    FallbackTarget::Params(dict) => Value::Object(dict),
                };
                targets.into_iter().map(value).collect()
            }),
        }
    }};
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for line in io::stdin().lines() {
        let question: Question = serde_json::from_str(&line?)?;
        let answers = [ask!(stock, question), ask!(alone, question), ask!(series, question)];
        println!("{}", serde_json::to_string(&answers)?);
        io::stdout().flush()?;
    }
    Ok(())
}
